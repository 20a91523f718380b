import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { webhookHeaders } from '../../src/domain/webhook-signature.ts';
import { FollowedPage } from '../followed-page.ts';
import { ROOT } from '../markdown.ts';
import { jsonListOf } from '../system/http-client.ts';
import { Installation } from '../system/installation.ts';
import { eventually, freePort, start, type Running } from '../system/running.ts';
import { EXPIRED, GOOD, OF_ANOTHER_NAME, PRIVATE_KEY } from './certificates.ts';

// The real serve, and the receiver of the recipes as a process of its own.

const RECEIVER = join(ROOT, 'recipes/alerts/receiver.js');
/** Attempts are some seconds apart, on a machine that may be busy. */
const LONG_MS = 480_000;

let home: Installation;
let port: number;
const running: Running[] = [];

beforeEach(async () => {
  home = new Installation();
  port = await freePort();
});

afterEach(async () => {
  for (const process_ of running.splice(0)) await process_.stop();
  home.remove();
});

async function receive(): Promise<Running> {
  const args = [RECEIVER, join(home.folder, 'secret'), join(home.folder, 'seen'), String(port)];
  const receiver = start(process.execPath, args, {});
  running.push(receiver);
  await receiver.said(/Waiting for alerts/);
  return receiver;
}

async function serve(): Promise<Running> {
  const { process: server } = await home.serve([]);
  running.push(server);
  return server;
}

const set = (...more: string[]) => home.run(['alert', 'set', `http://127.0.0.1:${String(port)}/`, ...more]);
const alerts = async () => jsonListOf(await home.run(['alert', 'list', '--json']));

