import { describe, expect, test } from '@jest/globals';
import type { Request } from '../src/domain/decide.ts';
import { VERDICT_MESSAGE, VERDICT_STATUS, type Verdict, type VerdictCode } from '../src/domain/verdict.ts';
import { packRequests, packVerdicts, unpackRequests, unpackVerdicts } from '../src/settle-wire.ts';

const REQUEST: Request = {
  subject: { kind: 'digest', digest: 'ab'.repeat(32) },
  service: 'default',
  environment: null,
  cost: null,
  ip: null,
  requestId: null,
  requestIdRule: 'header',
  dryRun: false,
  fromShell: false,
};

const VERDICT: Verdict = {
  valid: true,
  code: 'ok',
  status: 200,
  message: VERDICT_MESSAGE.ok,
  keyId: 'key_1',
  keyName: 'Schlüssel “prod” 鍵',
  account: 'acme',
  environment: 'production',
  tier: 'free',
  service: 'default',
  cost: 100,
  credits: { limit: 1e15, remaining: 999_999_999_999_900, resetsAt: 1_795_305_600_000, limitedBy: 'account' },
  rate: { limit: 5, burst: 7, remaining: 3, resetsAt: 1_795_219_200_123 },
  retryAfter: null,
  debitId: 'deb_hov1x2y3z4',
  requestId: '~!@#$%^&*()',
  replayed: false,
};

/** The object with each of its fields, in turn, as each of these. */
function variants<Shape extends object>(object: Shape, values: { readonly [Field in keyof Shape]?: readonly Shape[Field][] }): Shape[] {
  const changed = Object.entries(values).flatMap(([field, list]) => (list as unknown[]).map((value) => ({ ...object, [field]: value })));
  return [object, ...changed];
}

describe('a batch crosses between the threads unchanged', () => {
  test('requests', () => {
    const requests = variants(REQUEST, {
      subject: [{ kind: 'missing' }, { kind: 'malformed' }, { kind: 'key', ref: 7 }, { kind: 'account', ref: 1 }],
      service: ['', 'a-service.of_ours'],
      // The empty one is the demand that no key meets, and no demand is null: to mix them up would admit every key.
      environment: ['production', ''],
      cost: [0, 1, 1_000_000_000],
      ip: ['203.0.113.9', '2001:db8::7'],
      requestId: ['x', '!~'.repeat(64)],
      requestIdRule: ['json'],
      dryRun: [true],
      fromShell: [true],
    });
    requests.push({ ...REQUEST, dryRun: true, fromShell: true });
    expect(unpackRequests(packRequests(requests))).toEqual(requests);
    expect(unpackRequests(packRequests([]))).toEqual([]);
  });

  test('verdicts', () => {
    const { credits, rate } = VERDICT;
    if (credits === null || rate === null) throw new Error('the example has both');
    const verdicts = variants(VERDICT, {
      keyId: [null],
      keyName: [null],
      account: [null],
      environment: [null],
      tier: [null],
      service: [null],
      cost: [null, 0],
      credits: [null, { ...credits, limitedBy: 'key' }, { limit: 0, remaining: 0, resetsAt: 0, limitedBy: 'account' }],
      rate: [null, { limit: 1, burst: 1, remaining: 0, resetsAt: 1 }],
      retryAfter: [0, 86_400],
      debitId: [null],
      requestId: [null],
      replayed: [true],
    });
    for (const code of Object.keys(VERDICT_STATUS) as VerdictCode[]) {
      verdicts.push({ ...VERDICT, code, valid: code === 'ok', status: VERDICT_STATUS[code], message: VERDICT_MESSAGE[code] });
    }
    expect(unpackVerdicts(structuredClone(packVerdicts(verdicts)))).toEqual(verdicts);
    expect(unpackVerdicts(packVerdicts([]))).toEqual([]);
  });

  test('or not at all: a field that could be taken for two is refused', () => {
    expect(() => packRequests([{ ...REQUEST, requestId: 'a\nb' }])).toThrow(RangeError);
    expect(() => packRequests([{ ...REQUEST, service: 'a\n' }])).toThrow(RangeError);
    expect(() => packVerdicts([{ ...VERDICT, keyName: 'a\nb' }])).toThrow(RangeError);
  });
});
