import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHECKS, decide, type Facts, type Request } from '../../src/domain/decide.ts';
import type { VerifiedKey } from '../../src/domain/entities.ts';
import { explain, type ExplainedCheck } from '../../src/domain/explain.ts';
import { ACCOUNT, balanceOf, factsOf, KEY, NOW, priorOf, requestOf, SERVICE } from './samples.ts';

function check(code: string, request: Request, facts: Facts): ExplainedCheck {
  const found = explain(request, facts, NOW).find((candidate) => candidate.code === code);
  if (found === undefined) throw new Error('a check is missing');
  return found;
}

/** For each code facts under which its check fails, and what a person should read. */
const TROUBLES: readonly (readonly [string, Partial<Request>, Partial<Facts>, RegExp, RegExp])[] = [
  ['unknown_service', {}, { service: null }, /No service has the name/, /keyctl service create/],
  ['missing_api_key', { subject: { kind: 'missing' } }, { key: null }, /No API key is sent/, /exactly one/],
  ['invalid_api_key', {}, { key: { ...KEY, deletedAt: NOW - 1 } }, /deleted at 2026-11-22T09:59:59.999Z/, /keyctl create/],
  ['api_key_disabled', {}, { key: { ...KEY, disabledAt: NOW, disabledReason: 'leaked' } }, /since 2026-.*: leaked\./, /enable key_0/],
  ['api_key_expired', {}, { key: { ...KEY, expiresAt: NOW } }, /expired at 2026-11-22T10:00:00.000Z/, /keyctl edit key_0.* --expires/],
  ['account_suspended', {}, { account: { ...ACCOUNT, suspendedAt: 0 } }, /acme is suspended since 1970/, /keyctl account resume acme/],
  ['environment_mismatch', { environment: 'qa' }, {}, /for production; the question insists on qa/, /create --env qa/],
  [
    'ip_not_allowed',
    { ip: '198.51.100.1' },
    { key: { ...KEY, allowedIps: ['203.0.113.0/24'] } },
    /198\.51\.100\.1/,
    /--allow-ip 203.0.113.0\/24/,
  ],
  ['service_not_allowed', {}, { key: { ...KEY, services: ['other'] } }, /may call other only/, /--service other --service default/],
  ['request_id_conflict', { requestId: 'r1' }, { prior: priorOf({ cost: 5 }) }, /charged before/, /another request id/],
  [
    'insufficient_credits',
    {},
    { balance: balanceOf(1_000, 950) },
    /costs 100 credits.*has 50 left.*spent 950/,
    /credit \+50 --account acme/,
  ],
  ['request_limit_reached', {}, { arrival: (NOW + 1_000) * 1_000 }, /5 requests a second.*0 of these/, /Wait 0\.2 s/],
];

describe.each(TROUBLES)('%s', (code, request, facts, detail, remedy) => {
  test('fails with its numbers and what would make it pass', () => {
    const told = check(code, requestOf(request), factsOf(facts));
    expect(told).toMatchObject({ passes: false, detail: expect.stringMatching(detail), remedy: expect.stringMatching(remedy) });
  });

  test('passes otherwise, and asks for nothing', () => {
    const told = check(code, requestOf(), factsOf());
    expect(told).toMatchObject({ passes: true, remedy: null });
    expect(told.detail).not.toBe('');
  });
});

test('every check stands in the order of decide, and each has a trouble above', () => {
  const order = CHECKS.map(([code]) => code);
  expect(explain(requestOf(), factsOf(), NOW).map(({ code }) => code)).toEqual(order);
  expect(TROUBLES.map(([code]) => code)).toEqual(order);
});

test('the first that fails is the verdict, whatever is wrong together', () => {
  fc.assert(
    fc.property(fc.subarray([...TROUBLES]), (troubles) => {
      const request = requestOf(merged(troubles.map(([, asked]) => asked)));
      const keys = troubles.map(([, , known]) => known.key).filter((key) => key !== undefined);
      const key = keys.includes(null) ? null : { ...KEY, ...merged(keys.map(differing)) };
      const facts = factsOf({ ...merged(troubles.map(([, , known]) => known)), key });
      const failed = explain(request, facts, NOW).filter(({ passes }) => passes === false);
      expect(failed[0]?.code ?? 'ok').toBe(decide(request, facts, NOW).verdict.code);
    }),
  );
});

