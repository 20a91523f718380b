import { describe, expect, test } from '@jest/globals';
import type { Tier } from '../../src/domain/entities.ts';
import { MS_PER_DAY, startOfDay } from '../../src/domain/utc-day.ts';
import { ACCOUNT, KEY, NOW, TODAY } from './samples.ts';
import { by, codes, rowsWith, tierOf, times } from './settling-samples.ts';

describe('from day to day', () => {
  const midnight = startOfDay(TODAY + 1);

  test('the new day’s balance holds from its first instant, and the old row is displaced', () => {
    const rows = rowsWith(tierOf(200));
    expect(codes(rows.settle(times(3, by(KEY)), midnight - 1))).toEqual(['ok', 'ok', 'insufficient_credits']);
    const settlement = rows.settle(times(3, by(KEY)), midnight);
    expect(codes(settlement)).toEqual(['ok', 'ok', 'insufficient_credits']);
    expect(settlement.accounts).toMatchObject([
      {
        displaced: { day: TODAY, granted: 200, adjusted: 0, spent: 200 },
        running: { balance: { day: TODAY + 1, granted: 200, spent: 200 } },
        opened: true,
        fromArchive: false,
        spent: 200,
      },
    ]);
  });

  test('unused credits do not roll over', () => {
    const rows = rowsWith(tierOf(1_000));
    rows.settle([by(KEY)], NOW);
    expect(rows.settle([by(KEY)], midnight).verdicts).toMatchObject([{ credits: { limit: 1_000, remaining: 900 } }]);
  });

  test('a denial alone leaves the old row where it is', () => {
    const rows = rowsWith(tierOf(200));
    rows.settle([by(KEY)], NOW);
    expect(rows.settle([by(KEY, { cost: 201 })], midnight).accounts).toEqual([]);
    expect(rows.running.get(7)?.balance.day).toBe(TODAY);
  });

  test('the tier and its credits are those of the day', () => {
    const rows = rowsWith(tierOf(0));
    const free: Tier = {
      ...tierOf(0),
      credits: [
        { from: 0, credits: 100 },
        { from: TODAY + 2, credits: 300 },
      ],
    };
    const paid: Tier = { ...tierOf(200), name: 'paid' };
    const account = {
      ...ACCOUNT,
      tiers: [
        { from: 0, tier: 'free' },
        { from: TODAY + 1, tier: 'paid' },
        { from: TODAY + 2, tier: 'free' },
      ],
    };
    rows.catalogue = { ...rows.catalogue, accounts: [account], tiers: [free, paid] };
    const limits = [0, 1, 2].map((days) => rows.settle([by(KEY)], NOW + days * MS_PER_DAY).verdicts[0]);
    expect(limits).toMatchObject([
      { tier: 'free', credits: { limit: 100 } },
      { tier: 'paid', credits: { limit: 200 } },
      { tier: 'free', credits: { limit: 300 } },
    ]);
  });

  test('a running day keeps its grant, whatever the tier says now', () => {
    const rows = rowsWith(tierOf(1_000));
    rows.settle([by(KEY)], NOW);
    rows.catalogue = { ...rows.catalogue, tiers: [tierOf(5_000)] };
    expect(rows.settle([by(KEY)], NOW + 1).verdicts).toMatchObject([{ credits: { limit: 1_000, remaining: 800 } }]);
  });

  test('what was adjusted for a day is there when it begins', () => {
    const rows = rowsWith(tierOf(200));
    rows.adjusted.set(`7 ${String(TODAY + 1)}`, 100);
    rows.settle([by(KEY)], NOW);
    expect(codes(rows.settle(times(4, by(KEY)), midnight))).toEqual(['ok', 'ok', 'ok', 'insufficient_credits']);
    expect(rows.books(7, TODAY + 1)).toEqual({ day: TODAY + 1, granted: 200, adjusted: 100, spent: 300 });
    expect(rows.debits.slice(1).map((debit) => debit.balanceAfter)).toEqual([200, 100, 0]);
  });

  test('a clock that stepped back over midnight finds the old day’s books again and grants nothing twice', () => {
    const rows = rowsWith(tierOf(300));
    rows.settle(times(2, by(KEY)), midnight - 1);
    rows.settle([by(KEY)], midnight);
    const back = rows.settle(times(3, by(KEY)), midnight - 1);
    expect(codes(back)).toEqual(['ok', 'insufficient_credits', 'insufficient_credits']);
    expect(back.accounts).toMatchObject([
      {
        fromArchive: true,
        opened: false,
        spent: 100,
        displaced: { day: TODAY + 1, spent: 100 },
        running: { balance: { day: TODAY, spent: 300 } },
      },
    ]);
    const again = rows.settle(times(3, by(KEY)), midnight);
    expect(codes(again)).toEqual(['ok', 'ok', 'insufficient_credits']);
    expect(again.accounts).toMatchObject([{ fromArchive: true, opened: false, displaced: { day: TODAY, spent: 300 } }]);
  });
});
