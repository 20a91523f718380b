import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { digestApiKey } from '../../src/domain/api-key.ts';
import { debitId } from '../../src/domain/debit.ts';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, startOfDay } from '../../src/domain/utc-day.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { SEED } from '../budget.ts';
import { temporaryFolder } from '../harness.ts';
import { createAccount, createKey } from '../http/served.ts';
import { allBooks, runReset } from '../operations/reset-fixture.ts';
import { proveBooks } from '../proved-books.ts';
import { requestBy } from '../stores/contract.ts';
import { failureIn, saysUnknown, sweep, type Broken, type Figures, type Swept } from './fault-sweep.ts';

// The disk fails at the n-th write or sync of a command, for every n that the command has, in one of three ways or in all of them; and every sync where the host is gone
// with it. Whatever it says then, it is not more than what happened, the next one finds a sound store, and the books balance.

const OPEN_DAYS = 3;
const START = dayOf(Date.now()) - OPEN_DAYS;
const DEBITS_A_DAY = 40;
const SWEPT = ['pwrite64', 'fsync,fdatasync', 'ftruncate'];

let folder: ReturnType<typeof temporaryFolder>;
let template: string;
let debit: string;
let debits: number;
const figures: Record<string, Figures> = {};

const opened = (path: string, clock = Date.now, mode: 'create' | 'write' = 'write') =>
  openStore({ location: path, mode, clock, randomBytes, busyTimeoutMs: 2_000 });

/** A store with open days behind it and debits that are not folded yet, as nights without `reset` leave it. */
beforeAll(async () => {
  folder = temporaryFolder();
  template = join(folder.path, 'template.db');
  let now = startOfDay(START) + 1;
  const { store } = await opened(template, () => now, 'create');
  const { apiKey } = await createKey(store, { accountRef: await createAccount(store, 'acme', 1e9), name: 'main' });
  for (let day = START; day <= START + OPEN_DAYS; day += 1) {
    now = day === START + OPEN_DAYS ? Date.now() - 1_000 : startOfDay(day) + MS_PER_DAY / 2;
    await store.settle(Array.from({ length: DEBITS_A_DAY }, () => requestBy({ apiKey })));
  }
  await store.close();
  const books = await proveBooks(template);
  debits = books.debits.length;
  debit = debitId(books.debits[0]?.number ?? 0);
});

afterAll(() => {
  folder.cleanUp();
  const met = Object.values(figures).flatMap((outcomes) => Object.values(outcomes));
  process.stdout.write(
    `faults injected: ${String(met.reduce((sum, count) => sum + count, 0))} ${JSON.stringify({ ...figures, seed: SEED })}\n`,
  );
});

/** Sweeps a command and keeps its figures. A sweep that met nothing proves nothing. */
async function swept(
  name: string,
  more: Partial<Swept> & Pick<Swept, 'args'>,
  check: (run: Broken) => Promise<void> | void,
): Promise<void> {
  const own = join(folder.path, name);
  mkdirSync(own);
  figures[name] = await sweep({ template, folder: own, calls: SWEPT, ...more }, check);
  expect(figures[name]).toEqual({ 'exit 0': expect.any(Number), 'exit 1': expect.any(Number) });
}

