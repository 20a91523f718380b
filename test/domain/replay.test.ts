import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openBalance } from '../../src/domain/credits.ts';
import { decide, type Facts, type Request } from '../../src/domain/decide.ts';
import type { Account, Service } from '../../src/domain/entities.ts';
import type { RateLimit } from '../../src/domain/rate-limit.ts';
import { Replay, type Demand, type Plan } from '../../src/domain/replay.ts';
import { dayOf, MS_PER_DAY, startOfDay } from '../../src/domain/utc-day.ts';

const DAY = 20_770;
const START = startOfDay(DAY);
const ACCOUNT: Account = {
  ...{ ref: 7, id: 'acct_a', name: 'acme', externalId: null, createdAt: 0, suspendedAt: null },
  tiers: [{ from: 0, tier: 'own' }],
};
const SERVICES: readonly Service[] = [
  { ref: 1, name: 'default', cost: 100, environment: null },
  { ref: 2, name: 'search', cost: 30, environment: null },
];

function plan(name: string, dailyCredits: number, limit: RateLimit | null): Plan {
  return { name, termsOf: () => ({ tier: name, dailyCredits, limit: () => limit }) };
}

function demand(at: number, chosen: Partial<Demand & { place: number }> = {}): Demand {
  const service = SERVICES[chosen.place ?? 0];
  if (service === undefined) throw new RangeError('no such service');
  const { cost = service.cost, count = 1, atNoRate = false, accountRef = ACCOUNT.ref } = chosen;
  return { at: START + at, accountRef, service, cost, count, atNoRate };
}

function replayed(plans: readonly Plan[], demands: readonly Demand[], accounts: readonly Account[] = [ACCOUNT]): Replay {
  const replay = new Replay(plans);
  for (const account of accounts) replay.meet(account);
  for (const one of demands) replay.take(one);
  return replay;
}

/** The same, asked of `decide` one by one, with its own books. */
function decided(dailyCredits: number, limit: RateLimit | null, demands: readonly Demand[]): Record<string, number> {
  const codes: Record<string, number> = {};
  const arrivals = new Map<number, number>();
  let balance = openBalance(-1, 0, 0);
  for (const { at, service, cost, count, atNoRate } of demands) {
    if (dayOf(at) !== balance.day) balance = openBalance(dayOf(at), dailyCredits, 0);
    for (let index = 0; index < count; index += 1) {
      const request: Request = {
        ...{ subject: { kind: 'account', ref: 7 }, service: service.name, environment: null, cost, ip: null, requestId: null },
        ...{ requestIdRule: 'json', dryRun: false, fromShell: atNoRate },
      };
      const facts: Facts = {
        ...{ service, key: null, account: ACCOUNT, tier: 't', limit, balance, capSpent: 0, prior: null, nextDebit: 0 },
        arrival: arrivals.get(service.ref) ?? 0,
      };
      const { verdict, change } = decide(request, facts, at);
      codes[verdict.code] = (codes[verdict.code] ?? 0) + 1;
      if (change?.kind !== 'debit') continue;
      balance = change.balance;
      if (change.arrival !== null) arrivals.set(service.ref, change.arrival);
    }
  }
  return codes;
}

describe('a replay', () => {
  test('denies what decide denies, request by request, over days, services, prices and bursts', () => {
    const some = fc.record({
      ...{ wait: fc.oneof(fc.nat(300), fc.nat(MS_PER_DAY)), place: fc.nat(1), cost: fc.oneof(fc.constant(100), fc.nat(400)) },
      ...{ count: fc.integer({ min: 1, max: 9 }), atNoRate: fc.boolean() },
    });
    const limits = fc.option(fc.record({ requestsPerSecond: fc.integer({ min: 1, max: 9 }), burst: fc.integer({ min: 1, max: 9 }) }));
    fc.assert(
      fc.property(fc.array(some, { maxLength: 60 }), fc.nat(3_000), limits, (rows, dailyCredits, limit) => {
        let at = 0;
        const demands = rows.map(({ wait, ...rest }) => demand((at += wait), rest));
        const replay = replayed([plan('other', 100, null), plan('one', dailyCredits, limit)], demands);
        const { ok = 0, ...denied } = decided(dailyCredits, limit, demands);
        const days = replay.days(1);
        const requests = days.reduce((sum, day) => sum + day.requests, 0);
        for (const code of ['insufficient_credits', 'request_limit_reached'] as const) {
          expect(days.reduce((sum, day) => sum + (day.denied[code] ?? 0), 0)).toBe(denied[code] ?? 0);
        }
        const all = Object.values(denied).reduce((sum, count) => sum + count, 0);
        expect(requests).toBe(ok + all);
        expect(replay.accounts()[0]?.deniedBy[1]).toBe(all);
      }),
    );
  });

  test('tells day by day what was denied, and when the credits were gone', () => {
    const demands = [demand(0, { count: 2 }), demand(60_000), demand(60_001), demand(MS_PER_DAY, { count: 4 })];
    const replay = replayed([plan('small', 300, null)], demands);
    expect(replay.days(0)).toEqual([
      { day: DAY, requests: 4, denied: { insufficient_credits: 1 }, accountsDenied: 1, exhaustedAt: START + 60_001 },
      { day: DAY + 1, requests: 4, denied: { insufficient_credits: 1 }, accountsDenied: 1, exhaustedAt: START + MS_PER_DAY },
    ]);
    expect(replay.accounts()).toMatchObject([{ requests: 8, busiestDay: 400, deniedBy: [2] }]);
  });

  test('keeps accounts apart, and counts those that were denied once a day', () => {
    const other = { ...ACCOUNT, ref: 8, name: 'other' };
    const demands = [demand(0, { count: 3 }), demand(5, { accountRef: 8 }), demand(9, { count: 2 }), demand(20, { accountRef: 8 })];
    const replay = replayed([plan('small', 200, null)], demands, [ACCOUNT, other]);
    expect(replay.days(0)).toMatchObject([{ requests: 7, denied: { insufficient_credits: 3 }, accountsDenied: 1 }]);
    expect(replay.accounts().map(({ deniedBy }) => deniedBy)).toEqual([[3], [0]]);
  });

  test('an account that is suspended today was not then, and a clock that stepped back stood still', () => {
    const replay = replayed(
      [plan('slow', 10_000, { requestsPerSecond: 1, burst: 1 })],
      [demand(10_000), demand(4_000), demand(11_000)],
      [{ ...ACCOUNT, suspendedAt: START + 1 }],
    );
    expect(replay.days(0)).toMatchObject([{ day: DAY, requests: 3, denied: { request_limit_reached: 1 }, exhaustedAt: null }]);
  });
});
