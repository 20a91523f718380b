import { existsSync } from 'node:fs';
import { KeyctlError } from '../../domain/error.ts';
import { errorCode, translated, type Sqlite } from './database.ts';
import { openFile } from './driver.ts';

/** How long whoever is about to end is waited for: a command, but no server. */
const PATIENCE_MS = 2_000;

/**
 * Opens a store that no other process has open, and lets none in until the connection is closed. Its schema is not looked at, so that it
 * may be damaged. Throws `conflict` while anybody has it open, or what the disk has to say.
 *
 * SECURITY: closing any descriptor of a file drops every lock that the process has on it: until the connection is closed, nothing else may
 * open and close this file, not even to copy or to sync it.
 */
export function openAlone(path: string): Sqlite {
  return translated(path, () => {
    const db = openFile(path, { fileMustExist: true, timeout: PATIENCE_MS });
    try {
      // Whoever has a store open in WAL mode holds a shared lock; this one is exclusive, and kept after the transaction. That is undone,
      // since its end would make an empty file one with a page.
      db.pragma('locking_mode = EXCLUSIVE');
      db.exec('BEGIN EXCLUSIVE');
      db.exec('ROLLBACK');
      return db;
    } catch (error) {
      db.close();
      if (!errorCode(error).startsWith('SQLITE_BUSY')) throw error;
      throw new KeyctlError('conflict', `Another process has the store at ${path} open.`, {
        hint: 'Stop keyctl serve and every command that follows, then try again: systemctl stop keyctl.socket keyctl.service',
        cause: error,
      });
    }
  });
}

/**
 * Brings everything into the one file, so that nothing beside it belongs to it. From then on SQLite itself refuses whoever opened the file
 * before it was replaced and got its turn after: a log is begun only on a file that still has its name. False when the file is too damaged.
 *
 * What changes is the mode, in the first sector of the file. The journal of that is kept in memory: a kill between the two would leave one
 * on the disk that no reader may play back.
 */
export function mergeLog(db: Sqlite, path: string): boolean {
  try {
    return db.pragma('journal_mode = MEMORY', { simple: true }) === 'memory' && !existsSync(`${path}-wal`);
  } catch (error) {
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(errorCode(error))) return false;
    throw error;
  }
}
