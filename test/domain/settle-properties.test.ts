import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { remaining } from '../../src/domain/credits.ts';
import { MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { ACCOUNT, KEY, NOW, TODAY } from './samples.ts';
import { by, CAPPED_KEY, DELETED_KEY, OTHER, OTHER_KEY, rowsWith, SUCCESSOR, tierOf } from './settling-samples.ts';
import { spentByDebits } from './settling-rows.ts';

describe('whatever is asked, in whatever batches, whatever the clock does', () => {
  const asked = fc.record({
    key: fc.constantFrom(KEY, OTHER_KEY, CAPPED_KEY, SUCCESSOR, DELETED_KEY),
    service: fc.constantFrom('default', 'cheap', 'nowhere'),
    cost: fc.option(fc.nat({ max: 400 }), { freq: 5 }),
    requestId: fc.option(fc.constantFrom('a', 'b', 'c')),
    requestIdRule: fc.constantFrom('json' as const, 'header' as const),
    dryRun: fc.boolean(),
  });
  const batch = fc.record({ requests: fc.array(asked, { maxLength: 12 }), step: fc.integer({ min: -MS_PER_DAY, max: MS_PER_DAY }) });

  test('the books balance with the debits on every day, and no cap is exceeded', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 3_000 }),
        fc.option(fc.integer({ min: 1, max: 10 })),
        fc.array(batch, { maxLength: 15 }),
        (credits, rate, batches) => {
          const rows = rowsWith(tierOf(credits, rate));
          let now = NOW;
          for (const { requests, step } of batches) {
            now += step;
            const { verdicts, debits } = rows.settle(
              requests.map(({ key, ...question }) => by(key, question)),
              now,
            );
            expect(verdicts).toHaveLength(requests.length);
            expect(verdicts.filter((verdict) => verdict.debitId !== null && !verdict.replayed)).toHaveLength(debits.length);
          }
          for (const accountRef of [ACCOUNT.ref, OTHER.ref]) {
            for (let day = TODAY - 16; day <= TODAY + 16; day += 1) {
              const books = rows.books(accountRef, day);
              expect(books?.spent ?? 0).toBe(spentByDebits(rows.debits, accountRef, day));
              if (books !== null) expect(books.granted).toBe(credits);
              if (books !== null) expect(remaining(books)).toBeGreaterThanOrEqual(0);
            }
          }
          for (const spent of rows.caps.values()) expect(spent).toBeLessThanOrEqual(300);
          expect(new Set(rows.debits.map(({ number }) => number)).size).toBe(rows.debits.length);
        },
      ),
    );
  });

  test('one batch and the same requests one by one end in the same books', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2_000 }), fc.integer({ min: 1, max: 10 }), fc.array(asked, { maxLength: 20 }), (credits, rate, list) => {
        const requests = list.map(({ key, ...question }) => by(key, question));
        const [together, single] = [rowsWith(tierOf(credits, rate)), rowsWith(tierOf(credits, rate))];
        const { verdicts } = together.settle(requests, NOW);
        expect(requests.flatMap((request) => single.settle([request], NOW).verdicts)).toEqual(verdicts);
        expect(single.debits).toEqual(together.debits);
        expect(single.running).toEqual(together.running);
        expect(single.priors).toEqual(together.priors);
        expect(single.caps).toEqual(together.caps);
      }),
    );
  });
});
