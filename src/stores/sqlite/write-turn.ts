import { closeSync, existsSync, openSync, realpathSync, unlinkSync } from 'node:fs';
import { KeyctlError } from '../../domain/error.ts';
import { errorCode, type Sqlite } from './database.ts';

/** How long one try for the write lock lasts: SQLite sleeps once and looks again. */
const TRY_MS = 1;
/** How long the lock stays free for whoever asked: longer than the sleep between two tries. */
const GAP_MS = 2;

const still = new Int32Array(new SharedArrayBuffer(4));

/**
 * One connection's turn at the write lock. SQLite's lock is not fair: who waits looks again after ever longer sleeps, and a busy server
 * takes the lock again within microseconds. So who waits says so by a file beside the store, and says it again at each try; who is
 * about to begin a transaction and finds the file removes it and leaves the lock free for a moment. A file that a killed process left
 * behind costs one such moment and no more.
 */
export class WriteTurn {
  readonly #db: Sqlite;
  readonly #sign: string | null;
  readonly #busyTimeoutMs: number;
  #patient = true;

  /** `busyTimeoutMs` is the connection's own, within which a turn has to come. */
  constructor(db: Sqlite, path: string, busyTimeoutMs: number) {
    this.#db = db;
    // SQLite too keeps its files beside the one that a link leads to.
    this.#sign = path === ':memory:' ? null : `${realpathSync(path)}-waiting`;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  /**
   * Begins a transaction that holds the write lock. Throws the driver's `SQLITE_BUSY` when the turn does not come in time; with no time at
   * all that is at once, also when somebody else has asked for the next turn: that is for a caller who has another way.
   */
  begin(): void {
    if (this.#busyTimeoutMs === 0) {
      if (this.#asked()) throw new KeyctlError('store_busy', 'Another process waits for the store.');
      this.#db.exec('BEGIN IMMEDIATE');
      return;
    }
    this.#wait(false);
    this.#giveWay();
    let busy = this.#tryToBegin();
    if (busy === null) return;
    const since = performance.now();
    while (busy !== null && performance.now() - since < this.#busyTimeoutMs) {
      this.#ask();
      busy = this.#tryToBegin();
    }
    this.#take();
    if (busy !== null) throw busy;
  }

  /** Begins a transaction for reading. It waits for no writer, only, rarely, for one that puts a log in order after a crash. */
  beginReading(): void {
    this.#wait(true);
    this.#db.exec('BEGIN');
  }

  #wait(patient: boolean): void {
    if (patient === this.#patient) return;
    this.#db.pragma(`busy_timeout = ${String(patient ? this.#busyTimeoutMs : TRY_MS)}`);
    this.#patient = patient;
  }

  /** Returns null, or that somebody else has the lock. */
  #tryToBegin(): Error | null {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      return null;
    } catch (error) {
      if (!errorCode(error).startsWith('SQLITE_BUSY')) throw error;
      // The driver makes its errors in the context that loaded it first, whose Error need not be this one's.
      return error as Error;
    }
  }

  #giveWay(): void {
    if (this.#take()) Atomics.wait(still, 0, 0, GAP_MS);
  }

  #asked(): boolean {
    return this.#sign !== null && existsSync(this.#sign);
  }

  #ask(): void {
    if (this.#sign === null) return;
    try {
      closeSync(openSync(this.#sign, 'a', 0o600));
    } catch {
      // Nobody hears it then; the lock may still come free by itself.
    }
  }

  /** Takes the sign away. Returns whether there was one that could be: one that stays must not slow every transaction down. */
  #take(): boolean {
    if (this.#sign === null || !this.#asked()) return false;
    try {
      unlinkSync(this.#sign);
      return true;
    } catch {
      return false;
    }
  }
}
