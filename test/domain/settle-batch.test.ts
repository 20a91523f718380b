import { describe, expect, test } from '@jest/globals';
import { debitId } from '../../src/domain/debit.ts';
import { startOfDay } from '../../src/domain/utc-day.ts';
import { ACCOUNT, KEY, NOW, requestOf, SERVICE, TODAY } from './samples.ts';
import { by, CAPPED_KEY, codes, DELETED_KEY, OTHER_KEY, rowsWith, tierOf, times } from './settling-samples.ts';

describe('a batch on one account', () => {
  test.each([0, 1, 99, 100, 101, 250, 999, 1_000, 1_050])('with %i credits admits floor(B / 100) requests, and then none', (credits) => {
    const rows = rowsWith(tierOf(credits));
    const settlement = rows.settle(times(15, by(KEY)), NOW);
    const admitted = Math.floor(credits / 100);
    expect(codes(settlement)).toEqual([
      ...Array.from({ length: admitted }, () => 'ok'),
      ...Array.from({ length: 15 - admitted }, () => 'insufficient_credits'),
    ]);
    expect(settlement.debits).toHaveLength(admitted);
    expect(settlement.accounts.map(({ spent }) => spent)).toEqual(admitted === 0 ? [] : [admitted * 100]);
  });

  test('each request sees what those before it took', () => {
    const settlement = rowsWith(tierOf(1_000)).settle(
      [by(KEY), by(KEY, { service: 'cheap' }), by(KEY, { cost: 500 }), by(KEY, { cost: 500 }), by(KEY)],
      NOW,
    );
    expect(codes(settlement)).toEqual(['ok', 'ok', 'ok', 'insufficient_credits', 'ok']);
    expect(settlement.verdicts.map((verdict) => verdict.credits?.remaining)).toEqual([900, 899, 399, 399, 299]);
    expect(settlement.debits.map(({ cost, balanceAfter }) => [cost, balanceAfter])).toEqual([
      [100, 900],
      [1, 899],
      [500, 399],
      [100, 299],
    ]);
  });

  test('numbers the debits one after another and names them in the verdicts', () => {
    const rows = rowsWith(tierOf(1_000));
    const { verdicts, debits } = rows.settle([by(KEY, { requestId: 'a' }), by(DELETED_KEY), by(KEY)], NOW);
    expect(debits).toEqual([
      { number: 1, at: NOW, accountRef: 7, keyRef: 11, serviceRef: 1, cost: 100, balanceAfter: 900, requestId: 'a', arrival: null },
      { number: 2, at: NOW, accountRef: 7, keyRef: 11, serviceRef: 1, cost: 100, balanceAfter: 800, requestId: null, arrival: null },
    ]);
    expect(verdicts.map((verdict) => verdict.debitId)).toEqual([debitId(1), null, debitId(2)]);
  });

  test('writes the account’s row once and reads it once', () => {
    const rows = rowsWith(tierOf(100_000, 10));
    const settlement = rows.settle(times(64, by(KEY)), NOW);
    expect(settlement.accounts).toEqual([
      {
        accountRef: 7,
        running: {
          balance: { day: TODAY, granted: 100_000, adjusted: 0, spent: 1_000 },
          arrivals: new Map([[1, NOW * 1_000 + 1_000_000]]),
        },
        displaced: null,
        fromArchive: false,
        opened: true,
        spent: 1_000,
        cut: false,
      },
    ]);
    expect(rows.reads.get('spending 7')).toBe(1);
  });

  test('of denials alone, or of dry runs, writes nothing at all', () => {
    const requests = [
      by(DELETED_KEY),
      by(KEY, { service: 'nowhere' }),
      by(KEY, { environment: 'qa' }),
      by(KEY, { cost: 1_001 }),
      by(KEY, { dryRun: true, requestId: 'd' }),
    ];
    const settlement = rowsWith(tierOf(1_000)).settle(requests, NOW);
    expect(codes(settlement)).toEqual(['invalid_api_key', 'unknown_service', 'environment_mismatch', 'insufficient_credits', 'ok']);
    expect(settlement).toMatchObject({ accounts: [], debits: [], caps: [], requestIds: [] });
  });

  test('of nothing is nothing', () => {
    expect(rowsWith(tierOf(1_000)).settle([], NOW)).toEqual({ verdicts: [], accounts: [], debits: [], caps: [], requestIds: [] });
  });

  test('charges an account without a key', () => {
    const request = requestOf({ subject: { kind: 'account', ref: ACCOUNT.ref }, fromShell: true, ip: null });
    const { verdicts, debits } = rowsWith(tierOf(1_000)).settle([request], NOW);
    expect(verdicts[0]).toMatchObject({ code: 'ok', keyId: null, account: 'acme' });
    expect(debits).toMatchObject([{ accountRef: 7, keyRef: null, cost: 100 }]);
  });

  test('finds a key that the shell has resolved by its ref', () => {
    const { verdicts } = rowsWith(tierOf(1_000)).settle(
      [requestOf({ subject: { kind: 'key', ref: KEY.ref } }), requestOf({ subject: { kind: 'key', ref: 99 } })],
      NOW,
    );
    expect(verdicts).toMatchObject([
      { code: 'ok', keyId: KEY.id },
      { code: 'invalid_api_key', keyId: null },
    ]);
  });
});

