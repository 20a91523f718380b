import {
  BUILT_IN_ENVIRONMENTS,
  BUILT_IN_SERVICES,
  BUILT_IN_TIERS,
  DEFAULT_ACCOUNT,
  DEFAULT_KEY_PREFIX,
  DEFAULT_TIER,
} from '../../domain/defaults.ts';
import { newId, type RandomBytes } from '../../domain/random.ts';
import { dayOf, type Instant } from '../../domain/utc-day.ts';
import type { Connection } from './connection.ts';
import { SCHEMA_LOCK } from './locks.ts';
import { addPartition } from './partitions.ts';
import { MIGRATIONS, SCHEMA, type Migration } from './schema.ts';
import { Sql } from './sql.ts';

/** Debits find the tables of so many days ready. */
const DAYS_AHEAD = 2;

/**
 * Makes keyctl's schema in a database that has none, and fills in what every store begins with, in one transaction. Two processes that do it
 * at once are safe: the second waits, and finds the first one's work. Returns whether it was made.
 */
export async function createSchema(connection: Connection, given: Instant | null, randomBytes: RandomBytes): Promise<boolean> {
  if (await isThere(connection)) return false;
  await connection.ask('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', []);
  try {
    await connection.ask(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`, []);
    const made = !(await isThere(connection));
    if (made) await make(connection, given, randomBytes);
    await connection.ask('COMMIT', []);
    return made;
  } catch (error) {
    if (connection.failure === null) await connection.ask('ROLLBACK', []);
    throw error;
  }
}

async function isThere(connection: Connection): Promise<boolean> {
  const { rows } = await connection.ask('SELECT to_regclass($1)::text', [`${SCHEMA}.schema_versions`]);
  return rows[0]?.[0] != null;
}

async function make(connection: Connection, given: Instant | null, randomBytes: RandomBytes): Promise<void> {
  const sql = new Sql(connection);
  const now = given ?? (await sql.number('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint'));
  await connection.script(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
  for (const migration of MIGRATIONS) await applyMigration(sql, migration, now);
  for (let day = dayOf(now); day <= dayOf(now) + DAYS_AHEAD; day += 1) await addPartition(connection, day);
  await fill(sql, now, randomBytes);
}

export async function applyMigration(sql: Sql, { version, usableSince, sql: text }: Migration, now: Instant): Promise<void> {
  await sql.connection.script(text);
  await sql.run('INSERT INTO schema_versions VALUES (?, ?, ?)', version, usableSince, now);
}

async function fill(sql: Sql, now: Instant, randomBytes: RandomBytes): Promise<void> {
  await sql.run('INSERT INTO state VALUES (1, 0, 0, 0, ?, 0)', dayOf(now) - 1);
  await sql.run('INSERT INTO key_prefixes VALUES (?, ?, 1)', DEFAULT_KEY_PREFIX, now);
  for (const { name, code } of BUILT_IN_ENVIRONMENTS) await sql.run('INSERT INTO environments VALUES (?, ?)', name, code);
  for (const { name, cost, environment } of BUILT_IN_SERVICES) {
    await sql.run('INSERT INTO services (name, cost, environment) VALUES (?, ?, ?)', name, cost, environment);
  }
  for (const { name, dailyCredits, requestsPerSecond } of BUILT_IN_TIERS) {
    await sql.run('INSERT INTO tiers (name) VALUES (?)', name);
    await sql.run('INSERT INTO tier_credits VALUES (?, 0, ?)', name, dailyCredits);
    await sql.run("INSERT INTO tier_limits VALUES (?, '*', ?, ?)", name, requestsPerSecond, requestsPerSecond);
  }
  const account = await sql.number(
    'INSERT INTO accounts (id, name, created_at) VALUES (?, ?, ?) RETURNING ref',
    ...[newId('acct', randomBytes), DEFAULT_ACCOUNT, now],
  );
  await sql.run('INSERT INTO account_tiers VALUES (?, 0, ?, ?)', account, DEFAULT_TIER, now);
}
