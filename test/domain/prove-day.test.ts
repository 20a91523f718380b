import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DebitTotals } from '../../src/domain/debit-totals.ts';
import type { DayFacts, DebitSum } from '../../src/domain/proof.ts';
import { disagreements } from '../../src/domain/prove-day.ts';

const BALANCE = { day: 20_000, granted: 1_000, adjusted: -50, spent: 300 };
const FACTS: DayFacts = {
  accountRef: 7,
  account: { name: 'acme', tier: 'free' },
  books: [BALANCE],
  adjusted: -50,
  taken: -50,
  usedByDay: 300,
  usedByHour: { requests: 4, mark: 44, credits: 300 },
};
const DEBITS = { debits: 4, mark: 44, cost: 400, refunded: 100 };
const TERMS = { allowance: 1_000, booksWhole: true, hoursWhole: true };

const ids = (facts: Partial<DayFacts>, debits: typeof DEBITS | null = DEBITS, terms: Partial<typeof TERMS> = {}): string[] =>
  disagreements({ ...FACTS, ...facts }, debits, { ...TERMS, ...terms }).map(({ id }) => id);

describe("an account's day", () => {
  test('agrees', () => {
    expect(ids({})).toEqual([]);
    expect(
      ids({ books: [], usedByDay: null, usedByHour: { requests: 0, mark: 0, credits: 0 } }, { debits: 0, mark: 0, cost: 0, refunded: 0 }),
    ).toEqual([]);
  });

  test('says nothing of what is not kept any more', () => {
    const gone = { adjusted: 9, usedByDay: 0, usedByHour: { requests: 0, mark: 0, credits: 0 } };
    expect(ids(gone, null, { booksWhole: false })).toEqual([]);
    expect(ids({ usedByHour: gone.usedByHour }, null, { hoursWhole: false })).toEqual([]);
    expect(ids({ usedByHour: gone.usedByHour }, null)).toEqual(['usage']);
  });

  test('the same requests of another hour, key or service are others', () => {
    expect(ids({ usedByHour: { ...FACTS.usedByHour, mark: 45 } })).toEqual(['usage']);
    expect(ids({ usedByHour: { ...FACTS.usedByHour, mark: 45 } }, null)).toEqual([]);
  });

  test('a balance below zero, or of more than numbers hold, is none', () => {
    expect(ids({ books: [{ ...BALANCE, spent: 951 }] }, null, { booksWhole: false })).toEqual(['books']);
    expect(ids({ books: [{ ...BALANCE, granted: 2 ** 53 }] }, null, { booksWhole: false })).toEqual(['books']);
    expect(ids({ books: [{ ...BALANCE, spent: 950 }] }, null, { booksWhole: false })).toEqual([]);
  });

  test('a grant beyond the tier is one that spending explains', () => {
    const granted = (credits: number, debits: typeof DEBITS | null): string[] => ids({ books: [{ ...BALANCE, granted: credits }] }, debits);
    expect(granted(999, DEBITS)).toEqual(['grants']);
    const much = { debits: 4, mark: 44, cost: 1_400, refunded: 1_100 };
    expect(granted(1_450, much)).toEqual([]);
    expect(granted(1_451, much)).toEqual(['grants']);
    expect(granted(1_451, null)).toEqual([]);
  });
});

test('debits are summed up by ref, whatever their order and however far apart', () => {
  const sum = fc.record({
    ref: fc.constantFrom(1, 2, 4_095, 4_096, 9_999, 2 ** 40),
    debits: fc.integer({ min: 1, max: 5 }),
    cost: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(sum), (sums) => {
      const totals = new DebitTotals();
      totals.add([{ ref: 5, debits: 1, mark: 1, cost: 1, refunded: 1 }]);
      totals.clear();
      totals.add(sums.map((one) => ({ ...one, mark: 3, refunded: 1 })));
      const expected = new Map<number, DebitSum>();
      for (const { ref, debits, cost } of sums) {
        const before = expected.get(ref) ?? { debits: 0, mark: 0, cost: 0, refunded: 0 };
        expected.set(ref, {
          ref,
          debits: before.debits + debits,
          mark: before.mark + 3,
          cost: before.cost + cost,
          refunded: before.refunded + 1,
        });
      }
      const all = [...expected.values()].sort((one, other) => one.ref - other.ref);
      expect([...totals.between(0, Number.MAX_SAFE_INTEGER)]).toEqual(all);
      expect([...totals.between(2, 4_096)]).toEqual(all.filter(({ ref }) => ref > 2 && ref <= 4_096));
      expect(totals.last).toBe(all.at(-1)?.ref ?? 0);
    }),
  );
});
