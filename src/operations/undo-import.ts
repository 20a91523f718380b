import { KeyctlError } from '../domain/error.ts';
import type { Import } from '../domain/store.ts';
import { formatInstant } from '../domain/utc-day.ts';
import type { Importer } from './import-file.ts';

export interface UndoReport {
  readonly batch: string;
  /** Keys that were taken back, and how many of them had been used: those stay, deleted, since debits name them. */
  readonly keys: number;
  readonly keysKept: number;
  /** Accounts that were removed, and those that stay because they were used. */
  readonly accounts: number;
  readonly accountsKept: number;
}

export const UNDO_FIELDS = ['batch', 'keys', 'keysKept', 'accounts', 'accountsKept'] as const;

const ROWS_PER_STEP = 200;

/** Who writes an import writes something every few milliseconds. One that has not moved for so long was killed. */
const SILENCE_MS = 3_000;
const LOOK_MS = 100;

export type Undoer = Pick<Importer, 'store' | 'actor' | 'steps' | 'rest'>;

/**
 * Takes an import back: first none of its keys passes any more, then what was never used goes without a trace, and the rest stays as deleted
 * keys and as accounts without them. Killed in between, it goes on when it is called again.
 * Throws `not_found`, or `conflict` for an import that was taken back already.
 */
export async function undoImport(undoer: Undoer, batchId: string): Promise<UndoReport> {
  const batch = await undoer.store.read((tx) => tx.imports.byId(batchId));
  if (batch === null) throw new KeyctlError('not_found', 'There is no such import.', { hint: 'See: keyctl audit --action store.import' });
  if (batch.undoneAt !== null) {
    throw new KeyctlError('conflict', `That import was taken back already, at ${formatInstant(batch.undoneAt)}.`, {
      hint: 'Nothing was changed.',
    });
  }
  return takeBack(undoer, batch);
}

/** Removes what an import has left that was killed. Throws `conflict` while one is under way. */
export async function clearAway(undoer: Undoer): Promise<void> {
  const { store, rest } = undoer;
  let found = await store.read((tx) => tx.imports.unfinished());
  if (found === null) return;
  for (let waited = 0; waited < SILENCE_MS; waited += LOOK_MS) {
    await rest(LOOK_MS);
    const now = await store.read((tx) => tx.imports.unfinished());
    if (now === null) return;
    if (now.id !== found.id || now.keys !== found.keys || now.accounts !== found.accounts) {
      throw underWay();
    }
    found = now;
  }
  await takeBack(undoer, found);
}

export function underWay(): KeyctlError {
  return new KeyctlError('conflict', 'Another import is under way; nothing was imported.', { hint: 'Try again when it is done.' });
}

export async function takeBack({ store, actor, steps }: Undoer, batch: Import): Promise<UndoReport> {
  await endKeys({ store, steps }, batch);
  await store.read((tx) => tx.imports.noteUsed(batch.ref));
  let [keys, accounts] = [0, 0];
  const total = batch.keys + batch.accounts;
  for (;;) {
    const removed = await steps.run((stint) =>
      store.write((tx) => stint.work(() => tx.imports.removeUnused(batch.ref, Math.ceil(ROWS_PER_STEP * stint.portion)))),
    );
    if (!removed.more) break;
    keys += removed.keys;
    accounts += removed.accounts;
    steps.tell({ text: 'removing what was never used', done: Math.min(keys + accounts, total), total });
  }
  return store.write(async (tx, now) => {
    const left = await tx.imports.left(batch.ref);
    const report = { batch: batch.id, keys: keys + left.keys, keysKept: left.keys, accounts, accountsKept: left.accounts };
    await tx.imports.markUndone(batch.ref, now);
    if (batch.doneAt === null) return report;
    const { batch: _, ...counts } = report;
    await tx.audit.append({
      ...{ at: now, actor, action: 'store.undo', targetKind: 'store', targetId: batch.id, targetName: 'keys' },
      ...{ before: null, after: counts },
    });
    return report;
  });
}

async function endKeys({ store, steps }: Pick<Undoer, 'store' | 'steps'>, batch: Import): Promise<void> {
  for (let [after, done] = [0, 0]; ;) {
    const some = await steps.run((stint) =>
      store.write((tx, now) =>
        stint.work(() => tx.imports.endKeys(batch.ref, { after, limit: Math.ceil(ROWS_PER_STEP * stint.portion) }, now)),
      ),
    );
    if (some.last === null) return;
    after = some.last;
    done += some.keys;
    steps.tell({ text: 'taking keys back', done: Math.min(done, batch.keys), total: batch.keys });
  }
}
