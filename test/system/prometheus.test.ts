import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { page, ROOT } from '../markdown.ts';
import { ask, jsonOf } from './http-client.ts';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';
import { eventually, freePort, start, type Running } from './running.ts';

const promtool = (...args: string[]) => promisify(execFile)(programPath('promtool'), args, { cwd: ROOT });

test('Prometheus takes the alert rules, and the way to scrape', async () => {
  expect((await promtool('check', 'rules', 'recipes/prometheus/alerts.yml')).stdout).toMatch(/SUCCESS: \d+ rules found/);
  expect((await promtool('check', 'config', 'recipes/prometheus/scrape.yml')).stdout).toContain('SUCCESS');
});

test('each alert fires when it should, and not when it should not', async () => {
  expect((await promtool('test', 'rules', 'test/system/prometheus/alerts.yml')).stdout).toContain('SUCCESS');
});

describe('a real Prometheus, told as in scrape.yml', () => {
  const running: Running[] = [];
  let installation: Installation;

  beforeEach(() => {
    installation = new Installation();
  });

  afterEach(async () => {
    for (const process of running.splice(0).reverse()) await process.stop();
    installation.remove();
  });

  /** Starts Prometheus on the recipe with one line for another, and resolves with its port. */
  async function prometheus(changed: (config: string) => string): Promise<number> {
    const folder = join(installation.folder, 'prometheus');
    mkdirSync(folder);
    cpSync(join(ROOT, 'recipes/prometheus/alerts.yml'), join(folder, 'alerts.yml'));
    const config = changed(page('recipes/prometheus/scrape.yml'));
    writeFileSync(join(folder, 'prometheus.yml'), `global: { scrape_interval: 1s, evaluation_interval: 1s }\n${config}`);
    const port = await freePort();
    const flags = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`];
    running.push(start(programPath('prometheus'), [...flags, `--web.listen-address=127.0.0.1:${String(port)}`], {}));
    return port;
  }

  const query = async (port: number, expression: string): Promise<unknown> => {
    const { body } = await ask(port, { path: `/api/v1/query?query=${encodeURIComponent(expression)}` });
    const { result } = jsonOf(body)['data'] as { result: { value: [number, string] }[] };
    return result.map(({ value }) => value[1]);
  };

  test.each([false, true])('reads the metrics of a server with a token: %s', async (withToken) => {
    const token = join(installation.folder, 'keyctl.token');
    writeFileSync(token, 'a-token-of-this-test\n', { mode: 0o600 });
    const { process, port } = await installation.serve(withToken ? ['--token-file', token] : []);
    running.push(process);
    const reading = await prometheus((config) => {
      const text = config.replace('127.0.0.1:8080', `127.0.0.1:${String(port)}`);
      return withToken ? text.replace(/#(authorization:)\n( +)#( +credentials_file: ).*/, `$1\n$2$3${token}`) : text;
    });
    await eventually(async () => {
      expect(await query(reading, 'up{job="keyctl"}')).toEqual(['1']);
      expect(await query(reading, 'keyctl_store_up{job="keyctl"}')).toEqual(['1']);
      const { body } = await ask(reading, { path: '/api/v1/rules' });
      expect(body.match(/"health":"ok"/g)?.length).toBe(page('recipes/prometheus/alerts.yml').match(/- alert:/g)?.length);
    });
    expect(await query(reading, 'ALERTS{alertstate="firing"}')).toEqual([]);
  });
});