async function within<Result>(path: string, act: (store: Store) => Promise<Result>): Promise<Result> {
  const { store } = await opened(path);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

const keyOf = (db: string, apiKey: string) => within(db, (store) => store.read((tx) => tx.keys.byDigest(digestApiKey(apiKey))));

const keysOf = (db: string) =>
  within(db, (store) => store.read((tx, now) => tx.keys.page({ now, status: 'not-deleted' }, { after: 0, limit: 10 })));

const apiKeyIn = (stdout: string): string => (JSON.parse(stdout) as { apiKey: string }).apiKey;

test('charge: what it acknowledges is debited, and what is debited it tells, or that it does not know', async () => {
  await swept('charge', { args: () => ['charge', '--account', 'acme', '--requests', '3'] }, (run) => {
    const charged = run.books.debits.length - debits;
    if (run.code === 0 || charged > 0) expect(charged).toBe(3);
    if (run.code !== 0 && charged > 0) expect(failureIn(run.stderr).error.message).toMatch(/3 requests were charged before|unknown/);
  });
});

test('create: a key whose secret was shown exists; one that was not acknowledged is there at most where that is unknown', async () => {
  await swept('create', { args: () => ['create', '--account', 'acme', '--name', 'new'] }, async (run) => {
    if (run.code === 0) expect(await keyOf(run.db, apiKeyIn(run.stdout))).toMatchObject({ name: 'new' });
    else if ((await keysOf(run.db)).length > 1) expect(saysUnknown(run)).toBe(true);
  });
});

test('create --out: the file holds the secret of a key that exists, or there is no file', async () => {
  const args = (own: string) => ['create', '--account', 'acme', '--name', 'new', '--out', join(own, 'secret')];
  const check = async (run: Broken): Promise<void> => {
    const file = join(run.folder, 'secret');
    expect(existsSync(file)).toBe(run.code === 0);
    if (run.code !== 0) {
      if ((await keysOf(run.db)).length > 1) expect(saysUnknown(run)).toBe(true);
      return;
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await keyOf(run.db, readFileSync(file, 'utf8').trim())).toMatchObject({ name: 'new' });
  };
  await swept('create --out', { args, calls: ['fsync,fdatasync'], every: 1 }, check);
  // The file of the secret is on a disk as well, and that may be another one.
  const own = join(folder.path, 'the file of --out');
  mkdirSync(own);
  const onFile = await sweep(
    { template, folder: own, args, calls: ['write', 'fsync,fdatasync'], only: 'secret', every: 1 },
    async (run) => {
      await check(run);
      expect(run.code).toBe(1);
      expect(failureIn(run.stderr).error.message).toContain('no key was made');
      expect(await keysOf(run.db)).toHaveLength(1);
    },
  );
  expect(onFile).toEqual({ 'exit 1': 6 });
});

test('disable: who was told that the key is disabled may rely on it', async () => {
  await swept('disable', { args: () => ['disable', 'acme/main'] }, async (run) => {
    const [key] = await keysOf(run.db);
    if (run.code === 0) expect(key?.disabledAt).not.toBeNull();
    else if (key?.disabledAt !== null) expect(saysUnknown(run)).toBe(true);
  });
});

test('rotate: the old key ends with the beginning of the new one, or both stay as they were', async () => {
  await swept('rotate', { args: () => ['rotate', 'acme/main', '--grace', '0'] }, async (run) => {
    const keys = await keysOf(run.db);
    const states = keys.map(({ name, disabledAt }) => `${name} ${disabledAt === null ? 'live' : 'dead'}`);
    if (run.code === 0) expect(await keyOf(run.db, apiKeyIn(run.stdout))).toMatchObject({ name: 'main', disabledAt: null });
    if (run.code === 0 || keys.length > 1) expect(states).toEqual(['main~1 dead', 'main live']);
    else expect(states).toEqual(['main live']);
    if (run.code !== 0 && keys.length > 1) expect(saysUnknown(run)).toBe(true);
  });
});

test('refund: once, whole, and once only when it is repeated', async () => {
  await swept('refund', { args: () => ['refund', debit, '--reason', 'a test'] }, async (run) => {
    const refunded = run.books.debits.filter(({ refundedAt }) => refundedAt !== null).map(({ number }) => debitId(number));
    if (run.code === 0 || refunded.length > 0) expect(refunded).toEqual([debit]);
    if (run.code !== 0 && refunded.length > 0) expect(saysUnknown(run)).toBe(true);
    expect(run.books.spent).toBe(100 * (debits - refunded.length));
  });
});

test('reset over several open days: whoever resets next leaves the books of a reset that nothing disturbed', async () => {
  const days = Array.from({ length: OPEN_DAYS }, (_, place) => START + place);
  const booksAfterReset = (path: string) =>
    within(path, async (store) => {
      await runReset(store);
      const { closed, books, days: byDay } = await allBooks(store, days);
      return { closed, books, byDay: byDay.length };
    });
  const undisturbed = join(folder.path, 'undisturbed.db');
  copyFileSync(template, undisturbed);
  const expected = await booksAfterReset(undisturbed);
  expect(expected.closed.map(({ day, spent }) => [day, spent])).toEqual(days.map((day) => [day, 100 * DEBITS_A_DAY]));
  await swept('reset', { args: () => ['reset'] }, async (run) => {
    const closed = await within(run.db, (store) => store.read((tx) => tx.credits.closedThrough()));
    if (run.code === 0) expect(closed).toBeGreaterThanOrEqual(START + OPEN_DAYS - 1);
    expect(await booksAfterReset(run.db)).toEqual(expected);
    expect((await proveBooks(run.db)).faults).toEqual([]);
  });
});
