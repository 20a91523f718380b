import type { Ref } from '../domain/entities.ts';
import type { DayFacts, DebitSum, DebitSums, Used } from '../domain/proof.ts';
import type { UsedBooks } from '../domain/store.ts';

/** SQL for the days of a table that has an order by them, each found by itself. */
export function daysIn(table: string, column: string, perDay: number): string {
  const next = `SELECT min(${column}) FROM ${table} WHERE ${column} >= (found.day + 1) * ${String(perDay)}`;
  return `WITH RECURSIVE found (day) AS (SELECT min(${column}) / ${String(perDay)} FROM ${table}
    UNION ALL SELECT (${next}) / ${String(perDay)} FROM found WHERE found.day IS NOT NULL) SELECT day FROM found WHERE day IS NOT NULL`;
}

/** SQL for a number that hour, key (0 for none) and service make: below 2^20, so that sums of billions of them are exact. */
export function mark(hour: string, key: string, service: string): string {
  return `((${hour}) * 7919 + (${key}) * 104729 + (${service}) * 15485863) % 1048573`;
}

/** What a store has of the accounts of a range on one day, before it knows which accounts those are. */
export interface Stored {
  readonly books: readonly UsedBooks[];
  readonly hours: ReadonlyMap<Ref, Used>;
  /** What the debits come to that are still to be folded. */
  readonly unfolded: ReadonlyMap<Ref, Used>;
}

/** What it has of those whom `ownersOf` names. */
export interface Owners {
  readonly accounts: ReadonlyMap<Ref, { readonly name: string; readonly tier: string }>;
  readonly adjustments: ReadonlyMap<Ref, { readonly adjusted: number; readonly taken: number }>;
}

export function ownersOf({ books, hours, unfolded }: Stored): readonly Ref[] {
  const owners = new Set([...books.map(({ accountRef }) => accountRef), ...hours.keys(), ...unfolded.keys()]);
  return [...owners].sort((one, other) => one - other);
}

const NOTHING_USED: Used = { requests: 0, mark: 0, credits: 0 };

export function factsOf(owners: readonly Ref[], { books, hours, unfolded }: Stored, { accounts, adjustments }: Owners): DayFacts[] {
  const stored = groupedByAccount(books);
  return owners.map((accountRef) => {
    const own = stored.get(accountRef) ?? [];
    const folded = hours.get(accountRef) ?? NOTHING_USED;
    const waiting = unfolded.get(accountRef) ?? NOTHING_USED;
    const { adjusted, taken } = adjustments.get(accountRef) ?? { adjusted: 0, taken: 0 };
    return {
      ...{ accountRef, account: accounts.get(accountRef) ?? null, books: own.map(({ balance }) => balance), adjusted, taken },
      usedByDay: own[0] === undefined ? null : own[0].used + waiting.credits,
      usedByHour: {
        requests: folded.requests + waiting.requests,
        mark: folded.mark + waiting.mark,
        credits: folded.credits + waiting.credits,
      },
    };
  });
}

function groupedByAccount(rows: readonly UsedBooks[]): Map<Ref, UsedBooks[]> {
  const groups = new Map<Ref, UsedBooks[]>();
  for (const row of rows) {
    const group = groups.get(row.accountRef);
    if (group === undefined) groups.set(row.accountRef, [row]);
    else group.push(row);
  }
  return groups;
}

/** Debits of one account, key and service. */
export interface SummedDebits extends Omit<DebitSum, 'ref'> {
  readonly accountRef: Ref;
  readonly behind: number;
  readonly isStranger: boolean;
  readonly capGroup: Ref | null;
}

export function debitSums(rows: readonly SummedDebits[]): Omit<DebitSums, 'through' | 'done'> {
  let [debits, strangers, behindMicros] = [0, 0, 0];
  for (const row of rows) {
    debits += row.debits;
    strangers += row.isStranger ? row.debits : 0;
    behindMicros = Math.max(behindMicros, row.behind);
  }
  return {
    ...{ debits, strangers, behindMicros },
    accounts: summed(rows, ({ accountRef }) => accountRef),
    caps: summed(rows, ({ capGroup }) => capGroup),
  };
}

function summed(rows: readonly SummedDebits[], refOf: (row: SummedDebits) => Ref | null): DebitSum[] {
  const sums = new Map<Ref, { -readonly [Name in keyof DebitSum]: DebitSum[Name] }>();
  for (const row of rows) {
    const ref = refOf(row);
    if (ref === null) continue;
    const { debits, mark: marked, cost, refunded } = row;
    const sum = sums.get(ref);
    if (sum === undefined) sums.set(ref, { ref, debits, mark: marked, cost, refunded });
    else {
      sum.debits += debits;
      sum.mark += marked;
      sum.cost += cost;
      sum.refunded += refunded;
    }
  }
  return [...sums.values()];
}
