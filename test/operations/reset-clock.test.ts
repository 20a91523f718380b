import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, MS_PER_HOUR, startOfDay, type UtcDay } from '../../src/domain/utc-day.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { WHOLE, type Stint } from '../../src/operations/steps.ts';
import { ACTOR, runsOf } from '../harness.ts';
import { addAccount, addMany, charge, memoryStore, viewAccount } from './account-fixture.ts';
import { allBooks, runReset } from './reset-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const TODAY = dayOf(NOON);
/** More than one step closes of days that are empty. */
const DAYS_AHEAD = 550;

function noon() {
  return memoryStore(new Date(NOON).toISOString());
}

async function refundNewest(store: Store): Promise<void> {
  const [debit] = await store.read((tx) => tx.debits.page({}, null, 1));
  if (debit === undefined) throw new RangeError('no debit');
  await refundDebit(store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'test' });
}

async function sumsOf(store: Store, day: UtcDay) {
  return (await store.read((tx) => tx.credits.closedDays(day))).find((closed) => closed.day === day);
}

describe('a clock that ran ahead', () => {
  test('closes hundreds of empty days in a few steps, prunes nothing, and grants nothing twice when it is back', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 600);
    clock.now = NOON + DAYS_AHEAD * MS_PER_DAY;
    let steps = 0;
    const counting = {
      run: <Result>(step: (stint: Stint) => Promise<Result>) => {
        steps += 1;
        return step(WHOLE);
      },
      tell: () => undefined,
    };
    const report = await runReset(store, false, counting);
    expect(report).toMatchObject({ daysClosed: DAYS_AHEAD, pruned: { debits: 0, usage: 0, requestIds: 0 }, silentSince: NOON });
    expect(steps).toBeLessThan(10);
    clock.now = NOON + MS_PER_HOUR;
    expect((await viewAccount(store, 'default')).credits).toMatchObject({ granted: 100_000, spent: 60_000 });
    expect((await charge(store, 'default', 500)).filter((verdict) => verdict.valid)).toHaveLength(400);
    expect(await runReset(store)).toMatchObject({ alreadyDone: true, daysClosed: 0 });
  });

  test('the day that it closed too early goes on, and its sums follow debits and refunds', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    await charge(store, 'default', 10);
    clock.now = NOON + 3 * MS_PER_DAY;
    await charge(store, 'default', 1);
    await runReset(store);
    expect(await sumsOf(store, TODAY)).toMatchObject({ accounts: 1, granted: 100_000, spent: 1_000 });
    clock.now = NOON + MS_PER_HOUR;
    await charge(store, 'default', 5);
    await refundNewest(store);
    await charge(store, 'acme', 2);
    expect(await sumsOf(store, TODAY)).toMatchObject({ accounts: 2, granted: 200_000, spent: 1_000 + 400 + 200 });
    expect(await store.read((tx) => tx.credits.sumsOf(TODAY))).toEqual({ accounts: 2, granted: 200_000, adjusted: 0, spent: 1_600 });
    // Its own day ahead keeps what was spent on it, for when that day really comes.
    clock.now = NOON + 3 * MS_PER_DAY;
    expect((await viewAccount(store, 'default')).credits).toMatchObject({ spent: 100 });
  });

  test('credits given to an idle account on a day that is closed already find their way into its sums', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    clock.now = NOON + 3 * MS_PER_DAY;
    await runReset(store);
    clock.now = NOON;
    await giveCredit(store, { account: 'acme', amount: 70, day: undefined, reason: 'test' }, ACTOR, randomBytes);
    clock.now = NOON + MS_PER_DAY;
    await runReset(store);
    expect(await sumsOf(store, TODAY)).toMatchObject({ accounts: 1, granted: 100_000, adjusted: 70 });
  });

  test('a day closed too early is closed as it would have been in time', async () => {
    const { store, clock } = await noon();
    const { store: punctual, clock: punctualClock } = await noon();
    for (const each of [store, punctual]) await charge(each, 'default', 10);
    clock.now = NOON + 40 * MS_PER_DAY;
    await runReset(store);
    clock.now = NOON + MS_PER_HOUR;
    punctualClock.now = clock.now;
    for (const each of [store, punctual]) await charge(each, 'default', 7);
    for (const each of [clock, punctualClock]) each.now = NOON + MS_PER_DAY;
    await runReset(store);
    await runReset(punctual);
    const { closed, ...books } = await allBooks(store, [TODAY]);
    const expected = await allBooks(punctual, [TODAY]);
    expect({ ...books, closed: closed.slice(0, 1) }).toEqual(expected);
  });
});

