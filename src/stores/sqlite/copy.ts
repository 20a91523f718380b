import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { platform as hostPlatform } from 'node:os';
import { KeyctlError } from '../../domain/error.ts';
import type { Watch } from '../../domain/store-backup.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { schemaVersion, type Sqlite } from './database.ts';
import { openFile } from './driver.ts';
import { APPLICATION_ID } from './schema.ts';

/** How many pages are copied before the event loop turns: a megabyte. */
const PAGES_PER_STEP = 256;

/** What SQLite may keep beside a file. */
const COMPANIONS = ['-wal', '-shm', '-journal'];

/**
 * Copies the database, as it is at one instant, to a new file of mode 0600 that is empty or not there. Others may go on reading and
 * writing. One read transaction around all steps holds the instant still: without it every commit of others would begin the copy anew.
 */
export async function copyDatabase(db: Sqlite, target: string, watch: Watch, text: string): Promise<void> {
  // SECURITY: SQLite would make the file with the umask's mode, and the copy holds every digest. An empty file it fills.
  closeSync(openSync(target, 'wx', 0o600));
  await inSnapshot(db, () =>
    db.backup(target, {
      progress: ({ totalPages, remainingPages }) => {
        watch({ text, done: totalPages - remainingPages, total: totalPages });
        return PAGES_PER_STEP;
      },
    }),
  );
}

/** Runs an act on one snapshot of the database, which begins before it. */
export async function inSnapshot<Result>(db: Sqlite, act: () => Promise<Result>): Promise<Result> {
  if (db.inTransaction) return act();
  db.exec('BEGIN');
  try {
    // A transaction begins with its first read.
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return await act();
  } finally {
    db.exec('ROLLBACK');
  }
}

export interface Contents {
  readonly schema: number;
  readonly accounts: number;
  readonly keys: number;
  readonly debits: number;
  readonly newestAt: Instant | null;
}

/** What a store holds, of any schema: tables are added by migrations, never taken away. */
export function contentsOf(db: Sqlite): Contents {
  const row = db
    .prepare(
      `SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM keys) AS keys, (SELECT count(*) FROM debits) AS debits,
         (SELECT max(at) FROM (SELECT max(at) AS at FROM audit
           UNION ALL SELECT at FROM debits WHERE number = (SELECT max(number) FROM debits))) AS newestAt`,
    )
    .get() as Omit<Contents, 'schema'>;
  return { schema: schemaVersion(db), ...row };
}

/**
 * Proves a copy that nobody else has open, and leaves it as one file with nothing beside it, on the disk: integrity, constraints, foreign
 * keys, and, where it is said, what it has to hold. `log` is the mode in which it is left: a WAL is what a server wants, none is what can
 * be read from anywhere. Throws `store_damaged`.
 */
export function proveCopy(
  path: string,
  { log, expected = null }: { readonly log: 'WAL' | 'DELETE'; readonly expected?: Contents | null },
): void {
  const sound = isLeftSound(path, log, expected);
  if (!sound || COMPANIONS.some((suffix) => existsSync(path + suffix))) {
    throw new KeyctlError('store_damaged', 'The copy that was made is not sound; nothing was changed.', {
      hint: 'Check the store and the disk before anything else.',
    });
  }
  syncFile(path);
}

function isLeftSound(path: string, log: string, expected: Contents | null): boolean {
  // Not read-only: SQLite leaves the CHECK constraints of a read-only file out, and integrity_check would not look at them.
  const copy = openFile(path, { fileMustExist: true });
  try {
    if (!isSound(copy) || (expected !== null && JSON.stringify(contentsOf(copy)) !== JSON.stringify(expected))) return false;
    copy.pragma(`journal_mode = ${log}`);
    return true;
  } finally {
    copy.close();
  }
}

/** Whether the file is a store that can be used as far as SQLite can tell. */
export function isSound(db: Sqlite): boolean {
  return (
    db.pragma('application_id', { simple: true }) === APPLICATION_ID &&
    db.pragma('integrity_check', { simple: true }) === 'ok' &&
    (db.pragma('foreign_key_check') as unknown[]).length === 0
  );
}

/** Windows flushes only what was opened to be written (FlushFileBuffers). */
export function syncFile(path: string, platform: NodeJS.Platform = hostPlatform()): void {
  syncOpened(path, platform === 'win32' ? 'r+' : 'r');
}

/** A new name is on the disk only when its folder is. Windows can flush no folder: NTFS keeps names in a journal of its own. */
export function syncFolder(path: string, platform: NodeJS.Platform = hostPlatform()): void {
  if (platform !== 'win32') syncOpened(path, 'r');
}

function syncOpened(path: string, flags: 'r' | 'r+'): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Removes a database that nobody has open, with whatever is beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', ...COMPANIONS]) if (existsSync(path + suffix)) rmSync(path + suffix);
}
