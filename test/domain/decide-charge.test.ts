import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { remaining } from '../../src/domain/credits.ts';
import { debitId } from '../../src/domain/debit.ts';
import { allowanceLeft, decide, priceOf, type Facts } from '../../src/domain/decide.ts';
import { MS_PER_DAY, nextReset } from '../../src/domain/utc-day.ts';
import { creditsConsumed } from '../../src/domain/verdict.ts';
import { balanceOf, factsOf, KEY, NOW, priorOf, requestOf, SERVICE } from './samples.ts';

describe('an admission', () => {
  test('takes the price, and says what is left after it', () => {
    const { verdict, change } = decide(requestOf({ requestId: 'r-1' }), factsOf({ balance: balanceOf(1_000, 300, 50) }), NOW);
    expect(verdict).toEqual({
      valid: true,
      code: 'ok',
      status: 200,
      message: 'Admitted.',
      keyId: KEY.id,
      keyName: 'prod',
      account: 'acme',
      environment: 'production',
      tier: 'free',
      service: 'default',
      cost: 100,
      credits: { limit: 1_050, remaining: 650, resetsAt: nextReset(NOW), limitedBy: 'account' },
      rate: { limit: 5, burst: 5, remaining: 4, resetsAt: NOW + 200 },
      retryAfter: null,
      debitId: debitId(NOW * 1_000),
      requestId: 'r-1',
      replayed: false,
    });
    expect(change).toEqual({ kind: 'debit', cost: 100, balance: balanceOf(1_000, 400, 50), arrival: NOW * 1_000 + 200_000, capSpent: 100 });
    expect(creditsConsumed(verdict)).toBe(100);
  });

  test.each([
    [null, 100, 100],
    [null, 250, 250],
    [null, 0, 0],
    [0, 100, 0],
    [7, 100, 7],
    [1_000, 100, 1_000],
  ])('of a caller’s price %p at a service of %i costs %i', (cost, ofService, expected) => {
    const facts = factsOf({ service: { ...SERVICE, cost: ofService } });
    expect(priceOf(requestOf({ cost }), facts)).toBe(expected);
    expect(decide(requestOf({ cost }), facts, NOW).change).toMatchObject({ cost: expected, balance: balanceOf(1_000, expected) });
  });

  test('the last credits are enough for the last request', () => {
    expect(decide(requestOf(), factsOf({ balance: balanceOf(1_000, 900) }), NOW).verdict).toMatchObject({
      code: 'ok',
      credits: { remaining: 0 },
    });
    expect(decide(requestOf(), factsOf({ balance: balanceOf(1_000, 901) }), NOW).verdict).toMatchObject({
      code: 'insufficient_credits',
      credits: { limit: 1_000, remaining: 99 },
    });
  });

  test('a request that is free passes with nothing left', () => {
    expect(decide(requestOf({ cost: 0 }), factsOf({ balance: balanceOf(1_000, 1_000) }), NOW).verdict.code).toBe('ok');
  });
});

describe('an exhausted allowance', () => {
  const exhausted = factsOf({ balance: balanceOf(1_000, 1_000) });

  test.each([
    [NOW, 14 * 3_600],
    [nextReset(NOW) - 1, 1],
    [nextReset(NOW) - 1_000, 1],
    [nextReset(NOW) - 1_001, 2],
    [nextReset(NOW), MS_PER_DAY / 1_000],
  ])('at %i retries after %i seconds: whoever waits is in the next day', (now, seconds) => {
    const { verdict } = decide(requestOf(), exhausted, now);
    expect(verdict).toMatchObject({ code: 'insufficient_credits', retryAfter: seconds });
    expect(now + seconds * 1_000).toBeGreaterThanOrEqual(nextReset(now));
  });
});

