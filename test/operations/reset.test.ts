import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, startOfDay } from '../../src/domain/utc-day.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { previewReset } from '../../src/operations/reset.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { WHOLE, type Stint } from '../../src/operations/steps.ts';
import { ACTOR } from '../harness.ts';
import { addAccount, addMany, charge, chargeEach, memoryStore, trail, viewAccount } from './account-fixture.ts';
import { allBooks, AT_ONCE, runReset } from './reset-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const TODAY = dayOf(NOON);

function noon() {
  return memoryStore(new Date(NOON).toISOString());
}

/** The refs of `a0` and of every so many after it, of `count` accounts that came after the one that is always there. */
function every(step: number, count: number): readonly number[] {
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => 2 + index * step);
}

async function give(store: Store, account: string, amount: number, day: number = TODAY): Promise<void> {
  await giveCredit(store, { account, amount, day, reason: 'test' }, ACTOR, randomBytes);
}

/** Changes one debit's cost behind keyctl's back. */
async function spoil(store: Store, account: string): Promise<void> {
  await store.write(async (tx) => {
    const found = await tx.accounts.byName(account);
    if (found === null) throw new RangeError('no such account');
    const balance = (await tx.credits.balances([found.ref], TODAY)).get(found.ref);
    if (balance === undefined) throw new RangeError('no books');
    await tx.credits.write(found.ref, { ...balance, spent: balance.spent + 100 });
  });
}

describe('midnight', () => {
  test('is not a job: the old balance holds to the last millisecond, the new one from the first', async () => {
    const { store, clock } = await noon();
    clock.now = startOfDay(TODAY + 1) - 1;
    await charge(store, 'default', 1_000);
    expect((await viewAccount(store, 'default')).credits).toMatchObject({ day: TODAY, spent: 100_000 });
    expect((await charge(store, 'default', 1))[0]).toMatchObject({ code: 'insufficient_credits', retryAfter: 1 });
    clock.now = startOfDay(TODAY + 1);
    expect((await viewAccount(store, 'default')).credits).toMatchObject({ day: TODAY + 1, granted: 100_000, spent: 0 });
    expect((await charge(store, 'default', 1))[0]).toMatchObject({ code: 'ok', credits: { remaining: 99_900 } });
  });
});

