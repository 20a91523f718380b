import { realpathSync, renameSync, statSync } from 'node:fs';
import { KeyctlError } from '../../domain/error.ts';

/**
 * The very files that a connection has open. SQLite goes on with a file that was removed or replaced: what is committed there is
 * gone with the process, and what other processes do at that path (a key disabled, a backup restored) is not seen.
 */
export class OpenedFiles {
  readonly #path: string;
  readonly #store: string | null;
  /** Beside the file that a link leads to. */
  readonly #logPath: string;
  /** A connection that only reads may have none. */
  readonly #log: string | null;

  /** To be made while the connection is open, and has read. */
  constructor(path: string) {
    this.#path = path;
    this.#store = identityOf(path);
    this.#logPath = `${this.#store === null ? path : realpathSync(path)}-wal`;
    this.#log = identityOf(this.#logPath);
  }

  /** Throws `failed` when other files stand there by now, or none. The connection stays: closing it is what may save its log. */
  check(): void {
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

/** Which file stands at a path; null for none. */
export function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${String(found.dev)} ${String(found.ino)}`;
}
