import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { ROOT } from '../markdown.ts';
import { programPath } from './programs.ts';

const promtool = (...args: string[]) => promisify(execFile)(programPath('promtool'), args, { cwd: ROOT });

test('Prometheus takes the alert rules, and the way to scrape', async () => {
  expect((await promtool('check', 'rules', 'recipes/prometheus/alerts.yml')).stdout).toMatch(/SUCCESS: \d+ rules found/);
  expect((await promtool('check', 'config', 'recipes/prometheus/scrape.yml')).stdout).toContain('SUCCESS');
});

test('each alert fires when it should, and not when it should not', async () => {
  expect((await promtool('test', 'rules', 'test/system/prometheus/alerts.yml')).stdout).toContain('SUCCESS');
});
