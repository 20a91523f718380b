import type { Store } from '../../src/domain/store.ts';
import { dayOf, type UtcDay } from '../../src/domain/utc-day.ts';
import { reset, type ResetReport } from '../../src/operations/reset.ts';
import { WHOLE, type Steps } from '../../src/operations/steps.ts';
import { ACTOR } from '../harness.ts';

/** Steps without a rest: nobody waits beside a test. */
export const AT_ONCE: Steps = { run: (step) => step(WHOLE), tell: () => undefined };

export function runReset(store: Store, prune = false, steps: Steps = AT_ONCE): Promise<ResetReport> {
  return reset(store, ACTOR, prune, steps);
}

/** Everything that the books hold: each closed day's sums, each account's books, and the hourly and daily usage. */
export async function allBooks(store: Store, days: readonly UtcDay[]) {
  return store.read(async (tx, now) => {
    const lastRef = await tx.accounts.lastRef();
    const books = [];
    for (const day of days) books.push(await tx.credits.booksIn(day, { after: 0, through: lastRef }));
    const [first = 0] = days;
    const closed = (await tx.credits.closedDays(first)).map(({ closedAt: _, ...sums }) => sums);
    const period = { from: first * 86_400_000, to: (dayOf(now) + 1) * 86_400_000, by: 'account' } as const;
    return {
      closed,
      books,
      days: await tx.usage.sums({ ...period, table: 'day' }),
      hours: await tx.usage.sums({ ...period, table: 'hour' }),
    };
  });
}
