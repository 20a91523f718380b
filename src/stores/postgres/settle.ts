import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import type { Request } from '../../domain/decide.ts';
import { KeyctlError } from '../../domain/error.ts';
import { preview, settle, type Preview } from '../../domain/settle.ts';
import { dayOf, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import type { Verdict } from '../../domain/verdict.ts';
import { BatchRows, touchedBy } from './batch-rows.ts';
import type { Commits } from './commits.ts';
import type { Connection } from './connection.ts';
import { lacksPartition } from './errors.ts';
import { Known } from './known.ts';
import { BOOKS_LOCK } from './locks.ts';
import { makePartition } from './partitions.ts';
import { changesSomething, writesOf, type State } from './settle-writes.ts';
import type { Sql } from './sql.ts';
import type { Answer, Statement } from './statements.ts';

/** What finds few rows by their keys would be planned anew for every batch, since that way it looks a little cheaper: planning took longer. */
const PLANNED_ONCE = "set_config('plan_cache_mode', 'force_generic_plan', true)";

/** Each statement after it sees what was committed when that statement begins. */
const BEGIN: readonly Statement[] = [
  { text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', name: 'begin' },
  { text: `SELECT pg_advisory_xact_lock_shared(${BOOKS_LOCK}), ${PLANNED_ONCE}`, name: 'share_books' },
];
/**
 * The clock is read when the rows are locked. Nobody changes the state of those who settle. It is one row, found by its key: where many
 * changes were made at once there may be a hundred pages around it.
 */
const STATE = `SELECT now, first, generation, ahead_micros, closed_through, counting_day, (SELECT max(usable_since) FROM schema_versions)
  FROM state, take_debit_numbers($1, $2) WHERE one = 1`;

/** What was looked up before a transaction may be old by then; so often it is looked up again. */
const MOST_LOOKS = 20;

/** A batch whose rows are there, to be decided at `now`. */
interface Ready {
  readonly rows: BatchRows;
  readonly state: State;
  readonly now: Instant;
  readonly nextDebit: DebitNumber;
}

/**
 * Settles batches on one connection: one way there and back for everything that is read and locked, one for everything that is written. Keys,
 * accounts and tiers are known from before as long as the store's generation stands still.
 *
 * The lock on the books comes first, in a statement of its own, so that the statements after it see whatever was written before it was had;
 * then the rows of the accounts, in the order of their refs; then the clock.
 */
export class PostgresSettling {
  readonly #connection: Connection;
  readonly #commits: Commits;
  readonly #clock: (() => Instant) | null;
  readonly #known: Known;
  /** The day of the last batch; today's, nearly always. */
  #day: UtcDay = 0;

  constructor(sql: Sql, commits: Commits, clock: (() => Instant) | null) {
    this.#connection = sql.connection;
    this.#commits = commits;
    this.#clock = clock;
    this.#known = new Known(sql);
  }

  async settle(requests: readonly Request[]): Promise<readonly Verdict[]> {
    for (let looks = 1; looks <= MOST_LOOKS; looks += 1) {
      await this.#lookUp(requests);
      const ready = await this.#begin(requests);
      if (ready === null) continue;
      const { rows, state, now, nextDebit } = ready;
      const settlement = settle(requests, rows, now, nextDebit);
      if (!changesSomething(settlement)) {
        await this.#connection.ask('ROLLBACK', []);
        return settlement.verdicts;
      }
      try {
        await this.#commits.send(writesOf(settlement, rows, state, now));
        return settlement.verdicts;
      } catch (error) {
        if (!lacksPartition(error)) throw error;
        await this.#connection.ask('ROLLBACK', []);
        // The first debit of a day for which nobody has made the table.
        await makePartition(this.#connection, dayOf(Math.floor(nextDebit / 1_000)));
        await makePartition(this.#connection, dayOf(Math.floor((nextDebit + requests.length) / 1_000)));
      }
    }
    throw new KeyctlError('store_busy', 'The store changes too quickly.', { hint: 'Somebody writes to it without a pause; try again.' });
  }

  async #lookUp(requests: readonly Request[]): Promise<void> {
    for (let missing = this.#known.missing(requests); missing !== null; missing = this.#known.missing(requests))
      await this.#known.learn(missing);
  }

  /** Null when something that was looked up has changed since. */
  async #begin(requests: readonly Request[]): Promise<Ready | null> {
    const connection = this.#connection;
    const rows = new BatchRows(this.#known, touchedBy(requests, this.#known));
    const guess = this.#day;
    const given = this.#clock === null ? null : this.#clock();
    const answers = await connection.together([
      ...BEGIN,
      ...rows.statements(guess, true),
      { text: STATE, values: [requests.length, given], name: 'state' },
    ]);
    const { now, nextDebit, usableSince, ...state } = stateIn(answers.at(-1));
    this.#commits.checkUsable(usableSince);
    if (state.generation !== this.#known.generation) {
      await connection.ask('ROLLBACK', []);
      this.#known.forget();
      return null;
    }
    this.#day = dayOf(now);
    await rows.take(answers.slice(BEGIN.length, -1), connection, guess, this.#day);
    return { rows, state, now, nextDebit };
  }

  /** Runs inside a transaction with one snapshot and writes nothing. */
  async preview(requests: readonly Request[], now: Instant): Promise<readonly Preview[]> {
    const connection = this.#connection;
    const { rows: asked } = await connection.ask('SELECT generation, (SELECT last_value FROM debit_numbers) FROM state', []);
    const [generation, last] = asked[0] as [number, DebitNumber];
    if (generation !== this.#known.generation) this.#known.forget();
    await this.#lookUp(requests);
    const rows = new BatchRows(this.#known, touchedBy(requests, this.#known));
    const day = dayOf(now);
    await rows.take(await connection.together(rows.statements(day, false)), connection, day, day);
    return preview(requests, rows, now, Math.max(last + 1, firstDebitNumber(now)));
  }
}

function stateIn(answer: Answer | undefined): State & { now: Instant; nextDebit: DebitNumber; usableSince: number } {
  const row = answer?.rows[0] as [Instant, DebitNumber, number, number, UtcDay, UtcDay, number] | undefined;
  if (row === undefined) throw new RangeError('a store without its state row');
  const [now, nextDebit, generation, aheadMicros, closedThrough, countingDay, usableSince] = row;
  return { now, nextDebit, generation, aheadMicros, closedThrough, countingDay, usableSince };
}
