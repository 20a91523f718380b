import { describe, expect, test } from '@jest/globals';
import { decide } from '../../src/domain/decide.ts';
import { anonymousVerdict, creditsConsumed, VERDICT_MESSAGE, VERDICT_STATUS, verdictJson } from '../../src/domain/verdict.ts';
import { factsOf, NOW, priorOf, requestOf } from './samples.ts';

/** The contract's fields, in its order. */
const FIELDS = [
  ...['valid', 'code', 'status', 'message', 'keyId', 'keyName', 'account', 'environment', 'tier', 'service', 'cost', 'credits', 'rate'],
  ...['retryAfter', 'debitId', 'requestId', 'replayed'],
];

describe('codes', () => {
  test('have the statuses of the contract', () => {
    expect(VERDICT_STATUS).toEqual({
      unknown_service: 404,
      missing_api_key: 401,
      invalid_api_key: 401,
      api_key_disabled: 403,
      api_key_expired: 401,
      account_suspended: 403,
      environment_mismatch: 403,
      ip_not_allowed: 403,
      service_not_allowed: 403,
      request_id_conflict: 409,
      insufficient_credits: 402,
      request_limit_reached: 429,
      ok: 200,
      store_unavailable: 503,
    });
  });

  test('have a sentence each', () => {
    expect(Object.keys(VERDICT_MESSAGE)).toEqual(Object.keys(VERDICT_STATUS));
    for (const message of Object.values(VERDICT_MESSAGE)) expect(message).toMatch(/^[A-Z].*\.$/);
  });
});

describe('a verdict about nobody', () => {
  test('names nobody and says when to come back', () => {
    expect(anonymousVerdict('store_unavailable', 'r-1', 1)).toEqual({
      valid: false,
      code: 'store_unavailable',
      status: 503,
      message: 'The verification service cannot answer now; try again.',
      keyId: null,
      keyName: null,
      account: null,
      environment: null,
      tier: null,
      service: null,
      cost: null,
      credits: null,
      rate: null,
      retryAfter: 1,
      debitId: null,
      requestId: 'r-1',
      replayed: false,
    });
    expect(anonymousVerdict('missing_api_key', null)).toMatchObject({ status: 401, retryAfter: null, requestId: null });
  });
});

describe('as JSON', () => {
  test('has the contract’s fields, and instants in ISO 8601', () => {
    const json = verdictJson(decide(requestOf({ requestId: 'r-1' }), factsOf(), NOW).verdict);
    expect(Object.keys(json)).toEqual(FIELDS);
    expect(json).toMatchObject({
      credits: { limit: 1_000, remaining: 900, resetsAt: '2026-11-23T00:00:00.000Z', limitedBy: 'account' },
      rate: { limit: 5, burst: 5, remaining: 4, resetsAt: '2026-11-22T10:00:00.200Z' },
    });
  });

  test('has the same fields when nothing is known', () => {
    const json = verdictJson(anonymousVerdict('invalid_api_key', null));
    expect(Object.keys(json)).toEqual(FIELDS);
    expect(json).toMatchObject({ credits: null, rate: null });
  });
});

describe('credits that a request took', () => {
  test('are its cost when it was charged, and none when it was denied, replayed or a dry run', () => {
    expect(creditsConsumed(decide(requestOf(), factsOf(), NOW).verdict)).toBe(100);
    expect(creditsConsumed(decide(requestOf({ cost: 0 }), factsOf(), NOW).verdict)).toBe(0);
    expect(creditsConsumed(decide(requestOf({ cost: 1_001 }), factsOf(), NOW).verdict)).toBe(0);
    expect(creditsConsumed(decide(requestOf({ requestId: 'r-1' }), factsOf({ prior: priorOf() }), NOW).verdict)).toBe(0);
    expect(creditsConsumed(decide(requestOf({ dryRun: true }), factsOf(), NOW).verdict)).toBe(0);
  });
});
