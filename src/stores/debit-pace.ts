import type { DebitPace } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';

/** What one key was debited of late, and since when. */
export type PaceRow = DebitPace['keys'][number] & { readonly since: Instant };

/** The pace of all of them, with the first `keys` of them by themselves. */
export function paceOf(rows: readonly PaceRow[], keys: number): DebitPace {
  const sum = (amount: (row: PaceRow) => number): number => rows.reduce((total, row) => total + amount(row), 0);
  return {
    requests: sum(({ requests }) => requests),
    credits: sum(({ credits }) => credits),
    since: rows.reduce<Instant | null>((first, row) => Math.min(first ?? row.since, row.since), null),
    keys: rows.slice(0, keys).map(({ accountRef, keyRef, requests, credits }) => ({ accountRef, keyRef, requests, credits })),
  };
}
