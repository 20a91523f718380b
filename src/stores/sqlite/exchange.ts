import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KeyctlError } from '../../domain/error.ts';
import { withoutLinks } from './backup-store.ts';
import { removeDatabase, syncFolder } from './copy.ts';
import { errorCode } from './database.ts';

/** What may lie beside a store that could not be brought into one file, or that was lost; laid over another file, it would ruin that. */
const LOGS = ['-wal', '-journal'];

/** Ends of the names that a restore gives: to what it works on, and to what it keeps. */
const WORKING = '.restoring';
const KEPT = '.replaced-';

/** A file for a restore to work on; `part` is random. */
export function workingPath(path: string, part: string): string {
  return `${path}.${part}${WORKING}`;
}

/** Where the replaced store is kept: `keyctl.db.replaced-20261122T101500123Z`, or with a number behind it. */
export function keptPath(path: string, stamp: string): string {
  const name = `${path}${KEPT}${stamp}`;
  for (let number = 1; ; number += 1) {
    const free = number === 1 ? name : `${name}-${String(number)}`;
    if (![free, ...LOGS.map((suffix) => free + suffix)].some((taken) => existsSync(taken))) return free;
  }
}

/**
 * Gives the new file the owner and the mode of the one that it replaces. Where there was none it becomes that of the folder's owner, if
 * that is possible: root restores what a service has to open.
 */
export function takeOwner(file: string, path: string, replaces: boolean): void {
  const replaced = statSync(path);
  const { uid, gid } = replaces ? replaced : statSync(dirname(path));
  const own = statSync(file);
  if (own.uid !== uid || own.gid !== gid) {
    try {
      chownSync(file, uid, gid);
    } catch (error) {
      if (errorCode(error) !== 'EPERM') throw error;
      if (replaces) {
        throw new KeyctlError('store_read_only', `The store at ${path} belongs to somebody else, which a restore has to keep.`, {
          hint: 'Run it as root, or as the user whose store it is.',
          cause: error,
        });
      }
    }
  }
  chmodSync(file, replaces ? replaced.mode & 0o777 : 0o600);
}

/** Gives the store, which the caller holds alone, a second name, under which it stays. Without second names `copy` keeps it. */
export async function keep(path: string, kept: string, copy: () => Promise<void>): Promise<void> {
  try {
    linkSync(path, kept);
  } catch (error) {
    if (!withoutLinks(error)) throw error;
    await copy();
  }
}

/**
 * Puts the file in the place of the store, which the caller holds alone and has kept, if it is worth keeping. At every instant the place
 * has the old store or the new one, and never a log of the old one beside the new one.
 */
export function exchange(file: string, path: string, kept: string): void {
  // Whoever holds the store alone has undone what the journal told of; it is of no use, and must not outlive the file.
  rmSync(`${path}-journal`, { force: true });
  clearPlace(path, kept);
  renameSync(file, path);
  try {
    syncFolder(dirname(path));
  } catch (error) {
    throw new KeyctlError('failed', `The store at ${path} is the restored one, but may be the one before after a power loss.`, {
      hint: 'The disk said no: check it before anything else. What was replaced is kept beside it.',
      cause: error,
    });
  }
}

/**
 * Makes an empty file where no store is, so that the place can be held like any other: who makes a store there now waits for its lock, and
 * is refused when another file has the name by then. False when somebody was faster.
 */
export function claim(path: string, kept: string): boolean {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Beside an empty file SQLite would delete the log of the lost one.
  clearPlace(path, kept);
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Logs go where the store that they belong to is kept. They have to be gone before the new file can be there, also after a power loss. */
function clearPlace(path: string, kept: string): void {
  for (const suffix of LOGS) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
  rmSync(`${path}-shm`, { force: true });
  syncFolder(dirname(path));
}

/**
 * Takes away what restores that were killed have left. Only while the store is held alone: then no other restore is at work. A replaced
 * store that is still in its place has two names, under which SQLite would take it for two.
 */
export function clearLeftovers(path: string): void {
  const folder = dirname(path);
  const store = statSync(path);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.`)) continue;
    const found = join(folder, name);
    if (name.endsWith(WORKING)) removeDatabase(found);
    else if (name.startsWith(basename(path) + KEPT) && isSame(statSync(found, { throwIfNoEntry: false }), store)) rmSync(found);
  }
}

function isSame(one: Stats | undefined, other: Stats): boolean {
  return one?.ino === other.ino && one.dev === other.dev;
}
