import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { previewReset } from '../../src/operations/reset.ts';
import { WHOLE, type Progress } from '../../src/operations/steps.ts';
import { charge, memoryStore } from './account-fixture.ts';
import { runReset } from './reset-fixture.ts';

const BEGIN = Date.parse('2026-11-22T12:00:00.000Z');
const FIRST = dayOf(BEGIN);
const KEPT_DAYS = 35;
/** Where it does not matter how long debits and hours are kept, they are kept for little longer than silence is trusted: each day takes a reset. */
const SHORT_DAYS = 3;
/** So many days after a debit it is old enough to go, whatever the hour. */
const GONE_DAYS = SHORT_DAYS + 2;

async function begin() {
  const opened = await memoryStore(new Date(BEGIN).toISOString());
  await charge(opened.store, 'default', 3);
  return opened;
}

/** The same where everything that can be kept for `SHORT_DAYS` is. */
async function beginShort() {
  const opened = await begin();
  for (const name of ['keep-debits', 'keep-hourly-usage']) {
    await opened.store.write((tx) => tx.config.set(name, `${String(SHORT_DAYS)}d`));
  }
  return opened;
}

function count(store: Store): Promise<number> {
  return store.read((tx) => tx.debits.count({}, 1_000_000));
}

/** Lets days pass as they do where cron runs a reset: each is closed on the next one. Nothing is debited meanwhile. */
async function pass({ store, clock }: Pick<Awaited<ReturnType<typeof begin>>, 'store' | 'clock'>, days: number): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    clock.now += MS_PER_DAY;
    await runReset(store);
  }
}

describe('what reset prunes', () => {
  test('debits go by whole closed days, and not one before', async () => {
    const { store, clock } = await begin();
    await pass({ store, clock }, KEPT_DAYS);
    await charge(store, 'default', 1);
    // 35 days ago is noon of the first day: that day is not old enough as a whole.
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 0 }, silentSince: null });
    clock.now = BEGIN + (KEPT_DAYS + 1) * MS_PER_DAY - 12 * MS_PER_HOUR - 1;
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 0 } });
    clock.now += 1;
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 3 } });
    expect(await count(store)).toBe(1);
  });

  test('the daily usage, the balance and the closed sums of pruned debits stay, for the invoices', async () => {
    const { store, clock } = await beginShort();
    await pass({ store, clock }, GONE_DAYS);
    await charge(store, 'default', 1);
    await runReset(store);
    const from = FIRST * MS_PER_DAY;
    const sums = await store.read((tx) => tx.usage.sums({ from, to: from + MS_PER_DAY, table: 'day', by: 'account' }));
    expect(sums).toMatchObject([{ requests: 3, credits: 300 }]);
    const hours = await store.read((tx) => tx.usage.sums({ from, to: from + MS_PER_DAY, table: 'hour', by: 'account' }));
    expect(hours).toEqual([]);
    expect(await store.read((tx) => tx.credits.closedDays(FIRST))).toHaveLength(GONE_DAYS);
    expect(await store.read((tx) => tx.credits.sumsOf(FIRST))).toMatchObject({ accounts: 1, spent: 300 });
  });

  test('after 25 months days go too, the hot rows of long idle accounts among them', async () => {
    const { store, clock } = await begin();
    const { ref } = await store.read(async (tx) => (await tx.accounts.byName('default')) ?? { ref: 0 });
    clock.now = BEGIN + 800 * MS_PER_DAY;
    await runReset(store, true);
    expect(await store.read((tx) => tx.credits.balances([ref], FIRST))).toEqual(new Map());
    const [oldest] = await store.read((tx) => tx.credits.closedDays(0));
    expect(oldest?.day).toBe(FIRST + 800 - 775);
  });

  test('more rows than one step deletes go step by step', async () => {
    const { store, clock } = await beginShort();
    await charge(store, 'default', 990);
    clock.now = BEGIN + MS_PER_DAY;
    await charge(store, 'default', 1_000);
    await pass({ store, clock }, GONE_DAYS);
    await charge(store, 'default', 1);
    const told: Progress[] = [];
    const report = await runReset(store, false, { run: (step) => step(WHOLE), tell: (progress) => told.push(progress) });
    expect(report.pruned.debits).toBe(1_993);
    // A database drops a day of debits with its table, however many they are.
    const done = store.location.startsWith('postgres:') ? 1_993 : 1_000;
    expect(told.filter(({ text }) => text === 'pruning')).toContainEqual({ text: 'pruning', done, total: expect.any(Number) });
    expect(await count(store)).toBe(1);
  });

  test('request ids go when they do not protect anything any more', async () => {
    const { store, clock } = await memoryStore(new Date(BEGIN).toISOString());
    const ask = () =>
      store.settle([
        {
          ...{ subject: { kind: 'account', ref: 1 }, service: 'default', environment: null, cost: null, ip: null },
          ...{ requestId: 'order-1', requestIdRule: 'json', dryRun: false, fromShell: true },
        },
      ]);
    await ask();
    clock.now = BEGIN + 24 * MS_PER_HOUR - 1;
    expect(await runReset(store)).toMatchObject({ pruned: { requestIds: 0 } });
    expect((await ask())[0]).toMatchObject({ replayed: true });
    clock.now += 1;
    expect(await runReset(store)).toMatchObject({ pruned: { requestIds: 1 } });
    expect((await ask())[0]).toMatchObject({ replayed: false });
  });

  test('the settings say how long', async () => {
    const { store, clock } = await begin();
    await store.write((tx) => tx.config.set('keep-debits', '2d'));
    clock.now = BEGIN + 3 * MS_PER_DAY;
    await charge(store, 'default', 1);
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 3 } });
  });

  test('recent denials go with the hours', async () => {
    const { store, clock } = await beginShort();
    await store.write((tx, now) =>
      tx.usage.addDenials([
        { at: now, keyId: null, account: null, service: null, code: 'invalid_api_key', ip: null, requestId: null, count: 4 },
      ]),
    );
    await pass({ store, clock }, SHORT_DAYS + 1);
    await charge(store, 'default', 1);
    await runReset(store);
    expect(await store.read((tx) => tx.usage.denials({}, 10))).toEqual([]);
    const from = FIRST * MS_PER_DAY;
    const sums = await store.read((tx) => tx.usage.sums({ from, to: from + MS_PER_DAY, table: 'day', by: 'code' }));
    expect(sums).toMatchObject([{ requests: 3, denied: { invalid_api_key: 4 } }]);
  });
});

