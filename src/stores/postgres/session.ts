import type { DebitNumber } from '../../domain/debit.ts';
import type { Request } from '../../domain/decide.ts';
import type { Preview } from '../../domain/settle.ts';
import type { Staging } from '../../domain/imports.ts';
import type { WriteTransaction } from '../../domain/store.ts';
import { dayOf, type Instant } from '../../domain/utc-day.ts';
import type { Verdict } from '../../domain/verdict.ts';
import { Commits } from './commits.ts';
import type { Connection } from './connection.ts';
import { codeOf } from './errors.ts';
import { Horizon } from './horizon.ts';
import { BESIDE_LOCK, BOOKS_LOCK } from './locks.ts';
import { MOVED_PLACE } from './moved.ts';
import { PartitionsAhead } from './partitions.ts';
import { PostgresSettling } from './settle.ts';
import { Sql } from './sql.ts';
import type { Answer } from './statements.ts';
import { PostgresTransaction } from './transaction.ts';

/**
 * `reading` sees one snapshot; `writing` is alone; `beside` writes what no settle reads, together with those who settle. A snapshot of
 * READ COMMITTED is taken by each statement, so that whatever comes after a lock sees what was committed before it was had.
 */
export type TransactionKind = 'reading' | 'writing' | 'beside';

const BEGIN: Record<TransactionKind, readonly string[]> = {
  reading: ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'],
  writing: ['BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', `SELECT pg_advisory_xact_lock(${BOOKS_LOCK})`],
  beside: [
    'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
    `SELECT pg_advisory_xact_lock(${BESIDE_LOCK})`,
    `SELECT pg_advisory_xact_lock_shared(${BOOKS_LOCK})`,
  ],
};

const NOW = `SELECT coalesce($1::bigint, clock_ms()), (SELECT max(usable_since) FROM schema_versions), ${MOVED_PLACE}`;

/** The server refuses to write. */
const READ_ONLY = '25006';

/** What is done over one connection, from its transactions' beginnings to their ends. */
export class Session {
  readonly #connection: Connection;
  readonly #clock: (() => Instant) | null;
  readonly #horizon = new Horizon();
  readonly #transaction: PostgresTransaction;
  readonly #settling: PostgresSettling;
  readonly #commits: Commits;
  readonly #partitions: PartitionsAhead;

  constructor(connection: Connection, place: string, clock: (() => Instant) | null, staging: Staging) {
    this.#connection = connection;
    this.#clock = clock;
    this.#commits = new Commits(connection, place);
    this.#partitions = new PartitionsAhead(connection);
    const sql = new Sql(connection);
    this.#transaction = new PostgresTransaction(sql, this.#horizon, staging);
    this.#settling = new PostgresSettling(sql, this.#commits, clock);
  }

  /** The connection is of no use any more. */
  get lost(): boolean {
    return this.#connection.failure !== null;
  }

  /** The last transaction's end was asked for, and nobody knows whether it came. */
  get mayHaveCommitted(): boolean {
    return this.#commits.pending;
  }

  async transact<Result>(
    kind: TransactionKind,
    horizon: DebitNumber | null,
    act: (tx: WriteTransaction, now: Instant) => Promise<Result>,
  ): Promise<Result> {
    return this.#orAbandon(async () => {
      const now = await this.#begin(kind);
      this.#horizon.begin(kind === 'writing' ? await this.#lastNumber() : horizon);
      const result = await act(this.#transaction, now);
      await this.#commits.send([]);
      if (kind !== 'reading') await this.#partitions.look(dayOf(now));
      return result;
    });
  }

  async #begin(kind: TransactionKind): Promise<Instant> {
    const connection = this.#connection;
    const given = this.#clock === null ? null : this.#clock();
    const answers = await connection.together([...BEGIN[kind].map((text) => ({ text })), { text: NOW, values: [given], name: 'now' }]);
    const [now, usableSince, movedTo] = answers.at(-1)?.rows[0] ?? [];
    this.#commits.checkUsable(Number(usableSince), movedTo as string | null);
    return Number(now);
  }

  settle(requests: readonly Request[]): Promise<readonly Verdict[]> {
    return this.#orAbandon(() => this.#settling.settle(requests));
  }

  async preview(requests: readonly Request[], at?: Instant): Promise<readonly Preview[]> {
    return this.transact('reading', null, (_, now) => this.#settling.preview(requests, at ?? now));
  }

  /** Through which number every debit is there or never will be; waits for those who are settling. */
  async settledThrough(): Promise<DebitNumber> {
    return numberIn(await this.#connection.ask('SELECT settled_through()', []));
  }

  /** Where nobody settles, that is the last number that was given. */
  async #lastNumber(): Promise<DebitNumber> {
    return numberIn(await this.#connection.ask('SELECT last_value FROM debit_numbers', []));
  }

  async #orAbandon<Result>(act: () => Promise<Result>): Promise<Result> {
    this.#commits.begin();
    try {
      return await act();
    } catch (error) {
      await this.#abandon(error);
      throw error;
    }
  }

  /** Leaves nothing open, or the connection. */
  async #abandon(error: unknown): Promise<void> {
    // A server that takes no writes any more is none to stay with.
    if (codeOf(error) === READ_ONLY) this.#connection.cut();
    if (this.lost || !this.#connection.inTransaction) return;
    try {
      await this.#connection.ask('ROLLBACK', []);
    } catch {
      // The failure that led here is the one to tell.
      this.#connection.cut();
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function numberIn({ rows }: Answer): number {
  return Number(rows[0]?.[0] ?? 0);
}
