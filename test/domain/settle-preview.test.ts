import { describe, expect, test } from '@jest/globals';
import { debitId } from '../../src/domain/debit.ts';
import { preview } from '../../src/domain/settle.ts';
import { KEY, NOW, TODAY } from './samples.ts';
import { by, CAPPED_KEY, DELETED_KEY, rowsWith, tierOf, times } from './settling-samples.ts';

describe('a preview', () => {
  test('answers as settling would, but for the ids of debits that nobody made', () => {
    const requests = [...times(4, by(CAPPED_KEY)), by(DELETED_KEY), by(KEY, { requestId: 'r-1' }), ...times(9, by(KEY))];
    const rows = rowsWith(tierOf(1_000, 10));
    const seen = preview(requests, rows, NOW, 1).map(({ verdict }) => verdict);
    expect(seen.every((verdict) => verdict.debitId === null)).toBe(true);
    expect(new Set(seen.map((verdict) => verdict.code))).toEqual(new Set(['ok', 'insufficient_credits', 'invalid_api_key']));
    const { verdicts } = rows.settle(requests, NOW);
    expect(verdicts.map((verdict) => ({ ...verdict, debitId: null }))).toEqual(seen);
  });

  test('writes nothing', () => {
    const rows = rowsWith(tierOf(1_000));
    preview(times(5, by(KEY)), rows, NOW, 1);
    expect(rows.books(7, TODAY)).toBeNull();
    expect(rows.debits).toEqual([]);
  });

  test('names the debit of a request id that was charged before', () => {
    const rows = rowsWith(tierOf(1_000));
    const request = by(KEY, { requestId: 'r-1' });
    rows.settle([request], NOW);
    expect(preview([request], rows, NOW, 2)).toMatchObject([{ verdict: { replayed: true, debitId: debitId(1) } }]);
  });

  test('shows the facts that each request is decided on', () => {
    const facts = preview(times(2, by(CAPPED_KEY)), rowsWith(tierOf(1_000, 10)), NOW, 1).map((seen) => seen.facts);
    expect(facts).toMatchObject([
      { key: { id: CAPPED_KEY.id }, account: { name: 'acme' }, tier: 'free', balance: { spent: 0 }, capSpent: 0, arrival: 0, prior: null },
      { balance: { spent: 100 }, capSpent: 100, arrival: NOW * 1_000 + 100_000 },
    ]);
  });

  test('knows the account even where the service is unknown, so that it can be explained', () => {
    const [seen] = preview([by(KEY, { service: 'nowhere' })], rowsWith(tierOf(1_000)), NOW, 1);
    expect(seen).toMatchObject({
      facts: { service: null, account: { name: 'acme' }, limit: null },
      verdict: { code: 'unknown_service', account: null, cost: null },
    });
  });
});
