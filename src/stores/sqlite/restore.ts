import { existsSync, lstatSync, readlinkSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { KeyctlError, usageError } from '../../domain/error.ts';
import type { RandomBytes } from '../../domain/random.ts';
import type { Rebuild, Replaced, Restoring, Watch } from '../../domain/store-backup.ts';
import type { Store } from '../../domain/store.ts';
import { formatInstant } from '../../domain/utc-day.ts';
import { mergeLog, openAlone } from './alone.ts';
import { contentsOf, copyDatabase, isSound, proveCopy, removeDatabase } from './copy.ts';
import { checkKeyctl, openDatabase, translateError, type Clock, type Sqlite } from './database.ts';
import { claim, clearLeftovers, exchange, keep, keptPath, takeOwner, workingPath } from './exchange.ts';
import { identityOf } from './opened-files.ts';
import { openSqliteStore } from './store.ts';

export interface SqliteRestoreOptions {
  /** Where the store is, or will be. */
  readonly path: string;
  readonly backup: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
}

/**
 * Opens a backup that has proved sound, and looks at what stands in its place. Throws `not_found` without a backup, `store_older`,
 * `store_newer`, `store_foreign` or `store_damaged` for one that cannot be put there; `store_foreign` or `store_older` for what stands
 * there, and `conflict` while any other process has that open.
 */
export function openSqliteRestore(options: SqliteRestoreOptions): Restoring {
  const path = realPath(options.path);
  const { schema } = proveBackup(options.backup, path, options.busyTimeoutMs);
  const what = lookAt(path);
  const backup = openToRead(options.backup, options);
  const replaced: Replaced = what === 'sound' ? { kind: 'store', store: openToRead(path, options) } : unusable(what);
  return new SqliteRestoring(path, { path: resolve(options.backup), schema, store: backup }, replaced, options);
}

function openToRead(path: string, { clock, randomBytes, busyTimeoutMs }: SqliteRestoreOptions): Store {
  return openSqliteStore({ path, mode: 'read', clock, randomBytes, busyTimeoutMs }).store;
}

/** The file that a path leads to, whether or not it is there: a link is followed, never replaced. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const target = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : basename(path);
  const folder = resolve(dirname(path));
  return resolve(existsSync(folder) ? realpathSync(folder) : folder, target);
}

function proveBackup(path: string, store: string, busyTimeoutMs: number): { readonly schema: number } {
  // Not repeated: what is no file may be anything, also somebody's secret.
  if (!existsSync(path) || !statSync(path).isFile()) {
    const hint = 'Name one that keyctl backup, keyctl upgrade or Litestream has made.';
    throw new KeyctlError('not_found', 'There is no such file to restore.', { hint });
  }
  // Also under another name, as a restore that was killed may have left one.
  if (identityOf(path) === identityOf(store)) throw usageError('The backup is the store itself.', 'Check --db and KEYCTL_DB.');
  try {
    const db = openDatabase(path, 'read', busyTimeoutMs);
    try {
      if (isSound(db)) return contentsOf(db);
    } finally {
      db.close();
    }
  } catch (error) {
    throw ofBackup(path, translateError(path, error));
  }
  throw ofBackup(path, new KeyctlError('store_damaged', ''));
}

/** What is wrong with a backup, and what helps, which is something else than with a store. */
function ofBackup(path: string, error: unknown): unknown {
  if (!(error instanceof KeyctlError)) return error;
  const fail = (message: string, hint: string): KeyctlError => new KeyctlError(error.code, message, { hint, cause: error });
  switch (error.code) {
    case 'store_damaged':
      return fail(`The backup at ${path} is damaged; nothing was changed.`, 'Restore an earlier one.');
    case 'store_older':
      return fail(
        `The backup at ${path} has an older schema than this keyctl; nothing was changed.`,
        `Move it to this release's first, which keeps what it was: keyctl upgrade --db ${path}`,
      );
    case 'store_missing':
    case 'store_foreign':
      return fail(`The file at ${path} is not a backup of a keyctl store.`, 'Nothing was changed.');
    default:
      return error;
  }
}

type Found = 'nothing' | 'sound' | 'damaged' | 'newer';

function unusable(what: Exclude<Found, 'sound'>): Replaced {
  return what === 'nothing' ? { kind: 'none' } : { kind: 'unreadable', why: what };
}

function isThere(path: string): boolean {
  return existsSync(path) && !(statSync(path).isFile() && statSync(path).size === 0);
}

/** Looks at the store while nobody else can. What is no store is not replaced: it may be anything. */
function lookAt(path: string): Found {
  if (!isThere(path)) return 'nothing';
  if (!statSync(path).isFile()) throw foreign(path);
  try {
    const db = openAlone(path);
    try {
      checkKeyctl(db, path);
      return isSound(db) ? 'sound' : 'damaged';
    } finally {
      db.close();
    }
  } catch (error) {
    const known = translateError(path, error);
    if (!(known instanceof KeyctlError)) throw known;
    if (known.code === 'store_foreign') throw foreign(path);
    if (known.code === 'store_damaged') return 'damaged';
    if (known.code === 'store_newer') return 'newer';
    throw known;
  }
}

function foreign(path: string): KeyctlError {
  return new KeyctlError('store_foreign', `The file at ${path} is not a keyctl store, so it is not replaced.`, {
    hint: 'Check --db and KEYCTL_DB. If it was the store, move it away with its -wal first, then restore again.',
  });
}

class SqliteRestoring implements Restoring {
  readonly location: string;
  readonly backup: Restoring['backup'];
  readonly replaced: Replaced;
  readonly #options: SqliteRestoreOptions;
  readonly #temporary: string[] = [];

  constructor(location: string, backup: Restoring['backup'], replaced: Replaced, options: SqliteRestoreOptions) {
    this.location = location;
    this.backup = backup;
    this.replaced = replaced;
    this.#options = options;
  }

  async close(): Promise<void> {
    await this.backup.store.close();
    if (this.replaced.kind === 'store') await this.replaced.store.close();
  }

  async replace(rebuild: Rebuild, watch: Watch): Promise<string | null> {
    const { location } = this;
    if (this.replaced.kind === 'store') await this.replaced.store.close();
    const kept = keptPath(location, formatInstant(this.#options.clock()).replaceAll(/[-:.]/g, ''));
    try {
      return await this.#replaceAlone(this.#holdPlace(kept), rebuild, kept, watch);
    } catch (error) {
      throw translateError(location, error);
    }
  }

  /** The place, held alone, with what was found there before and nothing else. */
  #holdPlace(kept: string): Sqlite {
    const { location } = this;
    if (this.replaced.kind !== 'none' || existsSync(location) || claim(location, kept)) {
      if (isThere(location) === (this.replaced.kind !== 'none')) return openAlone(location);
    }
    throw new KeyctlError('conflict', `What is at ${location} is not what it was a moment ago.`, { hint: 'Look at it, then start again.' });
  }

  async #replaceAlone(alone: Sqlite, rebuild: Rebuild, kept: string, watch: Watch): Promise<string | null> {
    const { location } = this;
    const keeps = this.replaced.kind !== 'none';
    let done = false;
    try {
      clearLeftovers(location);
      const work = await this.#make(rebuild, alone, keeps ? kept : null, watch);
      takeOwner(work, location, keeps);
      if (keeps) {
        mergeLog(alone, location);
        await keep(location, kept, () => copyDatabase(alone, kept, watch, 'Keeping what was there'));
      }
      exchange(work, location, kept);
      done = true;
      return keeps ? kept : null;
    } finally {
      if (!done && keeps) clearLeftovers(location);
      if (!done && !isThere(location)) rmSync(location, { force: true });
      alone.close();
      for (const path of this.#temporary) removeDatabase(path);
    }
  }

  /** Makes the new store in a file of its own, and proves it. */
  async #make({ base, alsoRead, build }: Rebuild, alone: Sqlite, kept: string | null, watch: Watch): Promise<string> {
    const work = this.#newPath();
    if (base === 'replaced') await copyDatabase(alone, work, watch, 'Copying the store');
    else await this.#copyBackup(work, watch);
    watch({ text: 'Making the new store', done: 0, total: 1 });
    const beside = alsoRead ? this.#newPath() : null;
    if (beside !== null) await copyDatabase(alone, beside, watch, 'Copying the store');
    const replaced = beside === null ? null : openToRead(beside, this.#options);
    raiseGeneration(work);
    const { store } = openSqliteStore({ ...this.#options, path: work, mode: 'write' });
    try {
      await build(store, { backup: this.backup.store, replaced, kept });
    } finally {
      await store.close();
      await replaced?.close();
    }
    watch({ text: 'Proving the new store', done: 0, total: 1 });
    proveCopy(work, { log: 'WAL' });
    return work;
  }

  #newPath(): string {
    const path = workingPath(this.location, Buffer.from(this.#options.randomBytes(4)).toString('hex'));
    this.#temporary.push(path);
    return path;
  }

  async #copyBackup(target: string, watch: Watch): Promise<void> {
    const db = openDatabase(this.backup.path, 'read', this.#options.busyTimeoutMs);
    try {
      await copyDatabase(db, target, watch, 'Copying the backup');
    } finally {
      db.close();
    }
  }
}

/** Whatever anybody remembers of either store is of another generation. */
function raiseGeneration(path: string): void {
  const db = openDatabase(path, 'write', 0);
  try {
    db.prepare('UPDATE state SET generation = generation + 1').run();
  } finally {
    db.close();
  }
}
