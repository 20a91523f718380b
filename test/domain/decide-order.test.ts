import { describe, expect, test } from '@jest/globals';
import { CHECKS, decide, type Facts, type Request } from '../../src/domain/decide.ts';
import { VERDICT_STATUS, type DenialCode } from '../../src/domain/verdict.ts';
import { ACCOUNT, balanceOf, factsOf, KEY, NOW, priorOf, requestOf, SERVICE } from './samples.ts';

interface Asked {
  readonly request: Request;
  readonly facts: Facts;
}

/**
 * For each check one change that makes it fail, and that leaves those before it as they are. Written down in the order of the
 * contract, not taken from the code.
 */
const FAILURES: readonly (readonly [DenialCode, number, (asked: Asked) => Asked])[] = [
  ['unknown_service', 404, ({ request, facts }) => ({ request, facts: { ...facts, service: null } })],
  ['missing_api_key', 401, ({ request, facts }) => ({ request: { ...request, subject: { kind: 'missing' } }, facts })],
  ['invalid_api_key', 401, (asked) => withKey(asked, { deletedAt: NOW - 1 })],
  ['api_key_disabled', 403, (asked) => withKey(asked, { disabledAt: NOW - 1 })],
  ['api_key_expired', 401, (asked) => withKey(asked, { expiresAt: NOW })],
  ['account_suspended', 403, ({ request, facts }) => ({ request, facts: { ...facts, account: { ...ACCOUNT, suspendedAt: NOW - 1 } } })],
  ['environment_mismatch', 403, ({ request, facts }) => ({ request: { ...request, environment: 'development' }, facts })],
  ['ip_not_allowed', 403, (asked) => withKey(asked, { allowedIps: ['198.51.100.0/24'] })],
  ['service_not_allowed', 403, (asked) => withKey(asked, { services: ['other'] })],
  ['request_id_conflict', 409, ({ request, facts }) => ({ request, facts: { ...facts, prior: priorOf({ refunded: true }) } })],
  ['insufficient_credits', 402, ({ request, facts }) => ({ request, facts: { ...facts, balance: balanceOf(1_000, 1_000) } })],
  ['request_limit_reached', 429, ({ request, facts }) => ({ request, facts: { ...facts, arrival: (NOW + 1_000) * 1_000 } })],
];

function withKey({ request, facts }: Asked, changed: Partial<typeof KEY>): Asked {
  return { request, facts: { ...facts, key: { ...KEY, ...facts.key, ...changed } } };
}

const FINE: Asked = { request: requestOf(), facts: factsOf() };

function verdictOf({ request, facts }: Asked): ReturnType<typeof decide>['verdict'] {
  return decide(request, facts, NOW).verdict;
}

describe('the checks', () => {
  test('are those of the contract, in its order', () => {
    expect(CHECKS.map(([code]) => code)).toEqual(FAILURES.map(([code]) => code));
  });

  test('admit the request of which nothing is wrong', () => {
    expect(verdictOf(FINE)).toMatchObject({ valid: true, code: 'ok', status: 200 });
  });

  test.each(FAILURES)('%s alone is denied with %i', (code, status, fail) => {
    const verdict = verdictOf(fail(FINE));
    expect(verdict).toMatchObject({ valid: false, code, status, debitId: null, replayed: false });
    expect(VERDICT_STATUS[code]).toBe(status);
  });

  test.each(FAILURES.map(([code], index) => [code, index] as const))('%s outweighs everything that is checked after it', (code, index) => {
    const wrong = FAILURES.slice(index).reduceRight((asked, [, , fail]) => fail(asked), FINE);
    expect(verdictOf(wrong).code).toBe(code);
  });

  test.each(
    FAILURES.flatMap(([first, , failFirst], index) =>
      FAILURES.slice(index + 1).map(([second, , failSecond]) => [first, second, failFirst, failSecond] as const),
    ),
  )('%s outweighs %s', (first, _, failFirst, failSecond) => {
    expect(verdictOf(failFirst(failSecond(FINE))).code).toBe(first);
  });

  test.each(FAILURES)('%s changes no state', (_, __, fail) => {
    const { request, facts } = fail(FINE);
    expect(decide(request, facts, NOW).change).toBeNull();
  });
});

