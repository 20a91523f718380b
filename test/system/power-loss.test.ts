import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseDebitId } from '../../src/domain/debit.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { Chance } from '../chance.ts';
import { BINARY, temporaryFolder } from '../harness.ts';
import { createAccount, createKey } from '../http/served.ts';
import { proveBooks } from '../proved-books.ts';
import { start } from './running.ts';
import { programPath } from './programs.ts';
import { NO_LUCK, TRACE_FLAGS, TracedDisk, readTrace, someLuck, type Luck } from './traced-disk.ts';

// Promise 4 under power loss. A server under load is watched at its system calls: what it wrote, what it synced, which answers left. Then
// the disk is played back: at every moment before a sync the power fails, and what was not synced by then is gone, or there in parts.
// Whatever had been acknowledged has to be in the store that is opened from what is left.

const CLIENTS = 12;
const REQUESTS_EACH = 40;
const REFUND_EVERY = 8;

let folder: ReturnType<typeof temporaryFolder>;
let db: string;
let apiKey: string;

beforeAll(async () => {
  folder = temporaryFolder();
  db = join(folder.path, 'keyctl.db');
  const { store } = await openStore({ location: db, mode: 'create', clock: Date.now, randomBytes, busyTimeoutMs: 2_000 });
  ({ apiKey } = await createKey(store, { accountRef: await createAccount(store, 'acme', 1e9), name: 'main' }));
  await store.close();
});

afterAll(() => {
  folder.cleanUp();
});

function askOn(agent: Agent, port: number, path: string, method: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent }, (res) => {
      res.resume().on('end', () => {
        if (res.statusCode === 200) resolve(String(res.headers['x-keyctl-debit-id'] ?? ''));
        else reject(new Error(`${path} is ${String(res.statusCode)}`));
      });
    });
    req.on('error', reject);
    req.end();
  });
}

/** Runs a server under a load of debits and refunds, and returns the path of its trace. */
async function traced(): Promise<string> {
  const trace = join(folder.path, 'trace');
  const words = ['-D', '-f', '--seccomp-bpf', '-qq', ...TRACE_FLAGS, '-o', trace];
  const args = [...words, process.execPath, BINARY, 'serve', '--port', '0', '--request-id-header', 'X-Proxy-Id'];
  const server = start(programPath('strace'), args, { KEYCTL_DB: db, HOME: folder.path });
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const client = async (port: number, place: number): Promise<void> => {
    for (let turn = 0; turn < REQUESTS_EACH; turn += 1) {
      const headers = { 'X-API-Key': apiKey, 'X-Proxy-Id': `${String(place)}-${String(turn)}` };
      const debit = await askOn(agent, port, '/verify', 'GET', headers);
      if (turn % REFUND_EVERY === 0) await askOn(agent, port, `/v1/debits/${debit}/refund`, 'POST', {});
    }
  };
  const used = server.said(/http:\/\/127\.0\.0\.1:(\d+)/).then(([, port]) => {
    return Promise.all(Array.from({ length: CLIENTS }, (_, place) => client(Number(port), place)));
  });
  await used.catch(() => undefined);
  agent.destroy();
  const code = await server.stop();
  await used;
  expect(code).toBe(0);
  return trace;
}

/** What a client was told and may rely on. */
class Acknowledged {
  readonly debits = new Set<number>();
  readonly refunds = new Set<number>();

  hear(text: string): void {
    for (const [, id = ''] of text.matchAll(/X-Keyctl-Debit-Id: (deb_\w+)/g)) this.debits.add(parseDebitId(id) ?? NaN);
    for (const [, id = ''] of text.matchAll(/\{"id":"(deb_\w+)"[^}]*"refundedAt":"/g)) this.refunds.add(parseDebitId(id) ?? NaN);
  }

  get size(): number {
    return this.debits.size + this.refunds.size;
  }

  /** What of it a store does not hold. */
  missingIn(path: string): string[] {
    const opened = new Database(path);
    try {
      const sound = opened.pragma('integrity_check', { simple: true });
      const rows = opened.prepare('SELECT number, refunded_at AS refundedAt FROM debits').all() as {
        number: number;
        refundedAt: number | null;
      }[];
      const there = new Map(rows.map(({ number, refundedAt }) => [number, refundedAt]));
      return [
        ...(sound === 'ok' ? [] : [String(sound)]),
        ...[...this.debits].filter((number) => !there.has(number)).map((number) => `debit ${String(number)}`),
        ...[...this.refunds].filter((number) => (there.get(number) ?? null) === null).map((number) => `refund ${String(number)}`),
      ];
    } finally {
      opened.close();
    }
  }
}

test('whenever the power fails, what was acknowledged is there, and the books balance', async () => {
  const before = readFileSync(db);
  const trace = await traced();
  const seed = Number(process.env['KEYCTL_TEST_SEED'] ?? Date.now() % 2 ** 31);
  const disk = new TracedDisk({ [db]: before });
  const told = new Acknowledged();
  const left = join(folder.path, 'left');
  const figures = { seed, powerLosses: 0, syncs: 0, booksProved: 0, debits: 0, refunds: 0, answersBesideCheckpoint: 0 };
  const lose = (luck: Luck): string => {
    disk.powerLoss(left, luck, (name) => name === 'keyctl.db' || name === 'keyctl.db-wal');
    figures.powerLosses += 1;
    return join(left, 'keyctl.db');
  };
  const chance = new Chance(seed);
  let checkpointing = false;
  for (const deed of readTrace(trace)) {
    if (deed.kind === 'sent') {
      told.hear(deed.text);
      if (checkpointing) figures.answersBesideCheckpoint += 1;
    }
    if (deed.kind === 'write') checkpointing ||= deed.path === db;
    if (deed.kind === 'synced') {
      figures.syncs += 1;
      for (const luck of [NO_LUCK, someLuck(() => chance.fraction())])
        expect([seed, told.missingIn(lose(luck)).slice(0, 9)]).toEqual([seed, []]);
      if (figures.syncs % 10 === 0) {
        const { faults } = await proveBooks(lose(someLuck(() => chance.fraction())));
        expect([seed, faults]).toEqual([seed, []]);
        figures.booksProved += 1;
      }
    }
    disk.take(deed);
  }
  Object.assign(figures, { debits: told.debits.size, refunds: told.refunds.size });
  process.stdout.write(`power losses: ${JSON.stringify(figures)}\n`);
  expect([told.debits.size, told.refunds.size]).toEqual([CLIENTS * REQUESTS_EACH, (CLIENTS * REQUESTS_EACH) / REFUND_EVERY]);
  expect(figures.syncs).toBeGreaterThan(CLIENTS);
});
