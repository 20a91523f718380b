import { existsSync, renameSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { eventually } from '../system/running.ts';
import { Cluster, atOnce, counts } from './cluster.ts';

// What a real server does when its store does not: 503, quickly and in bounded memory, and admissions as soon as it does again.

let cluster: Cluster;
let apiKey: string;

beforeEach(async () => {
  cluster = new Cluster();
  apiKey = await cluster.customer('acme', 1e9);
  await cluster.start(1);
});

afterEach(() => cluster.end());

const ask = (path = '/verify') => cluster.ask(0, path, { headers: { 'X-API-Key': apiKey } });

/** Holds the store's write lock while `act` runs, as a long transaction of another process would. */
async function locked<Result>(act: () => Promise<Result>): Promise<Result> {
  const other = new Database(cluster.installation.db);
  try {
    other.exec('BEGIN IMMEDIATE');
    return await act();
  } finally {
    other.close();
  }
}

/** The server's resident memory, in MiB, as it tells it itself. */
async function residentMiB(): Promise<number> {
  const { body } = await cluster.ask(0, '/metrics');
  const [, bytes] = /^process_resident_memory_bytes (\S+)/m.exec(body) ?? [];
  return Number(bytes) / 1_048_576;
}

/** Sends bytes on a connection of its own and returns the statuses that came back until there were so many, or it was closed. */
function flood(bytes: string, answers: number): Promise<string[]> {
  return new Promise((resolve) => {
    const socket = connect(cluster.node(0).port, '127.0.0.1');
    let text = '';
    const statuses = (): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1] ?? '');
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (statuses().length >= answers) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(statuses());
    });
    socket.write(bytes, 'latin1');
  });
}

describe('a store that another process has locked', () => {
  test('is 503 with Retry-After for everybody who would be charged, and for nobody else', async () => {
    await locked(async () => {
      const answers = await atOnce(50, () => ask());
      expect(counts(answers.map(({ status, code, headers }) => `${String(status)} ${code} ${String(headers['retry-after'])}`))).toEqual({
        '503 store_unavailable 1': 50,
      });
      expect((await cluster.ask(0, '/healthz')).status).toBe(200);
      expect((await ask('/v1/usage/self')).status).toBe(200);
      expect((await cluster.ask(0, '/verify', { headers: { 'X-API-Key': 'nonsense' } })).status).toBe(401);
    });
    expect((await ask()).status).toBe(200);
    expect(await cluster.credits('acme')).toMatchObject({ spent: 100 });
  });

  test('and thousands who ask fill no memory; what they were told is true, and it recovers by itself', async () => {
    for (let warm = 0; warm < 500; warm += 1) await ask();
    const before = await residentMiB();
    const request = `GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\n\r\n`;
    const peak = await locked(async () => {
      const all = await atOnce(200, () => flood(request.repeat(60), 60));
      expect(counts(all.flat())).toEqual({ 503: 12_000 });
      return residentMiB();
    });
    expect(before).toBeGreaterThan(0);
    expect(peak - before).toBeLessThan(80);
    expect((await ask()).status).toBe(200);
    expect(await cluster.credits('acme')).toMatchObject({ spent: 50_100 });
  });

  test('for refunds as well, which can be asked again', async () => {
    const id = String((await ask()).headers['x-keyctl-debit-id']);
    const refund = () => cluster.ask(0, `/v1/debits/${id}/refund`, { method: 'POST' });
    await locked(async () => {
      const answers = await atOnce(50, refund);
      expect(counts(answers.map(({ status, headers }) => `${String(status)} ${String(headers['retry-after'])}`))).toEqual({ '503 1': 50 });
    });
    expect((await refund()).status).toBe(200);
    expect(await cluster.credits('acme')).toMatchObject({ spent: 0 });
  });

  test('for a moment only does not even show', async () => {
    const other = new Database(cluster.installation.db);
    for (let round = 0; round < 5; round += 1) {
      other.exec('BEGIN IMMEDIATE');
      const asked = ask();
      await cluster.ask(0, '/healthz');
      other.exec('COMMIT');
      expect((await asked).status).toBe(200);
    }
    other.close();
  });
});

describe('files of the store', () => {
  test('that are moved away are 503 until they are back, and nothing is lost or invented', async () => {
    const { db } = cluster.installation;
    const files = ['', '-wal', '-shm'].map((end) => `${db}${end}`).filter((file) => existsSync(file));
    expect((await ask()).status).toBe(200);
    for (const file of files) renameSync(file, `${file}.away`);
    for (let time = 0; time < 5; time += 1) expect((await ask()).status).toBe(503);
    expect(existsSync(db)).toBe(false);
    for (const file of files) renameSync(`${file}.away`, file);
    expect((await ask()).status).toBe(200);
    expect(await cluster.credits('acme')).toMatchObject({ spent: 200 });
  });

  test('that others were put in place of are 503 until a new server is started, which uses those', async () => {
    const { db } = cluster.installation;
    const copy = new Database(db, { readonly: true });
    copy.exec(`VACUUM INTO '${db}.copy'`);
    copy.close();
    expect((await ask()).status).toBe(200);
    renameSync(`${db}.copy`, db);
    for (let time = 0; time < 5; time += 1) expect((await ask()).status).toBe(503);
    expect(await cluster.node(0).process.stop()).toBe(0);
    await cluster.start(1);
    expect((await cluster.verify(1, apiKey)).status).toBe(200);
    expect(await cluster.credits('acme')).toMatchObject({ spent: 100 });
  });
});

test('a server whose writing thread cannot write says so once, and again when it can', async () => {
  await locked(async () => {
    for (let time = 0; time < 10; time += 1) expect((await ask()).status).toBe(503);
  });
  await eventually(async () => expect((await ask()).status).toBe(200));
  const lines = cluster.node(0).process.output().split('\n');
  expect(lines.filter((line) => line.includes('cannot settle'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('settles again'))).toHaveLength(1);
});
