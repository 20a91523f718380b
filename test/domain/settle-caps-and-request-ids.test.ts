import { describe, expect, test } from '@jest/globals';
import { debitId } from '../../src/domain/debit.ts';
import { startOfDay } from '../../src/domain/utc-day.ts';
import { KEY, NOW, TODAY } from './samples.ts';
import { by, CAPPED_KEY, codes, OTHER_KEY, rowsWith, SUCCESSOR, tierOf, times } from './settling-samples.ts';

describe('daily caps in a batch', () => {
  test('deny the key while the account has credits', () => {
    const rows = rowsWith(tierOf(100_000));
    const settlement = rows.settle(times(4, by(CAPPED_KEY)), NOW);
    expect(codes(settlement)).toEqual(['ok', 'ok', 'ok', 'insufficient_credits']);
    expect(settlement.verdicts[3]).toMatchObject({ credits: { limit: 300, remaining: 0, limitedBy: 'key' } });
    expect(settlement.caps).toEqual([{ capGroup: 13, day: TODAY, spent: 300 }]);
    expect(rows.reads.get('cap 13')).toBe(1);
  });

  test('count for a key and its successor together, and in the next batch', () => {
    const rows = rowsWith(tierOf(100_000));
    expect(codes(rows.settle([by(CAPPED_KEY), by(SUCCESSOR)], NOW))).toEqual(['ok', 'ok']);
    expect(codes(rows.settle([by(SUCCESSOR), by(CAPPED_KEY)], NOW + 1))).toEqual(['ok', 'insufficient_credits']);
  });

  test('begin anew with the day', () => {
    const rows = rowsWith(tierOf(100_000));
    rows.settle(times(4, by(CAPPED_KEY)), NOW);
    expect(codes(rows.settle(times(4, by(CAPPED_KEY)), startOfDay(TODAY + 1)))).toEqual(['ok', 'ok', 'ok', 'insufficient_credits']);
  });

  test('of other keys are neither read nor written', () => {
    const rows = rowsWith(tierOf(100_000));
    expect(rows.settle([by(KEY)], NOW).caps).toEqual([]);
    expect(rows.reads.has('cap 11')).toBe(false);
  });
});

describe('request ids', () => {
  const first = by(KEY, { requestId: 'r-1' });

  test('within one batch are charged once', () => {
    const rows = rowsWith(tierOf(1_000));
    const { verdicts, debits, requestIds } = rows.settle([first, first, by(KEY, { requestId: 'r-2' }), first], NOW);
    expect(verdicts.map(({ code, replayed, debitId: id }) => [code, replayed, id])).toEqual([
      ['ok', false, debitId(1)],
      ['ok', true, debitId(1)],
      ['ok', false, debitId(2)],
      ['ok', true, debitId(1)],
    ]);
    expect(debits).toHaveLength(2);
    expect(requestIds.map(({ requestId }) => requestId)).toEqual(['r-1', 'r-2']);
  });

  test('from JSON are remembered for 24 hours and any number of replays', () => {
    const rows = rowsWith(tierOf(1_000));
    rows.settle([first], NOW);
    const last = rows.settle(times(10, first), NOW + 86_400_000 - 1);
    expect(last.verdicts.every((verdict) => verdict.replayed)).toBe(true);
    expect(last.requestIds).toEqual([]);
    expect(rows.settle([first], NOW + 86_400_000).verdicts).toMatchObject([{ code: 'ok', replayed: false }]);
  });

  test('from the header are remembered for 60 seconds and three replays, within a batch and across batches', () => {
    const rows = rowsWith(tierOf(1_000));
    const header = by(KEY, { requestId: 'h', requestIdRule: 'header' });
    expect(codes(rows.settle([header, header], NOW))).toEqual(['ok', 'ok']);
    expect(codes(rows.settle([header, header, header], NOW + 1))).toEqual(['ok', 'ok', 'request_id_conflict']);
    expect(codes(rows.settle([header], NOW + 59_999))).toEqual(['request_id_conflict']);
    expect(rows.debits).toHaveLength(1);
    expect(rows.settle([header], NOW + 60_000).verdicts).toMatchObject([{ code: 'ok', replayed: false }]);
  });

  test('belong to an account: another may use the same', () => {
    const rows = rowsWith(tierOf(1_000));
    expect(rows.settle([first, by(OTHER_KEY, { requestId: 'r-1' })], NOW).verdicts).toMatchObject([
      { replayed: false },
      { replayed: false },
    ]);
    expect(rows.debits).toHaveLength(2);
  });

  test('of another key, service or cost of the same account are a conflict', () => {
    const rows = rowsWith(tierOf(1_000));
    const others = [
      by(CAPPED_KEY, { requestId: 'r-1' }),
      by(KEY, { requestId: 'r-1', service: 'cheap' }),
      by(KEY, { requestId: 'r-1', cost: 5 }),
    ];
    expect(codes(rows.settle([first, ...others], NOW))).toEqual([
      'ok',
      'request_id_conflict',
      'request_id_conflict',
      'request_id_conflict',
    ]);
    expect(codes(rows.settle(others, NOW + 1))).toEqual(['request_id_conflict', 'request_id_conflict', 'request_id_conflict']);
  });

  test('of denied requests are not remembered', () => {
    const rows = rowsWith(tierOf(50));
    expect(rows.settle([first], NOW).requestIds).toEqual([]);
    rows.catalogue = { ...rows.catalogue, tiers: [tierOf(1_000)] };
    expect(rows.settle([first], startOfDay(TODAY + 1)).verdicts).toMatchObject([{ code: 'ok', replayed: false }]);
  });

  test('are replayed with nothing left and at the rate limit', () => {
    const rows = rowsWith(tierOf(100, 1));
    expect(rows.settle([first, first, by(KEY)], NOW).verdicts).toMatchObject([
      { code: 'ok', replayed: false },
      { code: 'ok', replayed: true, credits: { remaining: 0 } },
      { code: 'insufficient_credits' },
    ]);
  });
});
