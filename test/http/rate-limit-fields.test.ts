import { afterEach, describe, expect, test } from '@jest/globals';
import { parseList, type InnerList, type Item } from 'structured-headers';
import { rateLimitFields } from '../../src/http/rate-limit-fields.ts';
import { anonymousVerdict, type Verdict } from '../../src/domain/verdict.ts';
import { Served, createAccount, createService, type Answer } from './served.ts';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');

function read(field: string): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    parseList(field).map((member: Item | InnerList) => {
      const [name, parameters] = member;
      expect(typeof name).toBe('string');
      return [String(name), Object.fromEntries(parameters)];
    }),
  );
}

/** Both fields as a parser of structured fields reads them. */
function fields(verdict: Partial<Verdict>): { policy: unknown; limit: unknown } | null {
  const told = rateLimitFields({ ...anonymousVerdict('missing_api_key', null), ...verdict }, NOW);
  if (told === '') return null;
  const [, policy = '', limit = ''] = /^RateLimit-Policy: (.*)\r\nRateLimit: (.*)\r\n$/.exec(told) ?? [];
  expect(policy).not.toBe('');
  return { policy: read(policy), limit: read(limit) };
}

const CREDITS = { limit: 1_000, remaining: 250, resetsAt: NOW + 30_001, limitedBy: 'account' } as const;
const RATE = { limit: 5, burst: 12, remaining: 3, resetsAt: NOW + 1 };

describe('RateLimit and RateLimit-Policy', () => {
  test('count requests of this price for the day, and the burst of the tier', () => {
    expect(fields({ credits: CREDITS, cost: 100, rate: RATE })).toEqual({
      policy: { daily: { q: 10, w: 86_400 }, rate: { q: 12, w: 3 } },
      limit: { daily: { r: 2, t: 31 }, rate: { r: 3, t: 1 } },
    });
  });

  test('leave out what does not apply: a price of nothing, a tier without a rate, an unknown account', () => {
    expect(fields({ credits: CREDITS, cost: 0, rate: RATE })).toEqual({
      policy: { rate: { q: 12, w: 3 } },
      limit: { rate: { r: 3, t: 1 } },
    });
    expect(fields({ credits: CREDITS, cost: 100 })).toEqual({ policy: { daily: { q: 10, w: 86_400 } }, limit: { daily: { r: 2, t: 31 } } });
    expect(fields({ credits: CREDITS, cost: 0 })).toBeNull();
    expect(fields({})).toBeNull();
  });

  test('stay integers of structured fields for the largest allowance, and never go below zero', () => {
    const vast = { ...CREDITS, limit: 2e15, remaining: 2e15, resetsAt: NOW - 5_000 };
    expect(fields({ credits: vast, cost: 1 })).toEqual({
      policy: { daily: { q: 999_999_999_999_999, w: 86_400 } },
      limit: { daily: { r: 999_999_999_999_999, t: 0 } },
    });
  });

  test('agree with Retry-After when the rate is what denied', () => {
    const rate = { limit: 1, burst: 10, remaining: 0, resetsAt: NOW + 9_500 };
    expect(fields({ code: 'request_limit_reached', retryAfter: 1, rate })).toMatchObject({ limit: { rate: { r: 0, t: 1 } } });
    expect(fields({ code: 'insufficient_credits', retryAfter: 43_200, rate })).toMatchObject({ limit: { rate: { r: 0, t: 10 } } });
  });
});

describe('on real answers', () => {
  let served: Served;

  afterEach(() => served.end());

  function told(answer: Answer): { policy: Record<string, unknown>; limit: Record<string, Record<string, unknown>> } {
    return { policy: read(String(answer.headers['ratelimit-policy'])), limit: read(String(answer.headers['ratelimit'])) };
  }

  test('they tell the truth: as many requests pass as they say, and no more', async () => {
    served = await Served.start({ before: (store) => createService(store, 'free', 0) });
    const accountRef = await createAccount(served.store, 'counted', 450, { requestsPerSecond: 10, burst: 20 });
    const { apiKey } = await served.key({ accountRef });
    expect(told(await served.verify(apiKey))).toEqual({
      policy: { daily: { q: 4, w: 86_400 }, rate: { q: 20, w: 2 } },
      limit: { daily: { r: 3, t: 43_200 }, rate: { r: 19, t: 1 } },
    });
    for (const left of [2, 1, 0]) expect(told(await served.verify(apiKey)).limit['daily']).toEqual({ r: left, t: 43_200 });
    const denied = await served.verify(apiKey);
    expect(denied.status).toBe(402);
    expect(told(denied).limit['daily']).toEqual({ r: 0, t: 43_200 });
    expect(denied.headers['retry-after']).toBe('43200');
    expect(told(await served.verify(apiKey, '/verify/free')).policy).toEqual({ rate: { q: 20, w: 2 } });
  });

  test('they are absent where the account is unknown', async () => {
    served = await Served.start();
    const answer = await served.ask('/verify');
    expect(answer.headers).not.toHaveProperty('ratelimit');
    expect(answer.headers).not.toHaveProperty('ratelimit-policy');
  });
});
