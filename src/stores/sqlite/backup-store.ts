import { existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KeyctlError } from '../../domain/error.ts';
import type { RandomBytes } from '../../domain/random.ts';
import type { StoreBackup, Watch } from '../../domain/store-backup.ts';
import { contentsOf, copyDatabase, inSnapshot, proveCopy, removeDatabase, syncFolder } from './copy.ts';
import { errorCode, openAnySchema, translateError } from './database.ts';

export interface SqliteBackupOptions {
  readonly path: string;
  readonly target: string;
  readonly busyTimeoutMs: number;
  readonly randomBytes: RandomBytes;
  readonly watch: Watch;
}

/**
 * Writes a copy of the store, as it is at one instant, to a new file of mode 0600 beside whatever serves from it. The file has its name
 * only when it is whole, on the disk and proved. Throws `already_exists`, `not_found` for a folder, or what the disk has to say.
 */
export async function backupSqliteStore(options: SqliteBackupOptions): Promise<StoreBackup> {
  const { path, busyTimeoutMs, randomBytes, watch } = options;
  const wanted = resolve(options.target);
  checkTarget(wanted);
  const db = openAnySchema(path, 'read', busyTimeoutMs);
  // A name of its own: a copy that a kill cut short must not look like a backup, and two at once must not meet.
  const partial = `${wanted}.${Buffer.from(randomBytes(4)).toString('hex')}.partial`;
  try {
    const contents = await inSnapshot(db, async () => {
      await copyDatabase(db, partial, watch, 'Copying the store');
      return contentsOf(db);
    });
    watch({ text: 'Proving the copy', done: 0, total: 1 });
    proveCopy(partial, { log: 'DELETE', expected: contents });
    giveName(partial, wanted);
    return { location: path, path: wanted, bytes: statSync(wanted).size, ...contents };
  } catch (error) {
    removeDatabase(partial);
    throw failureOf(error, path, wanted);
  } finally {
    db.close();
  }
}

function failureOf(error: unknown, path: string, target: string): unknown {
  const code = errorCode(error);
  if (code.startsWith('SQLITE_CORRUPT')) return translateError(path, error);
  if (!/^E[A-Z]+$/.test(code) || code === 'ENOSPC') return translateError(target, error);
  return new KeyctlError('store_read_only', `No backup can be written to ${target}.`, {
    hint: 'Check the folder, its permissions, and whose it is.',
    cause: error,
  });
}

function checkTarget(target: string): void {
  if (existsSync(target)) throw taken(target);
  if (existsSync(dirname(target))) return;
  // Not repeated: what is no folder may be anything, also somebody's secret.
  throw new KeyctlError('not_found', 'There is no such folder for the backup.', { hint: 'Make it first; a backup makes none.' });
}

function taken(target: string): KeyctlError {
  return new KeyctlError('already_exists', `There is a file at ${target} already.`, { hint: 'Give another name; nothing is overwritten.' });
}

/** Gives the file its name unless another has it by now, durably. */
function giveName(file: string, name: string): void {
  try {
    linkSync(file, name);
    rmSync(file);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw taken(name);
    if (!withoutLinks(error)) throw error;
    if (existsSync(name)) throw taken(name);
    renameSync(file, name);
  }
  syncFolder(dirname(name));
}

/** Whether that is how a file system says that it has no second names for a file. */
export function withoutLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error));
}