describe('deleted, unknown and malformed keys', () => {
  test('get the very same verdict in a batch', () => {
    const requests = [
      by(DELETED_KEY),
      requestOf({ subject: { kind: 'digest', digest: 'ff'.repeat(32) } }),
      requestOf({ subject: { kind: 'malformed' } }),
    ];
    const rows = rowsWith(tierOf(1_000));
    rows.settle(times(3, by(KEY)), NOW);
    const [deleted, unknown, malformed] = rows.settle(requests, NOW).verdicts.map((verdict) => JSON.stringify(verdict));
    expect(deleted).toBe(malformed);
    expect(unknown).toBe(malformed);
  });
});

describe('a batch on several accounts', () => {
  test('keeps their books apart, whatever the order', () => {
    const rows = rowsWith(tierOf(300));
    const settlement = rows.settle([by(KEY), by(OTHER_KEY), by(KEY), by(OTHER_KEY), by(KEY), by(KEY), by(OTHER_KEY), by(OTHER_KEY)], NOW);
    expect(codes(settlement)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'insufficient_credits', 'ok', 'insufficient_credits']);
    expect(settlement.accounts.map(({ accountRef, spent }) => [accountRef, spent])).toEqual([
      [7, 300],
      [8, 300],
    ]);
  });

  test('two keys of one account share its balance', () => {
    const settlement = rowsWith(tierOf(300)).settle([by(KEY), by(CAPPED_KEY), by(KEY), by(CAPPED_KEY)], NOW);
    expect(codes(settlement)).toEqual(['ok', 'ok', 'ok', 'insufficient_credits']);
    expect(settlement.accounts).toHaveLength(1);
  });
});

describe('rate limits in a batch', () => {
  test('are one bucket for each account and service', () => {
    const rows = rowsWith(tierOf(100_000, 2));
    const settlement = rows.settle([...times(3, by(KEY)), ...times(3, by(KEY, { service: 'cheap' })), ...times(3, by(OTHER_KEY))], NOW);
    expect(codes(settlement)).toEqual(Array.from({ length: 3 }, () => ['ok', 'ok', 'request_limit_reached']).flat());
    expect(settlement.verdicts[2]).toMatchObject({ retryAfter: 1 });
  });

  test('hold on in the next batch', () => {
    const rows = rowsWith(tierOf(100_000, 2));
    rows.settle(times(2, by(KEY)), NOW);
    expect(codes(rows.settle([by(KEY)], NOW + 499))).toEqual(['request_limit_reached']);
    expect(codes(rows.settle([by(KEY)], NOW + 500))).toEqual(['ok']);
  });

  test('that have passed are not kept in the row', () => {
    const rows = rowsWith(tierOf(100_000, 2));
    rows.settle([by(KEY, { service: 'cheap' })], NOW);
    const { accounts } = rows.settle([by(KEY)], NOW + 500);
    expect([...(accounts[0]?.running.arrivals.keys() ?? [])]).toEqual([SERVICE.ref]);
  });

  test('go on across midnight', () => {
    const rows = rowsWith(tierOf(100_000, 2));
    const midnight = startOfDay(TODAY + 1);
    expect(codes(rows.settle(times(3, by(KEY)), midnight - 1))).toEqual(['ok', 'ok', 'request_limit_reached']);
    expect(codes(rows.settle([by(KEY)], midnight))).toEqual(['request_limit_reached']);
    expect(codes(rows.settle([by(KEY)], midnight + 499))).toEqual(['ok']);
  });

  test('let somebody pass who waited as long as was said after the clock had stepped back', () => {
    const rows = rowsWith(tierOf(100_000, 2));
    rows.settle(times(2, by(KEY)), NOW);
    const back = NOW - 3_600_000;
    const refused = rows.settle([by(KEY), by(KEY)], back);
    expect(refused.verdicts).toMatchObject([{ code: 'request_limit_reached', retryAfter: 1 }, { code: 'request_limit_reached' }]);
    expect(refused.accounts).toMatchObject([{ accountRef: 7, spent: 0, opened: false }]);
    expect(codes(rows.settle([by(KEY)], back + 1_000))).toEqual(['ok']);
    expect(rows.books(7, TODAY)).toMatchObject({ spent: 300 });
  });
});
