import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openBalance, remaining, type Balance } from '../../src/domain/credits.ts';
import { decide, rateOf, type Facts } from '../../src/domain/decide.ts';
import type { Account, Service } from '../../src/domain/entities.ts';
import type { RateLimit } from '../../src/domain/rate-limit.ts';
import { simulate, type Arrivals, type Scenario, type Simulation } from '../../src/domain/simulate.ts';
import { dayOf, MS_PER_DAY, type UtcDay } from '../../src/domain/utc-day.ts';
import { requestOf } from './samples.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const SERVICE: Service = { ref: 1, name: 'default', cost: 100, environment: null };
const ACCOUNT: Account = { ref: 1, id: 'a', name: 'a', externalId: null, createdAt: 0, suspendedAt: null, tiers: [{ from: 0, tier: 't' }] };

interface Plan {
  readonly credits?: number;
  readonly limit?: RateLimit | null;
  readonly arrivals?: Arrivals | null;
  readonly requests: number;
  readonly start?: number;
  readonly changed?: Partial<Scenario>;
}

function scenario({ credits = 100_000, limit = null, arrivals = null, requests, start = NOON, changed = {} }: Plan): Scenario {
  const day = (on: UtcDay) => ({ tier: 't', limit, balance: openBalance(on, credits, 0) });
  return { account: ACCOUNT, service: SERVICE, arrival: 0, day, start, requests, arrivals, ...changed };
}

/** The same in the slowest and plainest way: every request is decided, with the books of its day. */
function oneByOne(plan: Scenario): Simulation {
  const books = new Map<UtcDay, Balance>();
  const denied: Record<string, number> = {};
  let [accepted, cost, arrival, now] = [0, 0, plan.arrival, plan.start];
  let exhaustedAt: number | null = null;
  const factsAt = (at: number): Facts => {
    const { tier, limit, balance } = plan.day(dayOf(at));
    const today = books.get(dayOf(at)) ?? balance;
    return {
      service: plan.service,
      key: null,
      account: plan.account,
      tier,
      limit,
      balance: today,
      capSpent: 0,
      arrival,
      prior: null,
      nextDebit: 0,
    };
  };
  for (let index = 0; index < plan.requests; index += 1) {
    if (plan.arrivals !== null) now = plan.start + Math.floor((index * plan.arrivals.perMs) / plan.arrivals.count);
    // Millisecond by millisecond, until the rate would admit it.
    while (plan.arrivals === null && rateOf(factsAt(now), now)?.admitted === false) now += 1;
    const { verdict, change } = decide(requestOf({ subject: { kind: 'account', ref: 1 } }), factsAt(now), now);
    if (change?.kind === 'debit') {
      books.set(dayOf(now), change.balance);
      cost += change.cost;
      arrival = change.arrival ?? arrival;
    } else if (change?.kind === 'cut') arrival = change.arrival;
    if (verdict.code === 'ok') accepted += 1;
    else denied[verdict.code] = (denied[verdict.code] ?? 0) + 1;
    if (verdict.code === 'insufficient_credits') exhaustedAt ??= now;
  }
  return { accepted, denied, cost, remaining: remaining(factsAt(now).balance ?? openBalance(0, 0, 0)), exhaustedAt, endsAt: now };
}