describe('reset', () => {
  test('on the first day there is nothing to close', async () => {
    const { store } = await noon();
    await charge(store, 'default', 10);
    expect(await runReset(store)).toEqual({
      ...{ day: TODAY, alreadyDone: true, accounts: 1, creditsGranted: 100_000, creditsExpired: 0, tierChangesApplied: 0, daysClosed: 0 },
      ...{ pruned: { debits: 0, usage: 0, requestIds: 0 }, silentSince: null },
    });
    expect(await store.read((tx) => tx.config.lastReset())).toEqual({ at: NOON, day: TODAY });
  });

  test('closes yesterday with its proved sums, and counts idle accounts without opening rows for them', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme', 'standard');
    await addAccount(store, 'idle', 'startup');
    await charge(store, 'default', 10);
    await charge(store, 'acme', 5);
    clock.now = NOON + MS_PER_DAY;
    await addAccount(store, 'younger');
    await charge(store, 'acme', 1);
    const report = await runReset(store);
    expect(report).toMatchObject({ day: TODAY + 1, alreadyDone: false, daysClosed: 1, accounts: 4, tierChangesApplied: 0 });
    expect(report.creditsExpired).toBe(100_000 - 1_000 + (300_000 - 500) + 1_000_000);
    expect(report.creditsGranted).toBe(100_000 + 300_000 + 1_000_000 + 100_000);
    const closed = await store.read((tx) => tx.credits.closedDays(TODAY));
    expect(closed).toEqual([{ day: TODAY, closedAt: clock.now, accounts: 2, granted: 400_000, adjusted: 0, spent: 1_500 }]);
    expect(await store.read((tx) => tx.credits.sumsOf(TODAY + 1))).toMatchObject({ accounts: 1 });
  });

  test('run twice it leaves the same books, and says so', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 10);
    clock.now = NOON + MS_PER_DAY;
    await runReset(store);
    const books = await allBooks(store, [TODAY, TODAY + 1]);
    clock.now += 3_600_000;
    expect(await runReset(store)).toMatchObject({ alreadyDone: true, daysClosed: 0, creditsExpired: 0, creditsGranted: 100_000 });
    expect(await allBooks(store, [TODAY, TODAY + 1])).toEqual(books);
  });

  test('after three missed days it closes each of them', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 10);
    clock.now = NOON + 2 * MS_PER_DAY;
    await charge(store, 'default', 20);
    clock.now = NOON + 4 * MS_PER_DAY;
    expect(await runReset(store)).toMatchObject({ daysClosed: 4, creditsExpired: 99_000 + 100_000 + 98_000 + 100_000 });
    const closed = await store.read((tx) => tx.credits.closedDays(TODAY));
    expect(closed.map(({ day, accounts, spent }) => [day - TODAY, accounts, spent])).toEqual([
      [0, 1, 1_000],
      [1, 0, 0],
      [2, 1, 2_000],
      [3, 0, 0],
    ]);
  });

  test('a thousand accounts are closed step by step', async () => {
    const { store, clock } = await noon();
    await addMany(store, 1_200);
    await chargeEach(store, every(3, 1_200), 1);
    clock.now = NOON + MS_PER_DAY;
    let steps = 0;
    const report = await runReset(store, false, {
      run: (step) => {
        steps += 1;
        return step(WHOLE);
      },
      tell: () => undefined,
    });
    expect(report).toMatchObject({ daysClosed: 1, accounts: 1_201, creditsExpired: 1_201 * 100_000 - 400 * 100 });
    expect(steps).toBeGreaterThanOrEqual(3);
    expect(await store.read((tx) => tx.credits.closedDays(TODAY))).toMatchObject([{ accounts: 400, spent: 40_000 }]);
  });

  test('two at once close every day once, and neither counts what the other closed', async () => {
    const { store, clock } = await noon();
    await addMany(store, 700);
    await chargeEach(store, every(7, 700), 2);
    clock.now = NOON + 3 * MS_PER_DAY;
    const [one, other] = await Promise.all([runReset(store), runReset(store)]);
    expect(one.daysClosed + other.daysClosed).toBe(3);
    expect([one.alreadyDone, other.alreadyDone]).toEqual([false, false]);
    expect(one.creditsExpired + other.creditsExpired).toBe(3 * 701 * 100_000 - 100 * 200);
    const closed = await store.read((tx) => tx.credits.closedDays(TODAY));
    expect(closed.map(({ accounts, spent }) => [accounts, spent])).toEqual([
      [100, 20_000],
      [0, 0],
      [0, 0],
    ]);
  });

  test('of two at once the one that finds nothing left says that it closed nothing, not that nothing was to be done', async () => {
    const { store, clock } = await noon();
    clock.now = NOON + MS_PER_DAY;
    const reports = await Promise.all([runReset(store), runReset(store)]);
    expect(reports.map(({ daysClosed, alreadyDone }) => [daysClosed, alreadyDone])).toEqual([
      [1, false],
      [0, false],
    ]);
  });

  test('one that broke off in the middle of a day is gone on with', async () => {
    const { store, clock } = await noon();
    await addMany(store, 1_200);
    await charge(store, 'a3', 2);
    await charge(store, 'a1100', 3);
    clock.now = NOON + MS_PER_DAY;
    let left = 2;
    const breaking = {
      run: <Result>(step: (stint: Stint) => Promise<Result>): Promise<Result> => {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('the power went')) : step(WHOLE);
      },
      tell: () => undefined,
    };
    await expect(runReset(store, false, breaking)).rejects.toThrow('the power went');
    expect(await store.read((tx) => tx.credits.closedThrough())).toBe(TODAY - 1);
    expect(await store.read((tx) => tx.credits.countedThrough(TODAY))).toBeGreaterThan(3);
    // What was counted already may still change before the rest is.
    const debits = await store.read((tx) => tx.debits.page({}, null, 10));
    for (const debit of debits.slice(-2)) await refundDebit(store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'test' });
    expect(await runReset(store)).toMatchObject({ daysClosed: 1 });
    expect(await store.read((tx) => tx.credits.closedDays(TODAY))).toMatchObject([{ accounts: 2, spent: 300 }]);
  });

  test('ends beside requests that never do, and leaves the new ones to be folded later', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 10);
    clock.now = NOON + MS_PER_DAY;
    let steps = 0;
    const beside = {
      run: async <Result>(step: (stint: Stint) => Promise<Result>): Promise<Result> => {
        steps += 1;
        clock.now += 1_000;
        // More than the next step could fold.
        await charge(store, 'default', 100);
        return step({ ...WHOLE, portion: 1 / 100 });
      },
      tell: () => undefined,
    };
    expect(await runReset(store, false, beside)).toMatchObject({ daysClosed: 1 });
    expect(steps).toBeLessThan(20);
    expect(await store.read((tx) => tx.credits.closedDays(TODAY))).toMatchObject([{ spent: 1_000 }]);
  });

  test('a change of tier that waited is counted when its day comes', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme', 'standard');
    await setTier(store, { account: 'acme', tier: 'free', timing: 'by-credits' }, ACTOR);
    await setTier(store, { account: 'default', tier: 'startup', timing: 'by-credits' }, ACTOR);
    clock.now = NOON + MS_PER_DAY;
    expect(await runReset(store)).toMatchObject({ tierChangesApplied: 1, creditsGranted: 1_100_000, creditsExpired: 1_300_000 });
    expect(await runReset(store)).toMatchObject({ tierChangesApplied: 0 });
  });

  test('credits given to an idle account are in the sums of their day', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    await give(store, 'acme', 5_000);
    await give(store, 'default', -100_000);
    await give(store, 'default', 700, TODAY + 1);
    await setTier(store, { account: 'default', tier: 'standard', timing: 'now' }, ACTOR);
    clock.now = NOON + MS_PER_DAY;
    const report = await runReset(store);
    expect(report.creditsExpired).toBe(105_000 + 200_000);
    expect(report.creditsGranted).toBe(100_000 + 300_000);
    expect(await store.read((tx) => tx.credits.closedDays(TODAY))).toMatchObject([{ accounts: 2, granted: 400_000, adjusted: -95_000 }]);
  });

  test('credits for a later day count when it comes, and are in its sums though the account stayed idle', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    await give(store, 'acme', 5_000, TODAY + 1);
    await give(store, 'default', -40_000, TODAY + 1);
    await store.write((tx) => tx.tiers.setCredits('free', TODAY + 1, 30_000));
    clock.now = NOON + MS_PER_DAY;
    // What was taken before the tier went down is more than the new allowance: the books begin at zero, not below it.
    expect(await runReset(store)).toMatchObject({ daysClosed: 1, creditsGranted: 30_000 + 40_000 });
    clock.now = NOON + 2 * MS_PER_DAY;
    const preview = await previewReset(store, false);
    expect(preview).toMatchObject({ daysClosed: 1, creditsExpired: 35_000, creditsGranted: 60_000 });
    expect(await runReset(store)).toEqual(preview);
    const closed = await store.read((tx) => tx.credits.closedDays(TODAY));
    expect(closed.map(({ accounts, granted, adjusted }) => [accounts, granted, adjusted])).toEqual([
      [0, 0, 0],
      [2, 70_000, -35_000],
    ]);
  });

  test('a refund on a closed day corrects its sums and adds to no other day', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 10);
    clock.now = NOON + MS_PER_DAY;
    await runReset(store);
    const [debit] = await store.read((tx) => tx.debits.page({}, null, 1));
    if (debit === undefined) throw new RangeError('no debit');
    await refundDebit(store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'test' });
    expect(await store.read((tx) => tx.credits.closedDays(TODAY))).toMatchObject([{ accounts: 1, spent: 900 }]);
    expect((await viewAccount(store, 'default')).credits).toMatchObject({ day: TODAY + 1, granted: 100_000, spent: 0 });
    expect(await runReset(store)).toMatchObject({ alreadyDone: true });
  });

  test('books that do not balance stop it, by name and day, and that day stays open', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    await charge(store, 'default', 10);
    await charge(store, 'acme', 3);
    await spoil(store, 'acme');
    clock.now = NOON + 2 * MS_PER_DAY;
    await expect(runReset(store)).rejects.toMatchObject({
      code: 'failed',
      message: 'The books of acme on 2026-11-22 do not balance: 400 credits spent, 300 in its usage.',
    });
    expect(await store.read((tx) => tx.credits.closedThrough())).toBe(TODAY - 1);
    expect(await store.read((tx) => tx.config.lastReset())).toBeNull();
  });

  test('a dry run tells what would come, and changes nothing', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme', 'standard');
    await give(store, 'acme', 50);
    await charge(store, 'default', 10);
    clock.now = NOON + 2 * MS_PER_DAY;
    const before = await allBooks(store, [TODAY, TODAY + 1]);
    const preview = await previewReset(store, false);
    expect(preview).toMatchObject({ daysClosed: 2, alreadyDone: false, creditsExpired: 99_000 + 300_050 + 400_000 });
    expect(await allBooks(store, [TODAY, TODAY + 1])).toEqual(before);
    expect(await store.read((tx) => tx.config.lastReset())).toBeNull();
    expect(await runReset(store, false, AT_ONCE)).toEqual(preview);
  });

  test('the audit trail has a line for a reset that changed something, and none for the hourly ones in between', async () => {
    const { store, clock } = await noon();
    await runReset(store);
    clock.now = NOON + MS_PER_DAY;
    await runReset(store);
    await runReset(store);
    const entries = (await trail(store)).filter((entry) => entry.action === 'store.reset');
    expect(entries).toEqual([
      {
        ...{ action: 'store.reset', targetKind: 'store', targetName: '2026-11-23', before: { closedThrough: '2026-11-21' } },
        after: { closedThrough: '2026-11-22', daysClosed: 1, pruned: { debits: 0, usage: 0, requestIds: 0 } },
      },
    ]);
  });
});
