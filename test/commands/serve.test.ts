import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describeServers } from '../../src/operations/server-signs.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { BINARY, keyctl, temporaryFolder } from '../harness.ts';
import { start, type Running } from '../system/running.ts';

let folder: ReturnType<typeof temporaryFolder>;
let db: string;
const running: Running[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  db = join(folder.path, 'keyctl.db');
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  folder.cleanUp();
});

interface Served extends Running {
  readonly url: string;
}

/** Starts the real binary, without a terminal, on a port of the system's choice, and resolves when it listens. */
async function serve(...args: string[]): Promise<Served> {
  const server = start(process.execPath, [BINARY, '--db', db, 'serve', '--port', '0', ...args], { HOME: folder.path });
  running.push(server);
  const [, url = ''] = await server.said(/"address":"(http:[^"]+)"/);
  return { ...server, url };
}

async function newKey(name: string): Promise<string> {
  const { stdout, code } = await keyctl(['create', '--name', name], { db });
  expect(code).toBe(0);
  return stdout.trim();
}

const ask = (url: string, key: string, path = '/verify'): Promise<Response> => fetch(`${url}${path}`, { headers: { 'X-API-Key': key } });

/** So many requests in one packet, which come at one moment however slow the machine is; the statuses of their answers. */
function askAtOnce(url: string, key: string, count: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve([...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status));
    });
    const head = `GET /verify HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${key}\r\n`;
    socket.write(`${`${head}\r\n`.repeat(count - 1)}${head}Connection: close\r\n\r\n`);
  });
}

