import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { temporaryDatabase } from '../postgres/database.ts';
import { ask } from './http-client.ts';
import { Installation, type Customer } from './installation.ts';
import { startNginxBefore } from './nginx.ts';
import { programPath } from './programs.ts';
import type { RunningProxy } from './proxy.ts';
import { eventually, freePort, type Running } from './running.ts';
import { startUpstream, type Upstream } from './upstream.ts';

// The real nginx with the recipe for several nodes, in front of a real API, and two real nodes that die while requests come.

const FLAGS = ['--nginx', '--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32', '--environment', 'production'];
const CLIENTS = 12;
/** Between an answer and the next request: what is tested is who is answered while nodes come and go, and the tests beside it want the processor too. */
const REST_MS = 5;

let cleanUp: () => Promise<void>;
let holdsNoLock: () => boolean;
let installation: Installation;
let upstream: Upstream;
let proxy: RunningProxy;
let customer: Customer;
let port: number;
const nodes: { process: Running; readonly port: number }[] = [];

const KINDS = [
  {
    name: 'one PostgreSQL',
    make: async () => {
      const { url, cleanUp } = await temporaryDatabase();
      // The server takes the locks from a node that hangs in the middle of a transaction.
      return { installation: new Installation(url), holdsNoLock: () => true, cleanUp };
    },
  },
  {
    name: 'one SQLite file',
    make: () => {
      const installation = new Installation();
      return Promise.resolve({ installation, holdsNoLock: () => isFree(installation.db), cleanUp: () => Promise.resolve() });
    },
  },
];

function nodeAt(place: number): { process: Running; readonly port: number } {
  const node = nodes[place % 2];
  if (node === undefined) throw new RangeError('two nodes were started');
  return node;
}

/** Whether somebody else comes by a file's lock for writing, which nobody takes from a process that has stopped with it. */
function isFree(path: string): boolean {
  const db = new Database(path, { timeout: 1_000 });
  try {
    db.exec('BEGIN IMMEDIATE');
    db.exec('ROLLBACK');
    return true;
  } catch {
    return false;
  } finally {
    db.close();
  }
}

/** Stops a process where it holds no lock that only it can give back. */
async function hang({ process }: { readonly process: Running }): Promise<void> {
  for (;;) {
    process.signal('SIGSTOP');
    if (holdsNoLock()) return;
    process.signal('SIGCONT');
    await wait(20);
  }
}

/** Clients that ask one request after the other, through nginx, until they are told to stop; how often each status was answered. */
function load(): { stop: () => Promise<Record<string, number>> } {
  const heard: Record<string, number> = {};
  let stopped = false;
  const one = async (): Promise<void> => {
    while (!stopped) {
      const { status } = await ask(port, { headers: { 'X-API-Key': customer.secret } });
      heard[status] = (heard[status] ?? 0) + 1;
      await wait(REST_MS);
    }
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, one));
  return {
    stop: async () => {
      stopped = true;
      await all;
      return heard;
    },
  };
}

/** Starts the node again where it was, and resolves when nginx has found it. */
async function startAgain(node: { process: Running; readonly port: number }): Promise<void> {
  node.process = (await installation.serve(FLAGS, node.port)).process;
  await eventually(async () => {
    const { body } = await ask(node.port, { path: '/metrics' });
    expect(body).toMatch(/^keyctl_verdicts_total\{.*code="ok".*\} [1-9]/m);
  });
}

/**
 * No question was left without an answer of keyctl, and every admission is one request that the API got and one debit. On a machine that is
 * short of time a node may say by itself that it is busy; then nobody was let in. Where a node that hangs has `held` the locks of others, they
 * say so until it has lost them.
 */
async function everybodyWasAnsweredOnce(
  { 200: admitted = 0, 503: busy = 0, ...others }: Record<string, number>,
  held = false,
): Promise<void> {
  expect(others).toEqual({});
  const log = proxy.accessLog().split('\n');
  expect(log.filter((line) => / 503 \d+ code=-? /.test(line))).toEqual([]);
  expect(log.filter((line) => / 503 \d+ code=store_unavailable /.test(line))).toHaveLength(busy);
  const debits = new Set((await installation.debits()).map((debit) => debit['id']));
  const seen = new Set(upstream.received.map(({ headers }) => headers['x-keyctl-debit-id']));
  expect([upstream.received.length, seen.size]).toEqual([admitted, admitted]);
  expect([...seen].filter((id) => !debits.has(id))).toEqual([]);
  expect(debits.size - admitted).toBeLessThanOrEqual(busy);
  if (!held) expect(admitted).toBeGreaterThan(2 * busy);
}

describe.each(KINDS)('over $name', ({ make }) => {
  beforeEach(async () => {
    programPath('nginx');
    ({ installation, holdsNoLock, cleanUp } = await make());
    customer = await installation.customer('acme', { credits: 1_000_000_000 });
    upstream = await startUpstream();
    for (let node = 0; node < 2; node += 1) nodes.push(await installation.serve(FLAGS));
    port = await freePort();
    proxy = await startNginxBefore([nodeAt(0).port, nodeAt(1).port], { folder: installation.folder, port, apiPort: upstream.port });
  });

  afterEach(async () => {
    await proxy.process.stop();
    for (const { process } of nodes.splice(0)) await process.stop();
    await upstream.stop();
    installation.remove();
    await cleanUp();
  });

  test('a node that dies at any moment costs no request its answer, and nobody is charged twice', async () => {
    const running = load();
    for (let round = 0; round < 4; round += 1) {
      const node = nodeAt(round);
      // The kill comes at a time of its own, whatever has been answered by then.
      await wait(40 + 50 * round);
      node.process.signal('SIGKILL');
      await node.process.stop();
      await wait(100);
      await startAgain(node);
    }
    await everybodyWasAnsweredOnce(await running.stop());
  });

  test('nor does one that is restarted, one after the other, as for an upgrade', async () => {
    const running = load();
    for (const node of [nodeAt(0), nodeAt(1)]) {
      expect(await node.process.stop()).toBe(0);
      await startAgain(node);
    }
    await everybodyWasAnsweredOnce(await running.stop());
  });

  test('one that hangs costs a few seconds, and no answer: the other goes on while it hangs', async () => {
    const running = load();
    const asked: Record<number, number> = {};
    await wait(100);
    await hang(nodeAt(0));
    try {
      await wait(3_500);
      // Over PostgreSQL it may hang in the middle of a transaction, whose locks the server takes from it after a while.
      await eventually(async () => {
        const { status } = await ask(port, { headers: { 'X-API-Key': customer.secret } });
        asked[status] = (asked[status] ?? 0) + 1;
        expect(status).toBe(200);
      });
    } finally {
      nodeAt(0).process.signal('SIGCONT');
    }
    const heard = await running.stop();
    const both = (status: number): number => (heard[status] ?? 0) + (asked[status] ?? 0);
    await everybodyWasAnsweredOnce({ ...heard, 200: both(200), 503: both(503) }, true);
  });

  test('where none is left nobody is admitted, and all goes on when one is back', async () => {
    for (const { process } of nodes) await process.stop();
    const answer = await ask(port, { headers: { 'X-API-Key': customer.secret } });
    expect([answer.status, upstream.received.length]).toEqual([503, 0]);
    nodeAt(0).process = (await installation.serve(FLAGS, nodeAt(0).port)).process;
    await eventually(async () => {
      expect((await ask(port, { headers: { 'X-API-Key': customer.secret } })).status).toBe(200);
    });
  });
});