describe('a key’s daily cap', () => {
  const capped = { ...KEY, dailyCap: 500 };

  test.each([
    // granted, spent, cap, spent of it: by whom, limit, left
    [1_000, 0, 500, 0, 'key', 500, 500],
    [1_000, 0, 500, 400, 'key', 500, 100],
    [1_000, 0, 500, 500, 'key', 500, 0],
    [1_000, 0, 500, 600, 'key', 500, 0],
    [1_000, 800, 500, 0, 'account', 1_000, 200],
    [1_000, 500, 500, 0, 'account', 1_000, 500],
    [1_000, 1_000, 500, 500, 'account', 1_000, 0],
    [1_000, 0, 0, 0, 'key', 0, 0],
    [1_000, 0, 5_000, 0, 'account', 1_000, 1_000],
  ] as const)('of account %i-%i and cap %i-%i the tighter is the %s', (granted, spent, dailyCap, capSpent, by, limit, left) => {
    const facts = factsOf({ key: { ...KEY, dailyCap }, balance: balanceOf(granted, spent), capSpent });
    expect(allowanceLeft(facts)).toEqual({ by, limit, left });
  });

  test('is counted up by an admission and denies when it is spent', () => {
    const { verdict, change } = decide(requestOf(), factsOf({ key: capped, capSpent: 400 }), NOW);
    expect(verdict).toMatchObject({ code: 'ok', credits: { limit: 500, remaining: 0, limitedBy: 'key' } });
    expect(change).toMatchObject({ capSpent: 500, balance: balanceOf(1_000, 100) });
    expect(decide(requestOf(), factsOf({ key: capped, capSpent: 401 }), NOW).verdict).toMatchObject({
      code: 'insufficient_credits',
      credits: { limit: 500, remaining: 99, limitedBy: 'key' },
    });
  });

  test('does not help when the account has less', () => {
    expect(decide(requestOf(), factsOf({ key: capped, balance: balanceOf(1_000, 950) }), NOW).verdict).toMatchObject({
      code: 'insufficient_credits',
      credits: { limitedBy: 'account', remaining: 50 },
    });
  });
});

describe('a rate limit', () => {
  /** Behind a bucket that is full for `micros` more than one request's time. */
  function behind(micros: number): Facts {
    return factsOf({ arrival: NOW * 1_000 + 800_000 + micros });
  }

  test('admits at the edge and denies a microsecond later', () => {
    expect(decide(requestOf(), behind(0), NOW).verdict).toMatchObject({ code: 'ok', rate: { limit: 5, burst: 5, remaining: 0 } });
    expect(decide(requestOf(), behind(1), NOW).verdict).toMatchObject({
      code: 'request_limit_reached',
      retryAfter: 1,
      rate: { remaining: 0 },
    });
  });

  test('says when the whole burst is back, rounded up to milliseconds', () => {
    const { verdict } = decide(requestOf(), factsOf({ limit: { requestsPerSecond: 3, burst: 3 } }), NOW);
    expect(verdict.rate).toEqual({ limit: 3, burst: 3, remaining: 2, resetsAt: NOW + 334 });
  });

  test('its wait is exact and rounded up to seconds: whoever waits passes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0.1, 0.3, 1, 3, 7, 40),
        fc.integer({ min: 1, max: 20 }),
        fc.nat({ max: 300_000_000 }),
        (requestsPerSecond, burst, ahead) => {
          const facts = factsOf({ limit: { requestsPerSecond, burst }, arrival: NOW * 1_000 + ahead });
          const { verdict, change } = decide(requestOf(), facts, NOW);
          if (verdict.code === 'ok') return;
          const { retryAfter } = verdict;
          const arrival = change?.kind === 'cut' ? change.arrival : facts.arrival;
          expect(decide(requestOf(), { ...facts, arrival }, NOW + (retryAfter ?? 0) * 1_000).verdict.code).toBe('ok');
          expect(decide(requestOf(), { ...facts, arrival }, NOW + ((retryAfter ?? 0) - 1) * 1_000).verdict.code).toBe(
            'request_limit_reached',
          );
        },
      ),
    );
  });

  test('after a clock stepped back the refusal cuts the arrival time, unless it is a dry run', () => {
    const ahead = factsOf({ arrival: (NOW + MS_PER_DAY) * 1_000 });
    const { verdict, change } = decide(requestOf(), ahead, NOW);
    expect(verdict).toMatchObject({ code: 'request_limit_reached', retryAfter: 1 });
    expect(change).toEqual({ kind: 'cut', arrival: NOW * 1_000 + 1_000_000 });
    expect(decide(requestOf({ dryRun: true }), ahead, NOW).change).toBeNull();
  });
});

describe('a dry run', () => {
  test('decides the same, but takes nothing and leaves the numbers as they are', () => {
    const { verdict, change } = decide(requestOf({ dryRun: true }), factsOf(), NOW);
    expect(change).toBeNull();
    expect(verdict).toMatchObject({
      valid: true,
      code: 'ok',
      cost: 100,
      debitId: null,
      credits: { remaining: 1_000 },
      rate: { remaining: 5 },
    });
    expect(creditsConsumed(verdict)).toBe(0);
  });

  test('denies as the real request would', () => {
    for (const facts of [
      factsOf({ balance: balanceOf(0) }),
      factsOf({ key: { ...KEY, disabledAt: 1 } }),
      factsOf({ prior: priorOf({ cost: 1 }) }),
    ]) {
      expect(decide(requestOf({ dryRun: true }), facts, NOW).verdict).toEqual(decide(requestOf(), facts, NOW).verdict);
    }
  });
});