describe('a clock that is far past the newest debit', () => {
  test('prunes nothing until somebody says so', async () => {
    const { store, clock } = await begin();
    clock.now = BEGIN + 90 * MS_PER_DAY;
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 0, usage: 0, requestIds: 0 }, silentSince: BEGIN, daysClosed: 90 });
    expect(await count(store)).toBe(3);
    expect(await previewReset(store, true)).toMatchObject({ pruned: { debits: 3 }, silentSince: null });
    expect(await runReset(store, true)).toMatchObject({ pruned: { debits: 3 }, silentSince: null });
    expect(await count(store)).toBe(0);
  });

  test('48 hours of silence are trusted, a millisecond more is not', async () => {
    const { store, clock } = await beginShort();
    await pass({ store, clock }, GONE_DAYS);
    await charge(store, 'default', 1);
    const last = clock.now;
    clock.now = last + 48 * MS_PER_HOUR + 1;
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 0 }, silentSince: last });
    clock.now = last + 48 * MS_PER_HOUR;
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 3 }, silentSince: null });
  });

  test('is not worth a word where there is nothing to prune', async () => {
    const { store, clock } = await begin();
    clock.now = BEGIN + 3 * MS_PER_DAY;
    expect(await runReset(store)).toMatchObject({ silentSince: null, daysClosed: 3 });
  });

  test('a store without debits is pruned: there is nothing that the clock could be wrong about', async () => {
    const { store, clock } = await memoryStore(new Date(BEGIN).toISOString());
    await store.write((tx, now) =>
      tx.usage.addDenials([
        { at: now, keyId: null, account: null, service: null, code: 'invalid_api_key', ip: null, requestId: null, count: 4 },
      ]),
    );
    clock.now = BEGIN + 36 * MS_PER_DAY;
    expect(await runReset(store)).toMatchObject({ silentSince: null, pruned: { usage: 2 } });
  });
});

describe('a clock that jumped ahead and is worked with', () => {
  /** How long days are kept at least; and longer than anything is. */
  const KEEP_DAYS = `${String(KEPT_DAYS)}d`;
  const DAYS = 50;
  const LONG = DAYS * MS_PER_DAY;
  const balanceOf = (store: Store, day: number) =>
    store.read(async (tx) => {
      const { ref } = (await tx.accounts.byName('default')) ?? { ref: 0 };
      return (await tx.credits.balances([ref], day)).get(ref);
    });

  test('prunes nothing, however often reset runs, so that the day is not granted anew when it comes back', async () => {
    const { store, clock } = await begin();
    await store.write((tx) => tx.config.set('keep-daily-usage', KEEP_DAYS));
    const books = await balanceOf(store, FIRST);
    expect(books).toMatchObject({ spent: 300 });
    clock.now = BEGIN + LONG;
    await charge(store, 'default', 1);
    const nothing = { pruned: { debits: 0, usage: 0, requestIds: 0 }, silentSince: BEGIN };
    expect(await runReset(store)).toMatchObject({ ...nothing, daysClosed: DAYS });
    clock.now += 47 * MS_PER_HOUR;
    await charge(store, 'default', 1);
    expect(await previewReset(store, false)).toMatchObject(nothing);
    expect(await runReset(store)).toMatchObject(nothing);
    clock.now = BEGIN + MS_PER_HOUR;
    expect(await balanceOf(store, FIRST)).toEqual(books);
    expect(await count(store)).toBe(5);
    // By the right clock it goes on as ever: what a wrong one closed is of a time to come.
    expect(await runReset(store)).toMatchObject({ silentSince: null });
  });

  test('is believed after 48 hours, or when somebody says so', async () => {
    const { store, clock } = await begin();
    await store.write((tx) => tx.config.set('keep-daily-usage', KEEP_DAYS));
    clock.now = BEGIN + LONG;
    await charge(store, 'default', 1);
    // As whoever serves does all the while; only what is counted may go.
    await store.write((tx) => tx.usage.fold(1_000));
    expect(await previewReset(store, true)).toMatchObject({ pruned: { debits: 3 }, silentSince: null });
    await runReset(store);
    clock.now += 48 * MS_PER_HOUR;
    await charge(store, 'default', 1);
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 3 }, silentSince: null });
  });

  test('three days closed at once are a long weekend, four may be a jump', async () => {
    const { store, clock } = await begin();
    await store.write((tx) => tx.config.set('keep-debits', '2d'));
    clock.now = BEGIN + 3 * MS_PER_DAY;
    await charge(store, 'default', 1);
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 3 }, daysClosed: 3 });
    const last = clock.now;
    clock.now += 4 * MS_PER_DAY;
    await charge(store, 'default', 1);
    expect(await runReset(store)).toMatchObject({ pruned: { debits: 0 }, daysClosed: 4, silentSince: last });
  });
});
