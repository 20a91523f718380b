import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { debitId } from '../../src/domain/debit.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { FAULT_EVERY, SEED } from '../budget.ts';
import { BINARY, temporaryFolder } from '../harness.ts';
import { createAccount, createKey } from '../http/served.ts';
import { proveBooks } from '../proved-books.ts';
import { requestBy } from '../stores/contract.ts';
import { ask } from './http-client.ts';
import { start, type Running } from './running.ts';
import { faultsMet, howTheyWentOn, underFault, type Fault, type WentOn } from './strace.ts';

// A server whose disk fails at its n-th write or sync, for every n from its start over its debits to its stop, in one of three ways or in
// all of them: in each of its threads. It
// answers 503 or does not start, and goes on when the disk does; whoever asks again with the same request id has been charged once.

const FAULTS = ['pwrite64', 'fsync,fdatasync', 'ftruncate'].flatMap(
  (calls) =>
    [
      { calls, error: 'EIO', lasting: '', end: 'SIGTERM' },
      { calls, error: 'EIO', lasting: '', end: 'SIGKILL' },
      { calls, error: 'ENOSPC', lasting: '+', end: 'SIGTERM' },
    ] as const,
);
type End = (typeof FAULTS)[number]['end'];
const REQUESTS = 6;

let folder: ReturnType<typeof temporaryFolder>;
let template: string;
let apiKey: string;
const figures: Record<string, number> = {};

const opened = (path: string, mode: 'create' | 'write') =>
  openStore({ location: path, mode, clock: Date.now, randomBytes, busyTimeoutMs: 2_000 });

beforeAll(async () => {
  folder = temporaryFolder();
  template = join(folder.path, 'template.db');
  const { store } = await opened(template, 'create');
  ({ apiKey } = await createKey(store, { accountRef: await createAccount(store, 'acme', 1e9), name: 'main' }));
  await store.settle(Array.from({ length: 40 }, () => requestBy({ apiKey })));
  await store.close();
});

afterAll(() => {
  folder.cleanUp();
  process.stdout.write(`faults injected into serve: ${JSON.stringify({ ...figures, seed: SEED })}\n`);
});

interface Life {
  readonly db: string;
  readonly met: number;
  readonly code: number | null;
  readonly output: string;
  /** Whether it came to listen. */
  readonly listened: boolean;
  /** The debit of each request id that was acknowledged, null where the answer was 503. */
  readonly acknowledged: ReadonlyMap<string, string | null>;
  readonly wentOn: WentOn;
}

/** Starts a server under a fault, asks for debits one by one and all at once, and ends it. */
async function live(fault: Fault, end: End): Promise<Life> {
  const own = join(folder.path, `${fault.calls} ${fault.error} ${fault.when} ${end}`);
  mkdirSync(own);
  const [db, trace] = [join(own, 'keyctl.db'), join(own, 'trace')];
  copyFileSync(template, db);
  const [program = '', ...words] = underFault(fault, trace);
  const args = [...words, process.execPath, BINARY, 'serve', '--port', '0', '--request-id-header', 'X-Proxy-Id'];
  const server = start(program, args, { KEYCTL_DB: db, HOME: own });
  const acknowledged = new Map<string, string | null>();
  const used = use(server, acknowledged, /^\d+$/.test(fault.when));
  // Whatever is found wrong with its answers, it does not outlive the test.
  await used.catch(() => undefined);
  if (end === 'SIGKILL') server.signal(end);
  const code = await server.stop();
  const listened = await used;
  return { db, met: faultsMet(trace), code, output: server.output(), listened, acknowledged, wentOn: howTheyWentOn(trace) };
}

/** Whether it came to listen; if so, it is asked. */
async function use(server: Running, acknowledged: Map<string, string | null>, recovers: boolean): Promise<boolean> {
  const listens = await server.said(/http:\/\/127\.0\.0\.1:(\d+)/).catch(() => null);
  if (listens !== null) await askFor(Number(listens[1]), acknowledged, recovers);
  return listens !== null;
}

