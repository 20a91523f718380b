import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { KeyctlError } from '../../domain/error.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { openFile, type Sqlite, type Statement } from './driver.ts';
import { refuseMoved } from './moved.ts';
import { identityOf } from './opened-files.ts';
import { APPLICATION_ID, SCHEMA_VERSION } from './schema.ts';

export type { Sqlite, Statement };

/**
 * Opens an existing keyctl file. `read` opens it read-only. Throws `store_missing`, `store_foreign`, `store_moved`, `store_newer`,
 * `store_older`, `store_damaged` or `store_read_only`.
 */
export function openDatabase(path: string, mode: 'read' | 'write', busyTimeoutMs: number): Sqlite {
  return openChecked(path, mode, busyTimeoutMs, checkKeyctl);
}

/** The same for a file of any schema, which only an upgrade can make use of. */
export function openAnySchema(path: string, mode: 'read' | 'write', busyTimeoutMs: number): Sqlite {
  return openChecked(path, mode, busyTimeoutMs, checkOurs);
}

function openChecked(path: string, mode: 'read' | 'write', busyTimeoutMs: number, check: (db: Sqlite, path: string) => void): Sqlite {
  try {
    return openTranslated(path, mode, busyTimeoutMs, check);
  } catch (error) {
    if (mode === 'write' || !(error instanceof KeyctlError) || error.code !== 'store_read_only') throw error;
    // Even a reader of a WAL shares memory with the writers, through a file beside the store.
    throw new KeyctlError('store_read_only', `The store at ${path} cannot be read by this user.`, {
      hint: 'Reading needs write permission too, to the file and its folder: run keyctl as the user whose store it is.',
      cause: error,
    });
  }
}

function openTranslated(path: string, mode: 'read' | 'write', busyTimeoutMs: number, check: (db: Sqlite, path: string) => void): Sqlite {
  return translated(path, () => {
    checkFile(path);
    const file = identityOf(path);
    const db = openFile(path, { readonly: mode === 'read', fileMustExist: true, timeout: busyTimeoutMs });
    try {
      check(db, path);
      checkStillThere(path, file);
      configure(db, mode);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/**
 * Opens the file, or makes an empty one with mode 0600 (and its folder with 0700); the schema is still to come.
 * A file that holds something else is refused before a byte of it changes.
 */
export function createDatabase(path: string, busyTimeoutMs: number): Sqlite {
  return translated(path, () => {
    if (path !== ':memory:') {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // SECURITY: SQLite would make the file with the umask's mode; -wal and -shm inherit this one.
      closeSync(openSync(path, 'a', 0o600));
      if (!statSync(path).isFile()) throw foreign(path);
    }
    const file = identityOf(path);
    const db = openFile(path, { timeout: busyTimeoutMs });
    try {
      const { n: objects } = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
      if (objects > 0) checkKeyctl(db, path);
      if (path !== ':memory:') checkStillThere(path, file);
      configure(db, 'write');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** A restore lets nobody read until it is done: whoever opened the file before and got its turn only after has a file that is no more. */
function checkStillThere(path: string, file: string | null): void {
  if (identityOf(path) === file) return;
  throw new KeyctlError('store_busy', `The store at ${path} was replaced while it was being opened.`, { hint: 'Try again.' });
}

export function storeExists(path: string): boolean {
  return existsSync(path) && statSync(path).size > 0;
}

function configure(db: Sqlite, mode: 'read' | 'write'): void {
  if (mode === 'write') {
    db.pragma('journal_mode = WAL');
    // better-sqlite3 compiles synchronous=NORMAL for WAL, under which a power loss may take acknowledged commits with it.
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
  }
  db.pragma('cache_size = -4096');
  db.pragma('trusted_schema = OFF');
}

function checkFile(path: string): void {
  if (!existsSync(path)) {
    throw new KeyctlError('store_missing', `There is no store at ${path}.`, { hint: 'Make one with: keyctl create --name prod' });
  }
  if (!statSync(path).isFile()) throw foreign(path);
  if (statSync(path).size === 0) {
    throw new KeyctlError('store_missing', `The file at ${path} is empty.`, { hint: 'Make a store in it with: keyctl create --name prod' });
  }
}

function foreign(path: string): KeyctlError {
  return new KeyctlError('store_foreign', `The file at ${path} is not a keyctl store.`, {
    hint: 'Check --db and KEYCTL_DB; nothing was changed.',
  });
}

function checkOurs(db: Sqlite, path: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw foreign(path);
}

export function checkKeyctl(db: Sqlite, path: string): void {
  checkOurs(db, path);
  const row = db.prepare('SELECT max(version) AS version, max(usable_since) AS usableSince FROM schema_versions').get() as {
    version: number;
    usableSince: number;
  };
  if (row.usableSince > SCHEMA_VERSION) {
    refuseMoved(db, path);
    throw new KeyctlError('store_newer', `The store at ${path} was made by a newer keyctl (schema ${String(row.version)}).`, {
      hint: 'Install that release or a later one; this one may not use the store.',
    });
  }
  if (row.version < SCHEMA_VERSION) {
    throw new KeyctlError(
      'store_older',
      `The store at ${path} has schema ${String(row.version)}; this keyctl needs ${String(SCHEMA_VERSION)}.`,
      {
        hint: 'Run: keyctl upgrade (it makes a verified backup first)',
      },
    );
  }
}

/** The schema number of the file at `path`, without asking whether this program may use it. */
export function schemaVersion(db: Sqlite): number {
  return (db.prepare('SELECT max(version) AS version FROM schema_versions').get() as { version: number }).version;
}

/** Runs `act` and turns the driver's error codes into keyctl's. */
export function translated<Result>(path: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw translateError(path, error);
  }
}

/** The code of a failure of the driver or of Node, or an empty text. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function translateError(path: string, error: unknown): unknown {
  if (error instanceof KeyctlError) return error;
  const code = errorCode(error);
  const fail = (kind: ConstructorParameters<typeof KeyctlError>[0], message: string, hint: string): KeyctlError =>
    new KeyctlError(kind, message, { hint, cause: error });
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return fail('store_busy', `The store at ${path} is busy.`, 'Another process holds its write lock; try again.');
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC')
    return fail('store_full', `There is no room to write to ${path}.`, 'Free space on that disk; the change that failed was undone.');
  if (code === 'SQLITE_NOTADB') return foreign(path);
  if (code.startsWith('SQLITE_CORRUPT')) {
    return fail('store_damaged', `The store at ${path} is damaged.`, 'Stop every keyctl, keep the file, and put back a backup.');
  }
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS') {
    return fail(
      'store_read_only',
      `The store at ${path} cannot be written.`,
      'Check the permissions of the file and its folder, and whose it is.',
    );
  }
  // Whatever the operating system says to the path: EACCES, ENOTDIR, ENAMETOOLONG, ELOOP …
  if (code.startsWith('SQLITE_CANTOPEN') || /^E[A-Z0-9]+$/.test(code)) {
    return fail(
      'store_read_only',
      `The store at ${path} cannot be opened.`,
      'Check the path and the permissions of the file and its folder.',
    );
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return fail(
      'failed',
      `Reading or writing ${path} failed; whether the last change was kept is unknown.`,
      'Check the disk, then look with: keyctl audit',
    );
  }
  return error;
}

export type Clock = () => Instant;