describe('a denial that is not about the key', () => {
  test.each(['unknown_service', 'missing_api_key', 'invalid_api_key'] as const)('%s says nothing about key, account or balance', (code) => {
    const fail = FAILURES.find(([name]) => name === code)?.[2] ?? ((asked: Asked) => asked);
    expect(verdictOf(fail(FINE))).toMatchObject({
      keyId: null,
      keyName: null,
      account: null,
      environment: null,
      tier: null,
      credits: null,
      rate: null,
    });
  });

  test('malformed, unknown and deleted get the very same verdict', () => {
    const nobody = { key: null, account: null, tier: null, limit: null, balance: null };
    const malformed = verdictOf({ request: requestOf({ subject: { kind: 'malformed' } }), facts: factsOf(nobody) });
    const unknown = verdictOf({ request: requestOf(), facts: factsOf(nobody) });
    const deleted = verdictOf(withKey(FINE, { deletedAt: NOW - 1 }));
    const deletedAndMore = verdictOf({
      request: requestOf(),
      facts: factsOf({
        key: { ...KEY, deletedAt: 1, disabledAt: 1, expiresAt: 1, dailyCap: 100 },
        account: { ...ACCOUNT, suspendedAt: 1 },
        capSpent: 100,
        prior: priorOf(),
        arrival: NOW * 2_000,
        balance: balanceOf(0),
      }),
    });
    expect(malformed.code).toBe('invalid_api_key');
    for (const verdict of [unknown, deleted, deletedAndMore]) expect(JSON.stringify(verdict)).toBe(JSON.stringify(malformed));
  });

  test('every other denial says whose key it was', () => {
    for (const [code, , fail] of FAILURES.slice(3)) {
      expect(verdictOf(fail(FINE))).toMatchObject({ code, keyId: KEY.id, keyName: 'prod', account: 'acme', environment: 'production' });
    }
  });
});

describe('single checks at their edges', () => {
  test('a key is expired from the very instant on', () => {
    expect(verdictOf(withKey(FINE, { expiresAt: NOW + 1 })).code).toBe('ok');
    expect(verdictOf(withKey(FINE, { expiresAt: NOW })).code).toBe('api_key_expired');
  });

  test.each([
    [null, null, 'ok'],
    ['production', null, 'ok'],
    [null, 'production', 'ok'],
    ['production', 'production', 'ok'],
    ['qa', null, 'environment_mismatch'],
    [null, 'qa', 'environment_mismatch'],
    ['production', 'qa', 'environment_mismatch'],
    ['qa', 'production', 'environment_mismatch'],
  ])('the server asks for %p, the service for %p: %s', (asked, service, code) => {
    const facts = factsOf({ service: { ...SERVICE, environment: service } });
    expect(verdictOf({ request: requestOf({ environment: asked }), facts }).code).toBe(code);
  });

  test('a key with ranges needs a known address', () => {
    const facts = factsOf({ key: { ...KEY, allowedIps: ['203.0.113.0/24'] } });
    expect(verdictOf({ request: requestOf(), facts }).code).toBe('ok');
    expect(verdictOf({ request: requestOf({ ip: '::ffff:203.0.113.7' }), facts }).code).toBe('ok');
    expect(verdictOf({ request: requestOf({ ip: null }), facts }).code).toBe('ip_not_allowed');
    expect(verdictOf({ request: requestOf({ ip: 'unknown' }), facts }).code).toBe('ip_not_allowed');
  });

  test('a key without ranges needs none', () => {
    expect(verdictOf({ request: requestOf({ ip: null }), facts: factsOf() }).code).toBe('ok');
  });

  test('a key with services calls those alone', () => {
    expect(verdictOf(withKey(FINE, { services: ['other', 'default'] })).code).toBe('ok');
    expect(verdictOf(withKey(FINE, { services: ['defaul'] })).code).toBe('service_not_allowed');
  });

  test('a tier without a rate has no limit', () => {
    const { verdict, change } = decide(requestOf(), factsOf({ limit: null, arrival: NOW * 2_000 }), NOW);
    expect(verdict).toMatchObject({ code: 'ok', rate: null });
    expect(change).toMatchObject({ kind: 'debit', arrival: null });
  });
});

describe('the shell’s charge', () => {
  const shell = requestOf({ fromShell: true, ip: null, subject: { kind: 'key', ref: KEY.ref } });

  test('comes from no address and at no rate, and moves no rate limit', () => {
    const facts = factsOf({ key: { ...KEY, allowedIps: ['198.51.100.0/24'] }, arrival: (NOW + 1_000) * 1_000 });
    const { verdict, change } = decide(shell, facts, NOW);
    expect(verdict.code).toBe('ok');
    expect(change).toMatchObject({ kind: 'debit', arrival: null });
  });

  test.each([
    ['api_key_disabled', { key: { ...KEY, disabledAt: 1 } }],
    ['account_suspended', { account: { ...ACCOUNT, suspendedAt: 1 } }],
    ['insufficient_credits', { balance: balanceOf(99) }],
    ['insufficient_credits', { key: { ...KEY, dailyCap: 100 }, capSpent: 1 }],
  ] as const)('still obeys %s', (code, changed) => {
    expect(decide(shell, factsOf(changed), NOW).verdict.code).toBe(code);
  });

  test('on an account needs no key and no environment', () => {
    const request = requestOf({ fromShell: true, ip: null, subject: { kind: 'account', ref: ACCOUNT.ref }, environment: 'qa' });
    const { verdict, change } = decide(request, factsOf({ key: null }), NOW);
    expect(verdict).toMatchObject({ code: 'ok', keyId: null, account: 'acme', environment: null });
    expect(change).toMatchObject({ kind: 'debit', cost: 100 });
    expect(decide(request, factsOf({ key: null, account: { ...ACCOUNT, suspendedAt: 1 } }), NOW).verdict.code).toBe('account_suspended');
  });
});
