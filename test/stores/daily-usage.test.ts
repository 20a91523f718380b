import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Key } from '../../src/domain/entities.ts';
import type { Debit, ReadTransaction, Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_HOUR, startOfDay } from '../../src/domain/utc-day.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const FIRST = dayOf(NOON);
const KEYS = 4;

type Step =
  | { readonly kind: 'spend'; readonly key: number }
  | { readonly kind: 'refund'; readonly which: number }
  | { readonly kind: 'clock'; readonly hours: number }
  | { readonly kind: 'fold'; readonly debits: number }
  | { readonly kind: 'count'; readonly accounts: number };

const STEP = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('spend' as const), key: fc.nat({ max: KEYS - 1 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('refund' as const), which: fc.nat({ max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clock' as const), hours: fc.integer({ min: -30, max: 36 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fold' as const), debits: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('count' as const), accounts: fc.integer({ min: 1, max: 5 }) }) },
);

/** Goes on with closing the oldest open day; its last account closes it. */
function count(store: Store, accounts: number): Promise<void> {
  return store.write(async (tx, now) => {
    const day = (await tx.credits.closedThrough()) + 1;
    const [after, last] = [await tx.credits.countedThrough(day), await tx.accounts.lastRef()];
    const through = Math.min(last, after + accounts);
    if (through > after) await tx.credits.countBooks(day, { after, through });
    if (through === last) await tx.credits.closeDay(day, now);
  });
}

async function take(step: Step, store: Store, clock: TestClock, keys: readonly (Key & { apiKey: string })[]): Promise<void> {
  switch (step.kind) {
    case 'spend': {
      const key = keys[step.key];
      if (key !== undefined) await settleOne(store, requestBy(key));
      return;
    }
    case 'refund': {
      const debit = (await store.read((tx) => tx.debits.page({}, null, 6)))[step.which];
      if (debit !== undefined) await refundDebit(store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'test' });
      return;
    }
    case 'clock':
      clock.now = Math.max(startOfDay(FIRST), clock.now + step.hours * MS_PER_HOUR);
      return;
    case 'fold':
      await store.write((tx) => tx.usage.fold(step.debits));
      return;
    case 'count':
      await count(store, step.accounts);
  }
}

/** What the debits themselves say. */
function tally(debits: readonly Debit[], bucketOf: (debit: Debit) => number) {
  const sums = new Map<number, { requests: number; credits: number }>();
  for (const debit of debits) {
    const sum = sums.get(bucketOf(debit)) ?? { requests: 0, credits: 0 };
    sums.set(bucketOf(debit), { requests: sum.requests + 1, credits: sum.credits + (debit.refundedAt === null ? debit.cost : 0) });
  }
  return [...sums].map(([bucket, sum]) => ({ bucket, ...sum, denied: {} })).sort((one, other) => one.bucket - other.bucket);
}

async function compare(tx: ReadTransaction, keys: readonly Key[]): Promise<void> {
  const debits = await tx.debits.page({}, null, 1_000);
  const all = { from: startOfDay(FIRST), to: startOfDay(FIRST + 60), table: 'day' } as const;
  expect(await tx.usage.sums({ ...all, by: 'day' })).toEqual(tally(debits, (debit) => dayOf(debit.at)));
  expect(await tx.usage.sums({ ...all, by: 'account' })).toEqual(tally(debits, (debit) => debit.accountRef));
  const days = [...new Set(debits.map((debit) => dayOf(debit.at)))];
  for (const key of keys) {
    const own = debits.filter((debit) => debit.keyRef === key.ref);
    const lastUsedAt = own.length === 0 ? null : Math.max(...own.map((debit) => debit.at));
    expect(await tx.usage.sums({ ...all, by: 'day', keyRef: key.ref })).toEqual(tally(own, (debit) => dayOf(debit.at)));
    for (const day of days) {
      const [sum] = tally(
        own.filter((debit) => dayOf(debit.at) === day),
        () => 0,
      );
      const expected = { requests: sum?.requests ?? 0, credits: sum?.credits ?? 0, lastUsedAt };
      expect((await tx.usage.ofKeys([key.ref], day)).get(key.ref)).toEqual(expected);
    }
    if (lastUsedAt === null) continue;
    const unused = (since: number) => tx.keys.count({ accountRef: key.accountRef, now: since, unusedSince: since });
    expect([await unused(lastUsedAt), await unused(lastUsedAt + 1)]).toEqual([0, 1]);
  }
}

describe.each(STORE_KINDS)('the usage of days on $name', (kind) => {
  test('is what the debits say, however far debits are folded and days are closed, and whatever the clock did', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 40 }), async (steps) => {
        const { store, clock, cleanUp } = await kind.open(new Date(startOfDay(FIRST)).toISOString());
        try {
          const keys: (Key & { apiKey: string })[] = [];
          for (let index = 0; index < KEYS; index += 1) keys.push(await addKey(store, await addAccount(store, `a${String(index)}`)));
          clock.now = NOON;
          for (const step of steps) {
            await take(step, store, clock, keys);
            await store.read((tx) => compare(tx, keys));
          }
        } finally {
          await cleanUp();
        }
      }),
      { numRuns: kind.runs },
    );
  });
});