describe('a clock that stepped back over midnight while a reset ran', () => {
  test('what is spent on the day that is being closed is in its sums, and proved', async () => {
    const { store, clock } = await noon();
    await addMany(store, 600);
    await charge(store, 'a1', 3);
    clock.now = startOfDay(TODAY + 1) + 5;
    let steps = 0;
    const steppingBack = {
      run: async <Result>(step: (stint: Stint) => Promise<Result>): Promise<Result> => {
        const result = await step(WHOLE);
        steps += 1;
        if (steps === 1) {
          clock.now = startOfDay(TODAY + 1) - 5;
          await charge(store, 'a1', 2);
          await charge(store, 'a599', 4);
        }
        return result;
      },
      tell: () => undefined,
    };
    // The day is not over any more by this clock, so that it stays open.
    expect(await runReset(store, false, steppingBack)).toMatchObject({ daysClosed: 0 });
    clock.now = startOfDay(TODAY + 1) + 10;
    expect(await runReset(store)).toMatchObject({ daysClosed: 1 });
    expect(await sumsOf(store, TODAY)).toMatchObject({ accounts: 2, spent: 900 });
  });
});

describe('whatever the clock does and whenever reset runs', () => {
  test('every day is granted once, and its sums are those of its books, its debits and its usage', async () => {
    const act = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('charge' as const),
          account: fc.constantFrom('default', 'acme'),
          count: fc.integer({ min: 1, max: 5 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('clock' as const),
          step: fc.integer({ min: -30, max: 60 }).map((hours) => hours * MS_PER_HOUR),
        }),
      },
      { weight: 2, arbitrary: fc.constant({ kind: 'reset' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'refund' as const }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('give' as const), amount: fc.integer({ min: 1, max: 900 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        const { store, clock } = await noon();
        await addAccount(store, 'acme');
        // However far the clock goes, the debits are there to be compared with.
        for (const name of ['keep-debits', 'keep-hourly-usage']) await store.write((tx) => tx.config.set(name, '100d'));
        let last = NOON;
        for (const step of acts) {
          if (step.kind === 'charge') await charge(store, step.account, step.count);
          else if (step.kind === 'clock') clock.now = Math.max(NOON, clock.now + step.step);
          else if (step.kind === 'reset') await runReset(store);
          else if (step.kind === 'give')
            await giveCredit(store, { account: 'acme', amount: step.amount, day: undefined, reason: 't' }, ACTOR, randomBytes);
          else if ((await store.read((tx) => tx.debits.count({}, 1))) > 0) await refundNewest(store);
          last = Math.max(last, clock.now);
        }
        // By then everything that was debited is of a day that is over.
        clock.now = last + 2 * MS_PER_DAY;
        await runReset(store);
        await checkBooks(store, dayOf(clock.now) - TODAY);
        await store.close();
      }),
      { numRuns: runsOf(60) },
    );
  });

  async function checkBooks(store: Store, days: number): Promise<void> {
    await store.read(async (tx) => {
      const debits = await tx.debits.page({}, null, 10_000);
      const lastRef = await tx.accounts.lastRef();
      const closed = await tx.credits.closedDays(TODAY);
      expect(closed).toHaveLength(days);
      for (const { day, accounts, granted, adjusted, spent } of closed) {
        expect({ accounts, granted, adjusted, spent }).toEqual(await tx.credits.sumsOf(day));
        const ofDay = debits.filter((debit) => dayOf(debit.at) === day && debit.refundedAt === null);
        expect(spent).toBe(ofDay.reduce((sum, debit) => sum + debit.cost, 0));
        for (const { balance, used } of await tx.credits.booksIn(day, { after: 0, through: lastRef })) {
          expect(balance.granted).toBe(100_000);
          expect(used).toBe(balance.spent);
        }
      }
    });
  }
});
