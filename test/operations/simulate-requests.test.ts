import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Request } from '../../src/domain/decide.ts';
import type { RateLimit } from '../../src/domain/rate-limit.ts';
import type { Store } from '../../src/domain/store.ts';
import { dayOf } from '../../src/domain/utc-day.ts';
import { findAccount } from '../../src/operations/find-account.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { simulateRequests, type SimulateRequests } from '../../src/operations/simulate-requests.ts';
import { ACTOR, runsOf, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, memoryStore } from './account-fixture.ts';

const NOON = '2026-11-22T12:00:00.000Z';

function simulate(store: Store, wanted: Partial<SimulateRequests>) {
  const blank = { account: undefined, tier: undefined, service: 'default', requests: 1, arrivals: null, at: undefined };
  return simulateRequests(store, { ...blank, ...wanted });
}

function limitTo(store: Store, tier: string, limit: RateLimit | null): Promise<void> {
  return store.write((tx) => tx.tiers.setLimits(tier, new Map(limit === null ? [] : [['*', limit]])));
}

/** Sends the requests for real, the clock set to when each one comes, and counts what became of them. */
async function send(store: Store, clock: TestClock, account: string, times: readonly number[]) {
  const { ref } = await store.read((tx) => findAccount(tx, account));
  const request: Request = {
    ...{ subject: { kind: 'account', ref }, service: 'default', environment: null, cost: null, ip: null },
    ...{ requestId: null, requestIdRule: 'json', dryRun: false, fromShell: false },
  };
  const denied: Record<string, number> = {};
  let [accepted, remaining] = [0, 0];
  let exhaustedAt: number | null = null;
  for (const at of times) {
    clock.now = at;
    const [verdict] = await store.settle([request]);
    if (verdict === undefined) throw new RangeError('a request without its verdict');
    if (verdict.valid) accepted += 1;
    else denied[verdict.code] = (denied[verdict.code] ?? 0) + 1;
    if (verdict.code === 'insufficient_credits') exhaustedAt ??= at;
    remaining = verdict.credits?.remaining ?? 0;
  }
  return { accepted, denied, remaining, exhaustedAt };
}

describe('simulating requests', () => {
  test('begins with what is left today, and changes nothing', async () => {
    const { store } = await memoryStore(NOON);
    await charge(store, 'default', 990);
    const report = await simulate(store, { requests: 25 });
    expect(report).toMatchObject({ account: 'default', tier: 'free', requests: 25, accepted: 10, denied: { insufficient_credits: 15 } });
    expect(report).toMatchObject({ cost: 1_000, remaining: 0, dryRun: true });
    expect(await simulate(store, { requests: 25 })).toEqual(report);
    expect(await store.read((tx) => tx.debits.count({}, 10_000))).toBe(990);
  });

  test('a tier without an account is a new account of it', async () => {
    const { store } = await memoryStore(NOON);
    await charge(store, 'default', 1_000);
    const report = await simulate(store, { tier: 'startup', requests: 20_000 });
    expect(report).toMatchObject({ account: null, tier: 'startup', accepted: 10_000, denied: { insufficient_credits: 10_000 } });
  });

  test('a tier with an account counts what the account has spent', async () => {
    const { store } = await memoryStore(NOON);
    await charge(store, 'default', 1_000);
    const report = await simulate(store, { account: 'default', tier: 'standard', requests: 5_000 });
    expect(report).toMatchObject({ account: 'default', tier: 'standard', accepted: 2_000, denied: { insufficient_credits: 3_000 } });
  });

  test('--at on a later day begins with the credits, the tier and the adjustments of that day', async () => {
    const { store } = await memoryStore(NOON);
    await charge(store, 'default', 1_000);
    const tomorrow = dayOf(Date.parse(NOON)) + 1;
    await setTier(store, { account: undefined, tier: 'standard', timing: 'at-reset' }, ACTOR);
    await giveCredit(store, { account: undefined, amount: 500, day: tomorrow, reason: 'sorry' }, ACTOR, randomBytes);
    const report = await simulate(store, { at: Date.parse('2026-11-23T08:00:00.000Z'), requests: 3_100 });
    expect(report).toMatchObject({ tier: 'standard', accepted: 3_005, remaining: 0 });
    const crossing = await simulate(store, {
      at: Date.parse('2026-11-22T23:59:00.000Z'),
      requests: 4_000,
      arrivals: { count: 20, perMs: 1_000 },
    });
    // Nothing is left of today, and at 20 a second standard admits 10, and a burst of 10; 1,200 come before midnight.
    expect(crossing).toMatchObject({ tier: 'free', denied: { insufficient_credits: 1_200 }, accepted: 1_409 });
  });

  test('who is meant has to be said as soon as there are two', async () => {
    const { store } = await memoryStore(NOON);
    await addAccount(store, 'acme');
    expect(await failureOf(simulate(store, {}))).toBe('usage');
    expect(await failureOf(simulate(store, { account: 'nobody' }))).toBe('not_found');
    expect(await failureOf(simulate(store, { tier: 'nothing' }))).toBe('not_found');
    expect(await failureOf(simulate(store, { tier: 'free', service: 'nowhere' }))).toBe('not_found');
    expect(await failureOf(simulate(store, { account: 'acme' }))).toBe('none');
  });

  test('what it says is what happens, whatever the tiers, the rates, the midnights and what was spent before', async () => {
    const limit = fc.option(fc.record({ requestsPerSecond: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 8 }) }));
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          today: limit,
          tomorrow: limit,
          changes: fc.boolean(),
          left: fc.nat({ max: 40 }),
          given: fc.nat({ max: 2_000 }),
          requests: fc.integer({ min: 1, max: 60 }),
          count: fc.integer({ min: 1, max: 40 }),
          beforeMidnight: fc.integer({ min: 1, max: 3_000 }),
        }),
        async ({ today, tomorrow, changes, left, given, requests, count, beforeMidnight }) => {
          const start = Date.parse('2026-11-23T00:00:00.000Z') - beforeMidnight;
          const { store, clock } = await memoryStore(new Date(start).toISOString());
          await limitTo(store, 'free', today);
          await limitTo(store, 'standard', tomorrow);
          if (changes) await setTier(store, { account: undefined, tier: 'standard', timing: 'at-reset' }, ACTOR);
          await charge(store, 'default', 1, 100_000 - left * 100);
          if (given > 0)
            await giveCredit(store, { account: undefined, amount: given, day: undefined, reason: 'sorry' }, ACTOR, randomBytes);
          const arrivals = { count, perMs: 1_000 };
          const { accepted, denied, remaining, exhaustedAt } = await simulate(store, { requests, arrivals });
          const times = Array.from({ length: requests }, (_, index) => start + Math.floor((index * 1_000) / count));
          expect({ accepted, denied, remaining, exhaustedAt }).toEqual(await send(store, clock, 'default', times));
          await store.close();
        },
      ),
      { numRuns: runsOf(60) },
    );
  });
});