function merged<Whole extends object>(parts: readonly Partial<Whole>[]): Partial<Whole> {
  return parts.reduce<Partial<Whole>>((whole, part) => ({ ...whole, ...part }), {});
}

/** What makes a key another than the sample: two troubles with the key are put into one key. */
function differing(key: VerifiedKey | null): Partial<VerifiedKey> {
  return Object.fromEntries(Object.entries(key ?? {}).filter(([name, value]) => KEY[name as keyof VerifiedKey] !== value));
}

describe('two troubles are both told', () => {
  test('though only the first decides', () => {
    const key = { ...KEY, disabledAt: NOW, expiresAt: NOW - 1 };
    const failed = explain(requestOf(), factsOf({ key, balance: balanceOf(0) }), NOW).filter(({ passes }) => passes === false);
    expect(failed.map(({ code }) => code)).toEqual(['api_key_disabled', 'api_key_expired', 'insufficient_credits']);
  });

  test('and without a service only what needs one is left open', () => {
    const told = explain(requestOf(), factsOf({ service: null, limit: null, key: { ...KEY, disabledAt: NOW } }), NOW);
    const open = told.filter(({ passes }) => passes === null).map(({ code }) => code);
    expect(open).toEqual(['service_not_allowed', 'insufficient_credits', 'request_limit_reached']);
    expect(told.filter(({ passes }) => passes === false).map(({ code }) => code)).toEqual(['unknown_service', 'api_key_disabled']);
  });
});

describe('how many requests the credits are enough for', () => {
  test.each([
    [{ balance: balanceOf(1_000, 850) }, 'That is enough for 1 such request.'],
    [{ balance: balanceOf(1_000) }, 'That is enough for 10 such requests.'],
    [{ balance: balanceOf(1_000), key: { ...KEY, dailyCap: 500 }, capSpent: 299 }, 'That is enough for 2 such requests.'],
  ])('%#', (facts, words) => {
    expect(check('insufficient_credits', requestOf(), factsOf(facts)).detail).toContain(words);
  });

  test('is not said where not one fits, nor where a request costs nothing', () => {
    for (const [request, balance] of [
      [requestOf(), balanceOf(99)],
      [requestOf({ cost: 0 }), balanceOf(99)],
    ] as const) {
      expect(check('insufficient_credits', request, factsOf({ balance })).detail).not.toContain('enough');
    }
  });
});

describe('what would make the credits suffice', () => {
  test('is the cap where that is the tighter one', () => {
    const told = check('insufficient_credits', requestOf(), factsOf({ key: { ...KEY, dailyCap: 300 }, capSpent: 250 }));
    expect(told.detail).toContain('daily cap of 300, 250 are spent');
    expect(told.remedy).toBe(`Wait until 2026-11-23T00:00:00.000Z, or keyctl edit ${KEY.id} --daily-cap 350`);
  });

  test('is not waiting where a request costs more than a whole day allows', () => {
    const told = check('insufficient_credits', requestOf(), factsOf({ service: { ...SERVICE, cost: 5_000 } }));
    expect(told.remedy).toMatch(/^Waiting does not help.*credit \+4000/);
  });
});

test('an unknown address is told as such where the key is bound to ranges', () => {
  const told = check('ip_not_allowed', requestOf({ ip: null }), factsOf({ key: { ...KEY, allowedIps: ['203.0.113.0/24'] } }));
  expect(told).toMatchObject({ passes: false, detail: expect.stringContaining('not known'), remedy: expect.stringContaining('--ip') });
});

test('a key whose grace is over is told of its successor', () => {
  const told = check('api_key_expired', requestOf(), factsOf({ key: { ...KEY, expiresAt: NOW - 1, rotatedTo: 'key_next' } }));
  expect(told.remedy).toContain('key_next');
});

test('an environment that the service admits is named', () => {
  const told = check('environment_mismatch', requestOf(), factsOf({ service: { ...SERVICE, environment: 'qa' } }));
  expect(told).toMatchObject({ passes: false, detail: expect.stringContaining('the service default admits qa only') });
});
