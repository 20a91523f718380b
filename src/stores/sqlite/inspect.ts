import { accessSync, constants, realpathSync } from 'node:fs';
import { KeyctlError } from '../../domain/error.ts';
import { fault, fine, warning, type CheckId, type Finding } from '../../domain/finding.ts';
import type { Inspection, InspectionChoice } from '../../domain/inspection.ts';
import type { RandomBytes } from '../../domain/random.ts';
import type { Store } from '../../domain/store.ts';
import { createDatabase, openAnySchema, schemaVersion, translateError, type Clock } from './database.ts';
import { openFile, type Sqlite } from './driver.ts';
import { inspectAudit } from './inspect-audit.ts';
import { inspectFiles, inspectLogSize, strayJournal } from './inspect-files.ts';
import { inspectForeignKeys, inspectIntegrity, type Examined } from './inspect-integrity.ts';
import { inspectJournal } from './inspect-journal.ts';
import { inspectFilesystem, inspectPermissions } from './inspect-permissions.ts';
import { inspectSchema } from './inspect-schema.ts';
import { privateCopy, type PrivateCopy } from './private-copy.ts';
import { openSqliteStore } from './store.ts';

export interface SqliteInspectOptions extends InspectionChoice {
  readonly path: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
}

/** Before it, two connections that wrote and checkpointed at one moment could damage a file: https://www.sqlite.org/wal.html#walresetbug. */
const SOUND_SQLITE = [3, 51, 3];

/** Finding every entry of every index leaps through the file. */
const CACHE_KIB = 32_768;

/**
 * Looks at a store's files, schema and soundness, and opens it for reading. Nothing is changed: whoever writes goes on, and a log that a
 * killed process left behind stays as it is. Never throws for what is wrong with the store: that is what it tells.
 */
export function inspectSqliteStore(options: SqliteInspectOptions): Inspection {
  const inspector = new Inspector(options);
  inspector.look();
  return inspector;
}

class Inspector implements Inspection {
  readonly location: string;
  readonly findings: Finding[] = [];
  readonly leftOut: string[] = [];
  store: Store | null = null;
  readonly #options: SqliteInspectOptions;
  #copy: PrivateCopy | null = null;

  constructor(options: SqliteInspectOptions) {
    this.location = options.path;
    this.#options = options;
  }

  async close(): Promise<void> {
    await this.store?.close();
    this.#copy?.remove();
  }

  look(): void {
    const { path } = this.#options;
    const real = realPathOf(path);
    if (real !== null) {
      // The bytes of the files before SQLite has them open, and names before anything is made beside them.
      this.#check('permissions', () => inspectPermissions(real));
      this.#check('filesystem', () => [inspectFilesystem(real)]);
      this.#check('files', () => inspectFiles(real));
      this.#check('wal_size', () => [inspectLogSize(real)]);
      if (strayJournal(real).length > 0) {
        this.leftOut.push('everything inside the store, which was not opened');
        return;
      }
    }
    this.#open(path);
  }

