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

/** The same in a transaction of its own. */
export async function makePartition(connection: Connection, day: UtcDay): Promise<void> {
  await connection.ask('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', []);
  try {
    await addPartition(connection, day);
    await connection.ask('COMMIT', []);
  } catch (error) {
    if (connection.failure === null) await connection.ask('ROLLBACK', []);
    throw error;
  }
}