describe('alerts, from the debit to the receiver', () => {
  test(
    'a receiver that is down gets each message once when it is back, though the server was killed meanwhile',
    async () => {
      await home.customer('acme', { credits: 1_000 });
      await set('--out', join(home.folder, 'secret'));
      const server = await serve();
      await home.run(['charge', '--account', 'acme', '--requests', '10']);
      await eventually(async () => {
        expect((await alerts()).map(({ status, lastResult }) => [status, lastResult])).toEqual(
          Array.from({ length: 3 }, () => ['waiting', 'connection refused']),
        );
      });
      server.signal('SIGKILL');
      await server.stop();
      const receiver = await receive();
      await serve();
      await eventually(async () => {
        expect((await alerts()).map(({ status }) => status)).toEqual(['delivered', 'delivered', 'delivered']);
      });
      const told = receiver.output().match(/acme has spent \d+ %/g);
      expect(told?.sort()).toEqual(['acme has spent 100 %', 'acme has spent 75 %', 'acme has spent 90 %']);
    },
    LONG_MS,
  );

  test(
    'a server that is killed while the receiver thinks loses nothing: the message comes again, with the same id',
    async () => {
      const ids: string[] = [];
      let thinks = true;
      const slow = createServer((request, response) => {
        request.resume();
        ids.push(String(request.headers['webhook-id']));
        if (!thinks) response.writeHead(204).end();
      });
      await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
      ({ port } = slow.address() as AddressInfo);
      await home.customer('acme', { credits: 1_000 });
      await set('--thresholds', '75', '--out', join(home.folder, 'secret'));
      const server = await serve();
      await home.run(['charge', '--account', 'acme', '--requests', '8']);
      await eventually(async () => {
        expect(ids).toHaveLength(1);
      });
      server.signal('SIGKILL');
      await server.stop();
      thinks = false;
      await serve();
      // It is another's for a minute yet; a change of the webhook has what waits sent at once.
      await home.run(['alert', 'set', '--expiring', '1d']);
      await eventually(async () => {
        expect((await alerts()).map(({ status, attempts }) => [status, attempts])).toEqual([['delivered', 2]]);
      });
      expect(ids).toEqual([ids[0], ids[0]]);
      slow.closeAllConnections();
      await new Promise((resolve) => slow.close(resolve));
    },
    LONG_MS,
  );

  test(
    'two servers on one store send each message once',
    async () => {
      const ids: string[] = [];
      const counting = createServer((request, response) => {
        request.resume();
        ids.push(String(request.headers['webhook-id']));
        response.writeHead(204).end();
      });
      await new Promise<void>((resolve) => counting.listen(0, '127.0.0.1', resolve));
      ({ port } = counting.address() as AddressInfo);
      await home.run(['tier', 'create', 'small', '--daily-credits', '1000']);
      const names = Array.from({ length: 6 }, (_, index) => `acme-${String(index)}`);
      for (const name of names) await home.run(['account', 'create', name, '--tier', 'small']);
      await set('--out', join(home.folder, 'secret'));
      await Promise.all([serve(), serve()]);
      for (const name of names) await home.run(['charge', '--account', name, '--requests', '10']);
      await eventually(async () => {
        const all = await alerts();
        expect([all.length, all.every(({ status, attempts }) => status === 'delivered' && attempts === 1)]).toEqual([18, true]);
      });
      expect([ids.length, new Set(ids).size]).toEqual([18, 18]);
      counting.closeAllConnections();
      await new Promise((resolve) => counting.close(resolve));
    },
    LONG_MS,
  );

  test(
    'reset tells who runs no server, and the page is followed to the letter',
    async () => {
      const page = new FollowedPage('docs/alerts.md', home);
      await home.customer('acme', { credits: 1_000 });
      const block = (text: string): string =>
        text.replaceAll('9090', String(port)).replace('node receiver.js', `'${process.execPath}' '${RECEIVER}'`);
      const [created = '', listening = ''] = page.blocks('## A receiver');
      await page.followBlock(block(created));
      expect(listening).toContain('receiver.js alerts.secret alerts.seen');
      // As the page has it, but so that the test can end it.
      const pid = Number(await page.followBlock(`${block(listening).trim()}\necho $!`));
      try {
        await eventually(async () => {
          expect((await page.run('cat alerts.log')).stdout).toContain('Waiting for alerts');
        });
        expect(await page.followBlock(page.blocks('## A receiver')[2] ?? '')).toMatch(/^Delivered: HTTP 204 from /);
        await home.run(['charge', '--account', 'acme', '--requests', '8']);
        await home.run(['reset']);
        expect((await page.run('cat alerts.log')).stdout).toContain('acme has spent 75 % of its credits');
        expect(await page.follow('## What is told')).toMatch(/\tacme\t75 % of [0-9-]+\tdelivered\t1\tHTTP 204\t/);
        expect(await page.follow('## Delivery')).toBe('No message was given up.\n');
        await page.follow('## The secret');
        expect((await page.run('wc -l < alerts.secret')).stdout.trim()).toBe('2');
        expect(await home.run(['alert', 'test'])).toMatch(/^Delivered/);
      } finally {
        process.kill(pid);
      }
      page.expectFollowed(['## A receiver', '## What is told', '## Delivery', '## The secret']);
    },
    LONG_MS,
  );

  test('the receiver takes nothing that is not signed, not of now, or altered', async () => {
    await home.customer('acme', { credits: 1_000 });
    await set('--out', join(home.folder, 'secret'));
    await receive();
    const send = async (headers: Record<string, string>, body: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${String(port)}/`, { method: 'POST', headers, body })).status;
    const secret = readFileSync(join(home.folder, 'secret'), 'utf8').trim();
    const body = '{"type":"webhook.test","data":{"message":"hello"}}';
    const signed = (at: number, own = secret) => ({ ...webhookHeaders({ id: 'alert_1', at, body }, [own]) });
    const now = Date.now();
    expect(await send({}, body)).toBe(401);
    expect(await send(signed(now, `whsec_${Buffer.alloc(32).toString('base64')}`), body)).toBe(401);
    expect(await send(signed(now), `${body} `)).toBe(401);
    expect(await send({ ...signed(now), 'webhook-id': 'alert_2' }, body)).toBe(401);
    expect(await send(signed(now - 301_000), body)).toBe(401);
    expect(await send(signed(Date.now() + 360_000), body)).toBe(401);
    expect(await send(signed(now), body)).toBe(204);
    expect(await send(signed(now), body)).toBe(204);
    const told = running.at(-1)?.output().match(/hello/g);
    expect(told).toHaveLength(1);
  });

  test('alert test says what the receiver says, and exits 1 when it does not take it', async () => {
    await home.customer('acme', { credits: 1_000 });
    await set('--out', join(home.folder, 'secret'));
    const shown = JSON.parse(await home.run(['alert', 'test', '--json'], 1)) as Record<string, unknown>;
    expect(shown).toMatchObject({ delivered: false, status: null, result: 'connection refused', url: `http://127.0.0.1:${String(port)}/` });
  });

  test(
    'a receiver whose certificate is not to be trusted is told nothing: the messages stay, with the reason in words',
    async () => {
      const authorities = join(home.folder, 'authorities.pem');
      writeFileSync(authorities, [GOOD, OF_ANOTHER_NAME, EXPIRED].join(''));
      await home.customer('acme', { credits: 1_000 });
      await home.run(['charge', '--account', 'acme', '--requests', '8']);
      const got: string[] = [];
      let days = 0;
      const receiver = createTlsServer({ key: PRIVATE_KEY, cert: GOOD }, (request, response) => {
        request.resume();
        got.push(String(request.headers['webhook-id']));
        response.writeHead(204).end();
      });
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
      const address = receiver.address() as AddressInfo;
      await home.run([
        'alert',
        'set',
        `https://localhost:${String(address.port)}/`,
        '--thresholds',
        '75',
        '--out',
        join(home.folder, 'secret'),
      ]);
      const tell = async (cert: string, trusted: boolean): Promise<readonly unknown[]> => {
        receiver.setSecureContext({ key: PRIVATE_KEY, cert });
        // What waits is sent at once when the webhook is changed, and by whoever resets.
        days += 1;
        await home.run(['alert', 'set', '--expiring', `${String(days)}d`]);
        home.env = trusted ? { NODE_EXTRA_CA_CERTS: authorities } : {};
        await home.run(['reset']);
        return (await alerts()).map(({ status, lastResult }) => [status, lastResult]);
      };
      expect(await tell(GOOD, false)).toEqual([['waiting', expect.stringMatching(/^its certificate is not trusted \(.*SELF_SIGNED/)]]);
      expect(await tell(OF_ANOTHER_NAME, true)).toEqual([['waiting', 'its certificate is for another name']]);
      expect(await tell(EXPIRED, true)).toEqual([['waiting', 'its certificate has expired']]);
      expect(got).toEqual([]);
      expect(await tell(GOOD, true)).toEqual([['delivered', 'HTTP 204']]);
      expect(got).toHaveLength(1);
      receiver.closeAllConnections();
      await new Promise((resolve) => receiver.close(resolve));
    },
    LONG_MS,
  );
});
