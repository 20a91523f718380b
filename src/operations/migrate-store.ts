import { setImmediate } from 'node:timers/promises';
import { ALL_KINDS, Misfit, type ArchiveSum, type Kind } from '../domain/archive.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Actor, ReadTransaction, Store, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { disagreement, proveEqual, proveSound } from './prove-copy.ts';
import type { Progress } from './steps.ts';

/** A move of everything that one store holds to another, of whatever kind they are. */
export interface Migration {
  readonly source: Store;
  readonly target: Store;
  readonly actor: Actor;
  /** Called often; ends the move by throwing, which leaves both stores as they were. */
  readonly tell: (progress: Progress) => void;
}

export interface MigrationReport {
  readonly store: string;
  readonly to: string;
  readonly dryRun: boolean;
  /** Everything that was moved, or would be. */
  readonly rows: number;
  readonly accounts: number;
  readonly keys: number;
  readonly debits: number;
}

export const MIGRATION_FIELDS = ['store', 'to', 'dryRun', 'rows', 'accounts', 'keys', 'debits'] as const;

/**
 * Moves a store into another, which nobody has used yet. All the while nobody else writes to the source: what is asked there is answered that the
 * store is busy. The target has everything at once, after its sums of each kind and day were found to be those of the source and its books to
 * balance; from then on no program uses the source any more, since a credit must not be spent in both. Whatever fails before leaves both as they were.
 * Throws `conflict` for a target in use, and `failed` when the two do not agree.
 */
export async function migrateStore(migration: Migration): Promise<MigrationReport> {
  const { source, target, actor, tell } = migration;
  await target.read((into) => checkUntouched(into, target.location));
  let moved = false as boolean;
  try {
    return await source.write(async (from, now) => {
      const sums = await target.write(async (into, at) => {
        await checkUntouched(into, target.location);
        await copy(from, into, tell);
        const proved = await proveEqual(from, into, tell);
        await proveSound({ read: (act) => act(into, at) }, { location: source.location, read: (act) => act(from, now) }, tell);
        await note(into, { actor, at, before: { store: source.location }, after: { rows: rowsOf(proved) } });
        return proved;
      });
      moved = true;
      await note(from, { actor, at: now, before: null, after: { store: target.location, rows: rowsOf(sums) } });
      await from.archive.giveUp(target.location, now);
      return report(migration, sums, false);
    });
  } catch (error) {
    if (!moved) throw error;
    throw new KeyctlError(
      'failed',
      `Everything is in ${target.location}, but ${source.location} could not be given up: two stores would spend.`,
      {
        hint: `Find out why it cannot be written. Then empty ${target.location} and move again, or use it and remove the old store yourself.`,
        cause: error,
      },
    );
  }
}

export interface Preview extends Pick<Migration, 'source' | 'tell'> {
  /** Null where there is no store yet. */
  readonly target: Store | null;
  readonly to: string;
}

/** What a move would find: counts, and whether it can begin. Writes nothing, and nobody waits. */
export async function previewMigration({ source, target, to, tell }: Preview): Promise<MigrationReport> {
  await target?.read((into) => checkUntouched(into, to));
  const sums = await source.read(async (from) => (await Promise.all(ALL_KINDS.map((kind) => from.archive.sums(kind)))).flat());
  await proveSound(source, source, tell);
  return report({ source, target: { location: to } }, sums, true);
}

async function checkUntouched(into: ReadTransaction, location: string): Promise<void> {
  if (await into.archive.isUntouched()) return;
  throw new KeyctlError('conflict', `The store at ${location} is in use; a store is moved into an empty one only.`, {
    hint: 'Give --to a place where no store is. If it is what an earlier move left behind, remove it first.',
  });
}

/** While a group of rows goes into one store, the next is read from the other. */
async function copy(from: ReadTransaction, into: WriteTransaction, tell: Migration['tell']): Promise<void> {
  const total = await from.archive.count('store');
  let done = 0;
  await into.archive.clear('store');
  for (const kind of ALL_KINDS) {
    let writing: Promise<unknown> = Promise.resolve();
    try {
      for await (const rows of from.archive.rows(kind, 'store')) {
        await writing;
        writing = into.archive.put(kind, rows);
        // Heard here too: a failure while the next rows are read is thrown by the await.
        writing.catch(() => undefined);
        done += rows.length;
        tell({ text: 'copying', done: Math.min(done, total), total });
        // A store in a file answers without the loop having had a turn, in which a person's Ctrl-C is heard.
        await setImmediate();
      }
      await writing;
    } catch (error) {
      throw misfit(kind, error);
    } finally {
      // Whatever ends the copy, nothing of it may be on its way when the transaction ends.
      await Promise.allSettled([writing]);
    }
  }
  await into.archive.seal().catch((error: unknown) => {
    throw misfit(null, error);
  });
}

function misfit(kind: Kind | null, error: unknown): unknown {
  return error instanceof Misfit ? disagreement(kind, `a row does not fit those before it (${error.message})`, error) : error;
}

async function note(
  tx: WriteTransaction,
  { actor, at, before, after }: { actor: Actor; at: Instant; before: Record<string, unknown> | null; after: Record<string, unknown> },
): Promise<void> {
  await tx.audit.append({
    ...{ at, actor, action: 'store.migrate', targetKind: 'store', targetId: 'store', targetName: 'store' },
    ...{ before, after },
  });
}

function rowsOf(sums: readonly ArchiveSum[], kind?: Kind): number {
  return sums.reduce((rows, sum) => (kind === undefined || sum.kind === kind ? rows + sum.rows : rows), 0);
}

function report(
  { source, target }: { source: Pick<Store, 'location'>; target: Pick<Store, 'location'> },
  sums: readonly ArchiveSum[],
  dryRun: boolean,
): MigrationReport {
  return {
    ...{ store: source.location, to: target.location, dryRun, rows: rowsOf(sums) },
    ...{ accounts: rowsOf(sums, 'account'), keys: rowsOf(sums, 'key'), debits: rowsOf(sums, 'debit') },
  };
}