  /** Runs one check; what it fails with is its finding. */
  #check(id: CheckId, act: () => readonly Finding[]): void {
    try {
      this.findings.push(...act());
    } catch (error) {
      this.findings.push(failed(id, this.location, error));
    }
  }

  #open(path: string): void {
    try {
      this.store = this.#openStore(path);
      this.findings.push(fine('store', `${this.location} can be read.`));
    } catch (error) {
      const code = error instanceof KeyctlError ? error.code : '';
      if (code === 'store_read_only' && this.#openCopy(path)) return;
      this.findings.push(failed(code === 'store_newer' || code === 'store_older' ? 'schema' : 'store', this.location, error));
      this.leftOut.push('the books: the store cannot be opened by this release');
      if (!['store_newer', 'store_older', 'store_damaged'].includes(code)) return;
    }
    this.#examine(path);
  }

  #openStore(path: string): Store {
    const { clock, randomBytes, busyTimeoutMs } = this.#options;
    return openSqliteStore({ path, mode: 'read', clock, randomBytes, busyTimeoutMs }).store;
  }

  /** Where nothing may be written, a store cannot even be read; a copy of it can. */
  #openCopy(path: string): boolean {
    if (this.#options.quick) return false;
    this.#copy = privateCopy(realpathSync(path));
    if (this.#copy === null) return false;
    try {
      this.store = this.#openStore(this.#copy.path);
    } catch {
      return false;
    }
    const message = `${this.location} may only be read by this user, so that a private copy of its files was looked at.`;
    this.findings.push(warning('store', message, 'For a store in use run doctor as the user whose store it is.'));
    this.#examine(this.#copy.path);
    return true;
  }

  /** Through a second connection, which is closed first: the last one, which only reads, leaves the log as it was. */
  #examine(path: string): void {
    const { quick, tell, busyTimeoutMs } = this.#options;
    let db: Sqlite | undefined;
    try {
      const readOnly = !mayWrite(path);
      // SQLite leaves the CHECK constraints out of a connection that is open for reading only; this one may write, and is told not to.
      db = readOnly ? openAnySchema(path, 'read', busyTimeoutMs) : openFile(path, { fileMustExist: true, timeout: busyTimeoutMs });
      db.pragma('query_only = ON');
      db.pragma('trusted_schema = OFF');
      db.pragma(`cache_size = -${String(CACHE_KIB)}`);
      this.#look({ db, readOnly, tell }, quick);
    } catch (error) {
      this.findings.push(failed('integrity', this.location, error));
    } finally {
      db?.close();
    }
  }

  #look(examined: Examined, quick: boolean): void {
    const { db } = examined;
    this.#check('sqlite_version', () => [inspectVersion(String(db.prepare('SELECT sqlite_version()').pluck().get()))]);
    this.#check('journal_mode', () => [inspectJournalMode(String(db.pragma('journal_mode', { simple: true })))]);
    this.#check('durability', () => [inspectDurability()]);
    this.#check('schema', () => inspectSchema(db, schemaVersion(db)));
    if (quick) {
      this.leftOut.push('integrity, foreign keys, the audit trail and the running balances: they take a walk through the whole file');
      return;
    }
    this.#check('integrity', () => inspectIntegrity(examined));
    this.#check('foreign_keys', () => inspectForeignKeys(examined));
    this.#check('audit', () => inspectAudit(db));
    this.#check('journal', () => inspectJournal(db));
  }
}

/** Where a link leads; null where nothing is, or nothing that this user may see. */
function realPathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** Without this question SQLite would open for reading only, in silence. */
function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function inspectVersion(version: string): Finding {
  const parts = version.split('.').map(Number);
  const first = SOUND_SQLITE.findIndex((least, index) => (parts[index] ?? 0) !== least);
  if (first === -1 || (parts[first] ?? 0) > (SOUND_SQLITE[first] ?? 0)) return fine('sqlite_version', `SQLite ${version}.`);
  const message = `SQLite ${version} may damage a file when two processes write and tidy the log at one moment (fixed in ${SOUND_SQLITE.join('.')}).`;
  return warning('sqlite_version', message, 'Install keyctl anew: it brings a newer better-sqlite3.');
}

function inspectJournalMode(mode: string): Finding {
  if (mode === 'wal') return fine('journal_mode', 'The store has a write-ahead log (WAL).');
  const message = `The journal mode of the store is ${mode}, not WAL, as in a copy that nobody used yet: readers and writers would hold each other up.`;
  return warning('journal_mode', message, 'Any keyctl that writes changes it back, such as keyctl reset or a new start of keyctl serve.');
}

/** Asks a connection as every writer of this program has it. It is a setting of connections, and not of the file. */
function inspectDurability(): Finding {
  const db = createDatabase(':memory:', 0);
  try {
    if (db.pragma('synchronous', { simple: true }) === 2)
      return fine('durability', 'Every commit is on the disk before it is answered (synchronous=FULL).');
    return fault(
      'durability',
      'Commits of this program may be lost when the power fails: synchronous is not FULL.',
      'Install keyctl anew.',
    );
  } finally {
    db.close();
  }
}

function failed(id: CheckId, location: string, error: unknown): Finding {
  const known = translateError(location, error);
  if (known instanceof KeyctlError) return fault(id, known.message, known.hint ?? 'Keep a copy of the file, and put back a backup.');
  return fault(
    id,
    `It could not be looked at: ${known instanceof Error ? known.message : 'unknown'}.`,
    'Keep a copy of the file, and put back a backup.',
  );
}
