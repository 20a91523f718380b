import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import type { Pruned, PruneLimits } from '../../domain/store.ts';
import { dayOf, MS_PER_DAY, MS_PER_HOUR, startOfDay } from '../../domain/utc-day.ts';
import { codeOf } from './errors.ts';
import type { Sql } from './sql.ts';

interface Rule {
  readonly kind: keyof Pruned;
  readonly table: string;
  readonly where: string;
  readonly before: (limits: PruneLimits) => number;
  /** What is done to a row; it is deleted unless said. */
  readonly set?: string;
}

const RULES: readonly Rule[] = [
  { kind: 'requestIds', table: 'request_ids', where: 'expires_at <= ?', before: (limits) => limits.requestIdsExpiredBy },
  { kind: 'usage', table: 'usage_hours', where: 'hour < ?', before: (limits) => limits.hoursBefore },
  { kind: 'usage', table: 'denied_hours', where: 'hour < ?', before: (limits) => limits.hoursBefore },
  { kind: 'usage', table: 'denials', where: 'at < ?', before: (limits) => limits.hoursBefore * MS_PER_HOUR },
  { kind: 'usage', table: 'usage_days', where: 'day < ?', before: (limits) => limits.daysBefore },
  { kind: 'usage', table: 'denied_days', where: 'day < ?', before: (limits) => limits.daysBefore },
  { kind: 'usage', table: 'past_days', where: 'day < ?', before: (limits) => limits.daysBefore },
  { kind: 'usage', table: 'closed_days', where: 'day < ?', before: (limits) => limits.daysBefore },
  { kind: 'usage', table: 'cap_spending', where: 'day < ?', before: (limits) => Math.floor(limits.debitsBefore / MS_PER_DAY) },
  // What was told of, for as long as what it was about, and messages that are over.
  { kind: 'usage', table: 'told_thresholds', where: 'day < ?', before: (limits) => Math.floor(limits.debitsBefore / MS_PER_DAY) },
  { kind: 'usage', table: 'told_expiries', where: 'expires_at < ?', before: (limits) => limits.debitsBefore },
  { kind: 'usage', table: 'alerts', where: "at < ? AND status <> 'waiting'", before: (limits) => limits.hoursBefore * MS_PER_HOUR },
  // The row stays, for whoever settles to lock. Without an index by day, finding none takes a walk through all of them; being the last, it
  // is come to once only.
  {
    kind: 'usage',
    table: 'running_days',
    where: 'day < ?',
    before: (limits) => limits.daysBefore,
    set: "day = NULL, granted = 0, adjusted = 0, spent = 0, arrivals = '{}'",
  },
];

/**
 * Deletes about `limit` rows, of one table after the other; a whole day of debits goes with its table, however many they are. Those who
 * settle or read meanwhile are never waited for: what they hold is left for the next time.
 */
export async function prune(sql: Sql, limits: PruneLimits, limit: number): Promise<Pruned> {
  const pruned = { debits: await pruneDebits(sql, limits, limit), usage: 0, requestIds: 0 };
  let left = limit - pruned.debits;
  for (const { kind, table, where, before, set } of RULES) {
    if (left <= 0) return pruned;
    const act = set === undefined ? `DELETE FROM ${table}` : `UPDATE ${table} SET ${set}`;
    const some = `SELECT ctid FROM ${table} WHERE ${where} LIMIT ? FOR UPDATE SKIP LOCKED`;
    const changed = await sql.run(`${act} WHERE ctid = ANY(ARRAY(${some}))`, before(limits), left);
    pruned[kind] += changed;
    left -= changed;
  }
  return pruned;
}

export async function countPrunable(sql: Sql, limits: PruneLimits): Promise<Pruned> {
  const end = await endOfPrunable(sql, limits);
  const pruned = { debits: await sql.number('SELECT count(*) FROM debits WHERE number < ?', end), usage: 0, requestIds: 0 };
  for (const { kind, table, where, before } of RULES) {
    pruned[kind] += await sql.number(`SELECT count(*) FROM ${table} WHERE ${where}`, before(limits));
  }
  return pruned;
}

/** Debits below this number may go: only what usage has already counted; a debit's number is never before its time. */
async function endOfPrunable(sql: Sql, { debitsBefore }: PruneLimits): Promise<DebitNumber> {
  const unfolded = await sql.get<{ n: DebitNumber | null }>(
    'SELECT min(number) AS n FROM debits WHERE number > (SELECT folded_through FROM state)',
  );
  return Math.min(firstDebitNumber(debitsBefore), unfolded?.n ?? Number.MAX_SAFE_INTEGER);
}

async function pruneDebits(sql: Sql, limits: PruneLimits, limit: number): Promise<number> {
  const end = await endOfPrunable(sql, limits);
  let pruned = 0;
  for (const { name, until } of await partitions(sql)) {
    if (until > end || pruned >= limit) break;
    pruned += await dropPartition(sql, name);
  }
  // What is left is the beginning of a day of which not all may go.
  const from = firstDebitNumber(startOfDay(dayOf(end / 1_000)));
  const some = 'SELECT number FROM debits WHERE number >= ? AND number < ? ORDER BY number LIMIT ? FOR UPDATE SKIP LOCKED';
  const values = [from, end, from, end, Math.max(0, limit - pruned)];
  return pruned + (await sql.run(`DELETE FROM debits WHERE number >= ? AND number < ? AND number = ANY(ARRAY(${some}))`, ...values));
}

interface Partition {
  readonly name: string;
  /** The first number that it can not have. */
  readonly until: DebitNumber;
}

/** The tables of the days, the oldest first. */
function partitions(sql: Sql): Promise<Partition[]> {
  return sql.all<Partition>(
    `SELECT c.oid::regclass::text AS name, (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(\\D*(\\d+)'))[1]::bigint AS until
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'debits'::regclass ORDER BY 2`,
  );
}

/** Whoever comes to read or write debits meanwhile waits behind this, for no longer. */
const MOST_WAIT_MS = 50;
const LOCK_NOT_AVAILABLE = '55P03';

/** Removes a day with all its debits, and returns how many those were; leaves it where somebody is busy with debits. */
async function dropPartition(sql: Sql, name: string): Promise<number> {
  const debits = await sql.number(`SELECT count(*) FROM ${name}`);
  try {
    await sql.attempt(async () => {
      await sql.run(`SET LOCAL lock_timeout = ${String(MOST_WAIT_MS)}`);
      await sql.run('LOCK TABLE debits IN ACCESS EXCLUSIVE MODE');
      // Another node may have committed one that nobody has counted; under the lock there is none to come.
      const unfolded = `SELECT count(*) FROM ${name} WHERE number > (SELECT folded_through FROM state)`;
      if ((await sql.number(unfolded)) > 0) throw new Grown();
      await sql.run(`DROP TABLE ${name}`);
    });
    return debits;
  } catch (error) {
    if (error instanceof Grown || codeOf(error) === LOCK_NOT_AVAILABLE) return 0;
    throw error;
  }
}

/** Somebody settled with a clock of long ago. */
class Grown extends Error {}