async function askFor(port: number, acknowledged: Map<string, string | null>, recovers: boolean): Promise<void> {
  const debit = async (id: string): Promise<number> => {
    const { status, headers } = await ask(port, { path: '/verify', headers: { 'X-API-Key': apiKey, 'X-Proxy-Id': id } });
    expect([200, 503]).toContain(status);
    if (status === 503) expect([headers['x-keyctl-code'], headers['retry-after']]).toEqual(['store_unavailable', '1']);
    acknowledged.set(id, status === 200 ? String(headers['x-keyctl-debit-id']) : null);
    return status;
  };
  for (let turn = 0; turn < REQUESTS / 2; turn += 1) await debit(`single-${String(turn)}`);
  await Promise.all(Array.from({ length: REQUESTS / 2 }, (_, turn) => debit(`together-${String(turn)}`)));
  expect((await ask(port, { path: '/healthz' })).status).toBe(200);
  // Each of the two threads meets the fault once; after that all is as if it had never been.
  if (!recovers) return;
  for (const id of ['later-1', 'later-2']) if ((await debit(id)) === 200) return;
  expect(await debit('later-3')).toBe(200);
}

/** Asks for every debit once more, as a client does that heard 503, and says which debit each request id stands for. */
async function retry(db: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { store } = await opened(db, 'write');
  try {
    const verdicts = await store.settle(ids.map((requestId) => requestBy({ apiKey }, { requestId, requestIdRule: 'header' })));
    return new Map(verdicts.map(({ code, debitId: debit }, place) => [ids[place] ?? '', code === 'ok' ? String(debit) : code]));
  } finally {
    await store.close();
  }
}

function count(outcome: string): void {
  figures[outcome] = (figures[outcome] ?? 0) + 1;
}

async function expectOrderly({ db, code, output, listened, acknowledged }: Life, where: string, end: End): Promise<void> {
  const books = await proveBooks(db);
  expect([where, books.faults]).toEqual([where, []]);
  if (!listened) {
    count('it did not start');
    expect([where, code, output]).toEqual([where, 1, expect.stringMatching(/^keyctl: (Reading or writing|There is no room)/m)]);
    return;
  }
  expect([where, code, output]).toEqual([where, end === 'SIGTERM' ? 0 : null, expect.not.stringMatching(/unexpected|uncaught|unhandled/i)]);
  const ids = [...acknowledged.keys()];
  count([...acknowledged.values()].includes(null) ? '503' : '200 for everybody');
  const debited = new Map(books.debits.map(({ number, requestId }) => [debitId(number), requestId]));
  for (const [id, debit] of acknowledged) if (debit !== null) expect([where, debited.get(debit)]).toEqual([where, id]);
  // acked <= debited <= acked + unknown, and after the retry each one exactly once.
  const again = await retry(db, ids);
  for (const [id, debit] of acknowledged) expect([where, again.get(id)]).toEqual([where, debit ?? expect.stringMatching(/^deb_/)]);
  const after = await proveBooks(db);
  expect([where, after.faults]).toEqual([where, []]);
  expect(
    after.debits
      .filter(({ requestId }) => requestId !== null)
      .map(({ requestId }) => requestId)
      .sort(),
  ).toEqual([...ids].sort());
}

/** After a write or a sync that failed only a new connection knows what the file holds. Where there was no room, nothing is in doubt. */
function expectNewConnections({ wentOn: { anew, withTheSame } }: Life, where: string): void {
  expect([where, withTheSame]).toEqual([where, []]);
  if (anew > 0) count('went on with a new connection');
}

test('is 503 or does not start, and nobody is charged twice or for nothing', async () => {
  // The three ways of a call begin one after the other, so that each of its calls fails in one of them at least.
  const lanes = FAULTS.map((fault, place) => ({ ...fault, first: 1 + ((SEED + place) % FAULT_EVERY) }));
  const take = async (): Promise<void> => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
      for (let n = lane.first; ; n += FAULT_EVERY) {
        const when = `${String(n)}${lane.lasting}`;
        const life = await live({ ...lane, when }, lane.end);
        if (life.met === 0) break;
        const where = `${lane.calls} ${lane.error} ${when} ${lane.end}`;
        await expectOrderly(life, where, lane.end);
        if (lane.error === 'EIO') expectNewConnections(life, where);
        rmSync(join(life.db, '..'), { recursive: true });
      }
    }
  };
  await Promise.all([take(), take()]);
  expect(figures).toEqual({
    'it did not start': expect.any(Number),
    503: expect.any(Number),
    '200 for everybody': expect.any(Number),
    'went on with a new connection': expect.any(Number),
  });
});