describe('a repeated request id', () => {
  const again = requestOf({ requestId: 'r-1' });

  test('answers with the first debit and takes nothing, even with nothing left and at the rate limit', () => {
    const facts = factsOf({ prior: priorOf(), balance: balanceOf(1_000, 1_000), arrival: (NOW + 1_000) * 1_000 });
    const { verdict, change } = decide(again, facts, NOW);
    expect(verdict).toMatchObject({
      code: 'ok',
      replayed: true,
      debitId: debitId(priorOf().number),
      requestId: 'r-1',
      credits: { remaining: 0 },
    });
    expect(change).toEqual({ kind: 'replay' });
    expect(creditsConsumed(verdict)).toBe(0);
  });

  test.each([
    ['another key', { prior: priorOf({ keyRef: KEY.ref + 1 }) }],
    ['the account itself', { prior: priorOf({ keyRef: null }) }],
    ['another service', { prior: priorOf({ serviceRef: SERVICE.ref + 1 }) }],
    ['another cost', { prior: priorOf({ cost: 99 }) }],
    ['a charge that was refunded', { prior: priorOf({ refunded: true }) }],
    ['a charge that was repeated too often', { prior: priorOf({ replaysLeft: 0 }) }],
  ])('that stands for %s is a conflict', (_, changed) => {
    const { verdict, change } = decide(again, factsOf(changed), NOW);
    expect(verdict).toMatchObject({ code: 'request_id_conflict', status: 409, debitId: null, replayed: false });
    expect(change).toBeNull();
  });

  test('with another price than the first time is a conflict, with the same price it is none', () => {
    expect(decide({ ...again, cost: 5 }, factsOf({ prior: priorOf() }), NOW).verdict.code).toBe('request_id_conflict');
    expect(decide({ ...again, cost: 100 }, factsOf({ prior: priorOf() }), NOW).verdict).toMatchObject({ code: 'ok', replayed: true });
  });

  test('of the account itself is replayed for the account itself', () => {
    const request = { ...again, subject: { kind: 'account', ref: 7 } as const, fromShell: true };
    expect(decide(request, factsOf({ key: null, prior: priorOf({ keyRef: null }) }), NOW).verdict).toMatchObject({
      code: 'ok',
      replayed: true,
    });
    expect(decide(request, factsOf({ key: null, prior: priorOf() }), NOW).verdict.code).toBe('request_id_conflict');
  });

  test('passes every check of identity again', () => {
    const facts = factsOf({ prior: priorOf(), key: { ...KEY, disabledAt: NOW } });
    expect(decide(again, facts, NOW).verdict.code).toBe('api_key_disabled');
  });

  test('in a dry run counts no replay', () => {
    const { verdict, change } = decide({ ...again, dryRun: true }, factsOf({ prior: priorOf({ replaysLeft: 1 }) }), NOW);
    expect(verdict).toMatchObject({ code: 'ok', replayed: true });
    expect(change).toBeNull();
  });
});

describe('whatever is asked', () => {
  const credits = fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 1e9 }), fc.constant(1e15));

  test('spent never exceeds granted + adjusted, and only an admission spends', () => {
    const asked = fc.record({
      cost: fc.option(fc.oneof(fc.nat({ max: 1_000 }), fc.constant(1e9))),
      pause: fc.nat({ max: 400 }),
      dryRun: fc.boolean(),
      fromShell: fc.boolean(),
    });
    fc.assert(
      fc.property(
        credits,
        fc.integer({ min: -1_000, max: 1_000 }),
        fc.option(credits),
        fc.array(asked, { maxLength: 60 }),
        (granted, adjusted, dailyCap, list) => {
          fc.pre(granted + adjusted >= 0);
          let facts = factsOf({ key: { ...KEY, dailyCap }, balance: balanceOf(granted, 0, adjusted) });
          let now = NOW;
          let taken = 0;
          for (const { pause, ...question } of list) {
            now += pause;
            const { verdict, change } = decide(requestOf(question), facts, now);
            taken += creditsConsumed(verdict);
            if (change?.kind === 'debit') {
              facts = { ...facts, balance: change.balance, capSpent: change.capSpent, arrival: change.arrival ?? facts.arrival };
            }
            const balance = facts.balance ?? balanceOf(0);
            expect(balance.spent).toBe(taken);
            expect(remaining(balance)).toBeGreaterThanOrEqual(0);
            expect(facts.capSpent).toBeLessThanOrEqual(dailyCap ?? Number.MAX_SAFE_INTEGER);
            expect(verdict.credits?.remaining).toBe(allowanceLeft(facts).left);
          }
        },
      ),
    );
  });
});