describe('keyctl serve', () => {
  test('charges a key, and a second shell sees it at once', async () => {
    const key = await newKey('prod');
    const { url } = await serve();
    const answer = await ask(url, key);
    expect([answer.status, answer.headers.get('x-credits-consumed'), answer.headers.get('x-credits-available')]).toEqual([
      200,
      '100',
      '99900',
    ]);
    const [debits, usage, view] = await Promise.all([
      keyctl(['debits', '--json'], { db }),
      keyctl(['usage', '--json'], { db }),
      keyctl(['view', 'prod', '--json'], { db }),
    ]);
    expect(JSON.parse(debits.stdout)).toEqual([expect.objectContaining({ id: answer.headers.get('x-keyctl-debit-id'), cost: 100 })]);
    expect(JSON.parse(usage.stdout)).toMatchObject({ total: { requests: 1, credits: 100 }, credits: { spent: 100, remaining: 99_900 } });
    expect(JSON.parse(view.stdout)).toMatchObject({ today: { requests: 1, credits: 100 } });
  });

  test('denies the very next request after another process disabled the key, and admits the next after it was enabled', async () => {
    const key = await newKey('prod');
    const { url } = await serve();
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await ask(url, key)).status).toBe(200);
      expect((await keyctl(['disable', 'prod'], { db })).code).toBe(0);
      expect((await ask(url, key)).status).toBe(403);
      expect((await keyctl(['enable', 'prod'], { db })).code).toBe(0);
    }
  });

  test('gives the difference at once when the tier is raised by another process', async () => {
    const key = await newKey('prod');
    const { url } = await serve();
    expect((await ask(url, key)).headers.get('x-credits-available')).toBe('99900');
    expect((await keyctl(['tier', 'set', 'standard'], { db })).code).toBe(0);
    expect((await ask(url, key)).headers.get('x-credits-available')).toBe('299800');
  });

  test('stores denials and usage when it is told to stop, and exits 0', async () => {
    const key = await newKey('prod');
    const server = await serve();
    expect(await askAtOnce(server.url, key, 8)).toEqual([...Array.from({ length: 5 }, () => '200'), '429', '429', '429']);
    expect(await server.stop()).toBe(0);
    const { stdout } = await keyctl(['denials', '--json'], { db });
    const rows = JSON.parse(stdout) as { code: string; count: number }[];
    expect(rows.every(({ code }) => code === 'request_limit_reached')).toBe(true);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(3);
  });

  test('loses no answer of a request under way when it is told to stop, and every admitted one is in the debits', async () => {
    const key = await newKey('prod');
    await keyctl(['tier', 'edit', 'free', '--rate', 'none'], { db });
    const server = await serve();
    expect((await ask(server.url, key)).status).toBe(200);
    const answers = Array.from({ length: 40 }, () =>
      ask(server.url, key).then(
        ({ status }) => status,
        () => 'refused',
      ),
    );
    const code = await server.stop();
    const outcomes = await Promise.all(answers);
    const { stdout } = await keyctl(['debits', '--json'], { db });
    expect(code).toBe(0);
    expect(new Set(outcomes.filter((outcome) => outcome !== 200 && outcome !== 'refused')).size).toBe(0);
    expect((JSON.parse(stdout) as unknown[]).length).toBe(1 + outcomes.filter((outcome) => outcome === 200).length);
  });

  test('--first-key makes one key in a file of mode 0600 that it names, once, and the key passes', async () => {
    const first = await serve('--first-key');
    await first.said(/curl -i/);
    const [file = ''] = readdirSync(folder.path).filter((name) => name.startsWith('first-key'));
    const path = join(folder.path, file);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    const key = readFileSync(path, 'utf8').trim();
    expect(first.output()).toContain(path);
    expect((await ask(first.url, key)).status).toBe(200);
    await first.stop();
    expect(first.output()).not.toContain(key);
    const second = await serve('--first-key');
    expect(readdirSync(folder.path).filter((name) => name.startsWith('first-key'))).toHaveLength(1);
    expect((await ask(second.url, key)).status).toBe(200);
  });

  test('a port in use is a conflict that says what to do', async () => {
    const { url } = await serve();
    const { code, stderr } = await keyctl(['serve', '--port', new URL(url).port], { db });
    expect(code).toBe(4);
    expect(stderr).toContain('--port');
  });

  test('off loopback it starts only with somebody to admit; an empty token is none', async () => {
    const token = join(folder.path, 'token');
    writeFileSync(token, '\n');
    chmodSync(token, 0o600);
    expect((await keyctl(['serve', '--host', '0.0.0.0', '--port', '0'], { db })).code).toBe(2);
    expect((await keyctl(['serve', '--port', '0', '--token-file', token], { db })).code).toBe(2);
    writeFileSync(token, 'a token that nobody guesses'.replaceAll(' ', '-'));
    const { url } = await serve('--token-file', token);
    const key = await newKey('prod');
    expect((await ask(url, key)).status).toBe(401);
    const told = await fetch(`${url}/verify`, { headers: { 'X-API-Key': key, Authorization: `Bearer ${readFileSync(token, 'utf8')}` } });
    expect(told.status).toBe(200);
  });

  test('is in status as soon as it says that it listens, and no more when it has ended', async () => {
    const server = await serve();
    const { store } = await openStore({ location: db, mode: 'read', clock: Date.now, randomBytes, busyTimeoutMs: 2_000 });
    const seen = () => store.read((tx, now) => describeServers(tx, now));
    expect(await seen()).toMatchObject([{ address: server.url, pid: server.pid, running: true }]);
    await server.stop();
    expect(await seen()).toEqual([]);
    await store.close();
  });

  test('two servers on one file spend one balance, to the last credit', async () => {
    const key = await newKey('prod');
    await keyctl(['tier', 'edit', 'free', '--rate', 'none'], { db });
    await keyctl(['charge', '--requests', '970'], { db });
    const [one, other] = [await serve(), await serve()];
    const statuses = await Promise.all(
      Array.from({ length: 80 }, async (_, turn) => (await ask(turn % 2 === 0 ? one.url : other.url, key)).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(30);
    expect(statuses.filter((status) => status === 402)).toHaveLength(50);
  });
});