describe('simulate', () => {
  test('without a limit everything comes at once, and what fits is taken', () => {
    expect(simulate(scenario({ requests: 1_200 }))).toEqual({
      accepted: 1_000,
      denied: { insufficient_credits: 200 },
      cost: 100_000,
      remaining: 0,
      exhaustedAt: NOON,
      endsAt: NOON,
    });
  });

  test('without arrivals nobody is refused for the rate: requests come as fast as it admits', () => {
    const limit = { requestsPerSecond: 5, burst: 5 };
    expect(simulate(scenario({ limit, requests: 15 }))).toMatchObject({ accepted: 15, denied: {}, endsAt: NOON + 2_000 });
  });

  test('with arrivals the rate refuses what comes too fast, and only that', () => {
    const limit = { requestsPerSecond: 5, burst: 1 };
    const arrivals = { count: 10, perMs: 1_000 };
    expect(simulate(scenario({ limit, arrivals, requests: 20 }))).toMatchObject({ accepted: 10, denied: { request_limit_reached: 10 } });
  });

  test('after midnight the new day is drawn on', () => {
    const start = Date.parse('2026-11-22T23:59:59.000Z');
    const report = simulate(scenario({ credits: 1_000, arrivals: { count: 20, perMs: 1_000 }, requests: 40, start }));
    expect(report).toEqual({
      accepted: 20,
      denied: { insufficient_credits: 20 },
      cost: 2_000,
      remaining: 0,
      exhaustedAt: Date.parse('2026-11-22T23:59:59.500Z'),
      endsAt: Date.parse('2026-11-23T00:00:00.950Z'),
    });
  });

  test('the tier of each day holds on it', () => {
    const today = dayOf(NOON);
    const day = (on: UtcDay) => ({ tier: 't', limit: null, balance: openBalance(on, on === today ? 300 : 500, 0) });
    const arrivals = { count: 1, perMs: 3_600_000 };
    expect(simulate(scenario({ arrivals, requests: 24, changed: { day } }))).toMatchObject({ accepted: 8, remaining: 0 });
  });

  test('an arrival time that a clock left far ahead is cut, as a server would', () => {
    const limit = { requestsPerSecond: 10, burst: 2 };
    const ahead = { arrival: (NOON + MS_PER_DAY) * 1_000 };
    const plan = scenario({ limit, arrivals: { count: 10, perMs: 1_000 }, requests: 10, changed: ahead });
    expect(simulate(plan)).toEqual(oneByOne(plan));
    expect(simulate(plan).accepted).toBeGreaterThan(5);
  });

  test('a suspended account is denied everything, over any midnight', () => {
    const account = { ...ACCOUNT, suspendedAt: 1 };
    const report = simulate(scenario({ requests: 100, arrivals: { count: 1, perMs: 3_600_000 }, changed: { account } }));
    expect(report).toMatchObject({ accepted: 0, denied: { account_suspended: 100 }, cost: 0, exhaustedAt: null });
  });

  test('a free service takes nothing and never runs out', () => {
    const service = { ...SERVICE, cost: 0 };
    expect(simulate(scenario({ credits: 0, requests: 5, changed: { service } }))).toMatchObject({
      accepted: 5,
      cost: 0,
      exhaustedAt: null,
    });
  });

  test('no request is none', () => {
    expect(simulate(scenario({ requests: 0 }))).toMatchObject({ accepted: 0, denied: {}, remaining: 100_000, endsAt: NOON });
  });

  test('whatever the plan, skipping ahead gives what deciding one by one gives', () => {
    const limits = fc.option(fc.record({ requestsPerSecond: fc.integer({ min: 1, max: 50 }), burst: fc.integer({ min: 1, max: 20 }) }));
    const arrivals = fc.option(fc.record({ count: fc.integer({ min: 1, max: 60 }), perMs: fc.constantFrom(1_000, 60_000, 3_600_000) }));
    const days = fc.array(fc.record({ credits: fc.nat({ max: 6_000 }), limit: limits, spent: fc.nat({ max: 3_000 }) }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.record({
          days,
          arrivals,
          requests: fc.nat({ max: 150 }),
          cost: fc.constantFrom(0, 1, 100, 250),
          beforeMidnight: fc.integer({ min: 1, max: 5_000 }),
          ahead: fc.integer({ min: -1_000_000, max: 3_000_000 }),
        }),
        (drawn) => {
          const start = Date.parse('2026-11-23T00:00:00.000Z') - drawn.beforeMidnight;
          const day = (on: UtcDay) => {
            const { credits, limit, spent } = drawn.days[(on - dayOf(start)) % drawn.days.length] ?? { credits: 0, limit: null, spent: 0 };
            const opened = openBalance(on, credits, 0);
            return { tier: `t${String(on)}`, limit, balance: { ...opened, spent: on === dayOf(start) ? Math.min(spent, credits) : 0 } };
          };
          const plan = scenario({
            requests: drawn.requests,
            arrivals: drawn.arrivals,
            start,
            changed: { day, service: { ...SERVICE, cost: drawn.cost }, arrival: start * 1_000 + drawn.ahead },
          });
          const slow = oneByOne({ ...plan });
          expect(simulate(plan)).toEqual(slow);
        },
      ),
      { numRuns: 300 },
    );
  });
});
