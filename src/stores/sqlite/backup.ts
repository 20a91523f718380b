import { closeSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { KeyctlError } from '../../domain/error.ts';
import { syncFile, syncFolder } from './copy.ts';
import { errorCode, schemaVersion, translated, type Sqlite } from './database.ts';
import { openFile } from './driver.ts';
import { APPLICATION_ID } from './schema.ts';

/**
 * Writes a copy of the database to a new file of mode 0600, as it is at one instant, makes sure that it is on the disk, and proves that
 * it can be used. Others may go on reading and writing. Throws `already_exists`, or what a disk has to say; then no file is left.
 */
export function backupDatabase(db: Sqlite, target: string): void {
  translated(target, () => {
    // SECURITY: VACUUM INTO would make the file with the umask's mode, and the copy holds every digest. An empty file it fills.
    closeSync(openNew(target));
    try {
      db.prepare('VACUUM INTO ?').run(target);
      syncFile(target);
      verifyCopy(db, target);
      syncFolder(dirname(target));
    } catch (error) {
      rmSync(target, { force: true });
      throw error;
    }
  });
}

function openNew(target: string): number {
  try {
    return openSync(target, 'wx', 0o600);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new KeyctlError('already_exists', `There is a file at ${target} already.`, { cause: error });
  }
}

function verifyCopy(db: Sqlite, target: string): void {
  // Not read-only: SQLite leaves the CHECK constraints of a read-only file out, and integrity_check would not look at them.
  const copy = openFile(target, { fileMustExist: true });
  try {
    const sound = copy.pragma('integrity_check', { simple: true }) === 'ok';
    if (sound && copy.pragma('application_id', { simple: true }) === APPLICATION_ID && schemaVersion(copy) === schemaVersion(db)) return;
  } finally {
    copy.close();
  }
  throw new KeyctlError('store_damaged', `The backup at ${target} is not sound; nothing was changed.`, {
    hint: 'Check the store and the disk before anything else.',
  });
}
