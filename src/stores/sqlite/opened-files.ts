import { lstatSync, realpathSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { KeyctlError } from '../../domain/error.ts';

/** For how long after a change in the folder the files are looked at themselves: there are file systems that tell times in steps of two seconds. */
const UNSURE_MS = 2_500;

/**
 * The very files that a connection has open. SQLite goes on with a file that was removed or replaced: what is committed there is
 * gone with the process, and what other processes do at that path (a key disabled, a backup restored) is not seen.
 *
 * No file can be removed, replaced or renamed without a new time of change on its folder (POSIX, rename and unlink), which is what is asked
 * for with every batch. The log's own is not: since Linux 6.13 a file whose time was asked for gets another with its next write
 * (https://docs.kernel.org/filesystems/multigrain-ts.html), which the commit then has to put on disk as well.
 */
export class OpenedFiles {
  readonly #path: string;
  readonly #store: string | null;
  /** Beside the file that a link leads to. */
  readonly #logPath: string;
  /** A connection that only reads may have none. */
  readonly #log: string | null;
  readonly #stopwatch: () => number;
  /** Null where the folder does not tell: what is replaced may be what a link leads to. */
  readonly #folder: string | null;
  /** The folder as it was when the files were last looked at and found in their places; null for never. */
  #found: string | null = null;
  #sureFrom = 0;

  /** To be made while the connection is open, and has read. `stopwatch` tells milliseconds that only ever grow. */
  constructor(path: string, stopwatch: () => number = () => performance.now()) {
    this.#path = path;
    this.#stopwatch = stopwatch;
    this.#folder = lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? dirname(path) : null;
    this.#store = identityOf(path);
    this.#logPath = `${this.#store === null ? path : realpathSync(path)}-wal`;
    this.#log = identityOf(this.#logPath);
  }

  /** Throws `failed` when other files stand there by now, or none. The connection stays: closing it is what may save its log. */
  check(): void {
    // Before the files, so that what happens to them meanwhile is seen the next time.
    const folder = this.#folder === null ? null : changeOf(this.#folder);
    const now = this.#stopwatch();
    if (folder !== null && folder === this.#found && now >= this.#sureFrom) return;
    if (folder !== this.#found) this.#sureFrom = now + UNSURE_MS;
    this.#found = null;
    this.#checkFiles();
    this.#found = folder;
  }

  #checkFiles(): void {
    const log = this.#log === null ? null : identityOf(this.#logPath);
    if (identityOf(this.#path) === this.#store && log === this.#log) return;
    throw new KeyctlError('failed', `The files of the store at ${this.#path} were removed or replaced while it was open.`, {
      hint: 'Stop every keyctl, look at what stands at that path, and start again.',
    });
  }

  /**
   * To be called when the connection is closed. Where another store has been put in the place of the one that was open, its log is still
   * beside the path, since SQLite leaves it to the file that it belongs to; whoever opened the new one would lay it over that. It is kept
   * under a name of its own.
   */
  leave(): void {
    const store = identityOf(this.#path);
    if (this.#log === null || store === null || store === this.#store || identityOf(this.#logPath) !== this.#log) return;
    renameSync(this.#logPath, `${this.#logPath}.of-replaced-${this.#log.replace(' ', '-')}`);
  }
}

/** Which folder stands at a path, and when one of its entries changed last; null for none. */
function changeOf(folder: string): string | null {
  const found = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : `${String(found.dev)} ${String(found.ino)} ${String(found.mtimeNs)}`;
}

/** Which file stands at a path; null for none. */
export function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${String(found.dev)} ${String(found.ino)}`;
}
