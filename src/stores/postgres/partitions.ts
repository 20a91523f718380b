import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import { dayOf, formatDay, startOfDay, type UtcDay } from '../../domain/utc-day.ts';
import type { Connection } from './connection.ts';
import { SCHEMA_LOCK } from './locks.ts';

const MICROS_PER_MS = 1_000;

/** The table that has the debits whose numbers are of one day. */
function partitionOf(day: UtcDay): string {
  return `debits_${formatDay(day).replaceAll('-', '_')}`;
}

/** The day in whose table a debit of that number is. */
export function dayOfNumber(number: DebitNumber): UtcDay {
  return dayOf(Math.floor(number / MICROS_PER_MS));
}

/**
 * Makes the table for the debits of a day if there is none, in the transaction that is open. It is made beside the others and then joined
 * to them: made as one of them at once it would wait for everybody who reads debits, and everybody who settles for it.
 */
export async function addPartition(connection: Connection, day: UtcDay): Promise<void> {
  const name = partitionOf(day);
  await connection.ask(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`, []);
  const { rows } = await connection.ask('SELECT to_regclass($1)::text', [name]);
  if (rows[0]?.[0] != null) return;
  const [from, to] = [firstDebitNumber(startOfDay(day)), firstDebitNumber(startOfDay(day + 1))];
  await connection.ask(`CREATE TABLE ${name} (LIKE debits INCLUDING ALL)`, []);
  await connection.ask(`ALTER TABLE debits ATTACH PARTITION ${name} FOR VALUES FROM (${String(from)}) TO (${String(to)})`, []);
}

/** The same in a transaction of its own; nothing is waited for longer than `mostWaitMs`, if that is given. */
export async function makePartition(connection: Connection, day: UtcDay, mostWaitMs: number | null = null): Promise<void> {
  await connection.ask('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', []);
  try {
    if (mostWaitMs !== null) await connection.ask(`SET LOCAL lock_timeout = ${String(mostWaitMs)}`, []);
    await addPartition(connection, day);
    await connection.ask('COMMIT', []);
  } catch (error) {
    if (connection.failure === null) await connection.ask('ROLLBACK', []);
    throw error;
  }
}

/** Whoever stands behind this, such as the pruning of a day, is not kept for longer. */
const MOST_WAIT_MS = 50;

/**
 * Has the tables of today and tomorrow there before a debit needs them, so that no batch fails at midnight and begins anew. Whoever
 * writes something else looks after each transaction, at the server once a day.
 */
export class PartitionsAhead {
  readonly #connection: Connection;
  #lookedOn: UtcDay | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Never throws: what was written before is kept, and whoever settles makes what is missing still. */
  async look(today: UtcDay): Promise<void> {
    if (this.#lookedOn === today) return;
    const days = [today, today + 1];
    try {
      const { rows } = await this.#connection.ask('SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL', days.map(partitionOf));
      for (const [place, day] of days.entries()) {
        if (rows[0]?.[place] !== true) await makePartition(this.#connection, day, MOST_WAIT_MS);
      }
      this.#lookedOn = today;
    } catch {
      // Somebody holds the debits for himself: the next transaction looks again.
    }
  }
}
