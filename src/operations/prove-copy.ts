import { ALL_KINDS, type ArchiveSum, type Kind } from '../domain/archive.ts';
import { KeyctlError } from '../domain/error.ts';
import type { ReadTransaction, Snapshots, Store } from '../domain/store.ts';
import { formatDay } from '../domain/utc-day.ts';
import { proveBooks } from './prove-books.ts';
import type { Progress } from './steps.ts';

/** While a database answers about one day it is asked about others already: what the way there and back takes is not waited for. */
const DAYS_AT_ONCE = 4;

/** Compares what everything comes to, kind by kind and day by day. Throws `failed` for the first that differs. */
export async function proveEqual(
  from: ReadTransaction,
  into: ReadTransaction,
  tell: (progress: Progress) => void,
): Promise<readonly ArchiveSum[]> {
  const all: ArchiveSum[] = [];
  for (const [done, kind] of ALL_KINDS.entries()) {
    tell({ text: 'comparing', done, total: ALL_KINDS.length });
    // A store in a file answers before the call returns: the other one works meanwhile if it was asked first.
    const copied = into.archive.sums(kind);
    const [sums, theirs] = await Promise.all([from.archive.sums(kind), copied]);
    compareSums(sums, theirs);
    all.push(...sums);
  }
  tell({ text: 'comparing', done: ALL_KINDS.length, total: ALL_KINDS.length });
  return all;
}

function compareSums(sums: readonly ArchiveSum[], copied: readonly ArchiveSum[]): void {
  const found = new Map(copied.map((sum) => [nameOf(sum), sum]));
  for (const sum of sums) {
    const other = found.get(nameOf(sum));
    if (other?.rows !== sum.rows) throw disagreement(sum.kind, `${nameOf(sum)}: ${String(other?.rows ?? 0)} of ${String(sum.rows)} rows`);
    if (other.mark !== sum.mark) throw disagreement(sum.kind, `${nameOf(sum)}: what stands in the rows`);
    found.delete(nameOf(sum));
  }
  for (const [name, { kind, rows }] of found) throw disagreement(kind, `${name}: ${String(rows)} rows that the store does not have`);
}

function nameOf({ kind, day }: ArchiveSum): string {
  return day === null ? kind : `${kind} of ${formatDay(day)}`;
}

/** `kind` is what does not agree; null where it is not known. */
export function disagreement(kind: Kind | null, what: string, cause?: unknown): KeyctlError {
  return new KeyctlError('failed', `The copy would not be the same as the store: ${what}. Nothing was moved.`, {
    hint: `Look at the store with: keyctl doctor. If it is sound, tell whoever makes keyctl about ${kind ?? 'the copy'}.`,
    cause,
  });
}

/** Proves the books of the copy as `doctor` does. Where they do not hold, those of the store are proved as well, to say whose fault it is. */
export async function proveSound(
  copy: Snapshots,
  store: Snapshots & Pick<Store, 'location'>,
  tell: (progress: Progress) => void,
): Promise<void> {
  const wrong = await firstFault(copy, tell);
  if (wrong === null) return;
  const own = copy === store ? wrong : await firstFault(store, tell);
  if (own === null) throw disagreement('books', wrong);
  throw new KeyctlError('failed', `The books of the store at ${store.location} do not hold: ${own} Nothing was moved.`, {
    hint: 'keyctl doctor tells all that is wrong, and what to do.',
  });
}

async function firstFault(store: Snapshots, tell: (progress: Progress) => void): Promise<string | null> {
  const { findings } = await proveBooks(store, tell, DAYS_AT_ONCE);
  return findings.find(({ severity }) => severity === 'error')?.message ?? null;
}
