import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DenialTally } from '../../src/domain/denial-tally.ts';
import type { CountedDenial } from '../../src/domain/store.ts';
import { anonymousVerdict, type DenialCode, type Verdict } from '../../src/domain/verdict.ts';
import { NOW } from './samples.ts';

function denied(code: DenialCode, keyId: string | null = 'key_a', requestId: string | null = null): Verdict {
  return { ...anonymousVerdict(code, requestId), keyId, account: keyId === null ? null : 'acme', service: 'default' };
}

function counts(rows: readonly CountedDenial[]): number {
  return rows.reduce((sum, row) => sum + row.count, 0);
}

function detailed(rows: readonly CountedDenial[]): readonly CountedDenial[] {
  return rows.filter((row) => row.ip !== null || row.requestId !== null);
}

describe('denials counted in memory', () => {
  test('that are alike are one row with the latest instant', () => {
    const tally = new DenialTally();
    for (const at of [NOW, NOW + 30, NOW + 20]) tally.add(denied('api_key_disabled'), '203.0.113.7', at);
    expect(tally.take()).toEqual([
      {
        at: NOW + 30,
        keyId: 'key_a',
        account: 'acme',
        service: 'default',
        code: 'api_key_disabled',
        ip: '203.0.113.7',
        requestId: null,
        count: 3,
      },
    ]);
  });

  test('that differ in key, service, code, address or request id are different rows', () => {
    const tally = new DenialTally();
    tally.add(denied('api_key_disabled'), '203.0.113.7', NOW);
    tally.add(denied('api_key_disabled', 'key_b'), '203.0.113.7', NOW);
    tally.add(denied('api_key_expired'), '203.0.113.7', NOW);
    tally.add(denied('api_key_disabled'), '203.0.113.8', NOW);
    tally.add(denied('api_key_disabled', 'key_a', 'r-1'), '203.0.113.7', NOW);
    tally.add({ ...denied('api_key_disabled'), service: 'maps' }, '203.0.113.7', NOW);
    expect(tally.take()).toHaveLength(6);
  });

  test('are empty after they were taken, and admissions never are in them', () => {
    const tally = new DenialTally();
    tally.add({ ...denied('api_key_disabled'), code: 'ok' }, null, NOW);
    expect(tally.take()).toEqual([]);
    tally.add(denied('api_key_disabled'), null, NOW);
    expect(tally.take()).toHaveLength(1);
    expect(tally.take()).toEqual([]);
  });
});

describe('a flood', () => {
  test('of one key from many addresses keeps ten rows a minute with details, and the true count', () => {
    const tally = new DenialTally();
    for (let n = 0; n < 1_000; n += 1) tally.add(denied('api_key_disabled'), `203.0.113.${String(n % 250)}`, NOW);
    const rows = tally.take();
    expect(counts(rows)).toBe(1_000);
    expect(detailed(rows)).toHaveLength(10);
    expect(rows).toHaveLength(11);
  });

  test('gets no new rows by being stored in between, but does in the next minute', () => {
    const tally = new DenialTally();
    for (let n = 0; n < 10; n += 1) tally.add(denied('api_key_disabled'), `203.0.113.${String(n)}`, NOW);
    expect(detailed(tally.take())).toHaveLength(10);
    tally.add(denied('api_key_disabled'), '203.0.113.99', NOW + 1_000);
    expect(detailed(tally.take())).toEqual([]);
    tally.add(denied('api_key_disabled'), '203.0.113.99', NOW + 60_000);
    expect(detailed(tally.take())).toHaveLength(1);
  });

  test('of unknown keys counts as one key', () => {
    const tally = new DenialTally();
    for (let n = 0; n < 1_000; n += 1) tally.add(denied('invalid_api_key', null, `r-${String(n)}`), `198.51.100.${String(n % 250)}`, NOW);
    const rows = tally.take();
    expect(detailed(rows)).toHaveLength(10);
    expect(counts(rows)).toBe(1_000);
  });

  test('of very many keys is bounded in details and true in its counts', () => {
    const tally = new DenialTally();
    for (let n = 0; n < 12_000; n += 1) tally.add(denied('api_key_disabled', `key_${String(n)}`), '203.0.113.7', NOW);
    const rows = tally.take();
    expect(detailed(rows)).toHaveLength(10_000);
    expect(counts(rows)).toBe(12_000);
  });
});

describe('what could not be stored', () => {
  test('is put back with its details, although the minute’s share is used up', () => {
    const tally = new DenialTally();
    for (let n = 0; n < 10; n += 1) tally.add(denied('api_key_disabled'), `203.0.113.${String(n)}`, NOW);
    const taken = tally.take();
    tally.putBack(taken);
    expect(tally.take()).toEqual(taken);
  });

  test('is added to what came meanwhile', () => {
    const tally = new DenialTally();
    tally.add(denied('api_key_disabled'), null, NOW);
    const taken = tally.take();
    tally.add(denied('api_key_disabled'), null, NOW + 5);
    tally.putBack(taken);
    expect(tally.take()).toMatchObject([{ at: NOW + 5, count: 2 }]);
  });

  test('gives up its details rather than growing without bound, never its count', () => {
    const tally = new DenialTally();
    const waiting = Array.from({ length: 30_000 }, (_, n): CountedDenial => {
      return {
        at: NOW,
        keyId: 'key_a',
        account: 'acme',
        service: 'default',
        code: 'api_key_disabled',
        ip: null,
        requestId: `r-${String(n)}`,
        count: 2,
      };
    });
    tally.putBack(waiting);
    const rows = tally.take();
    expect(rows.length).toBeLessThanOrEqual(20_001);
    expect(counts(rows)).toBe(60_000);
  });
});

test('whatever is denied, taken and put back: the count of each key and code is true', () => {
  const event = fc.record({
    key: fc.constantFrom(null, 'key_a', 'key_b'),
    code: fc.constantFrom('api_key_disabled' as const, 'invalid_api_key' as const),
    ip: fc.option(fc.constantFrom('203.0.113.1', '203.0.113.2')),
    requestId: fc.option(fc.stringMatching(/^[a-z]{1,2}$/)),
    pause: fc.nat({ max: 20_000 }),
    then: fc.constantFrom('nothing' as const, 'stored' as const, 'failed' as const),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const tally = new DenialTally();
      const stored: CountedDenial[] = [];
      let at = NOW;
      for (const { key, code, ip, requestId, pause, then } of events) {
        at += pause;
        tally.add(denied(code, key, requestId), ip, at);
        if (then === 'stored') stored.push(...tally.take());
        if (then === 'failed') tally.putBack(tally.take());
      }
      stored.push(...tally.take());
      for (const key of [null, 'key_a', 'key_b']) {
        for (const code of ['api_key_disabled', 'invalid_api_key'] as const) {
          const expected = events.filter((one) => one.key === key && one.code === code).length;
          expect(counts(stored.filter((row) => row.keyId === key && row.code === code))).toBe(expected);
        }
      }
    }),
  );
});
