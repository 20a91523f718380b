import type { Balance } from '../../domain/credits.ts';
import type { Ref } from '../../domain/entities.ts';
import type { AccountBooks, ClosedDay, DaySums, Page, RefRange, UsedBooks } from '../../domain/store.ts';
import { HOURS_PER_DAY, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { TIER_ON_DAY } from './accounts.ts';
import { rolledUp } from './daily-usage.ts';
import type { Sql } from './sql.ts';

const BALANCE = 'day, granted, adjusted, spent';
/** Every stored book, from the hot rows and the archive; a (account, day) is in exactly one of them. */
const BOOKS = `(SELECT account_ref, ${BALANCE} FROM running_days UNION ALL SELECT account_ref, ${BALANCE} FROM past_days)`;
/** Both branches are bounded by refs, along the keys of the tables. */
const BOOKS_IN_RANGE = `(
  SELECT account_ref, ${BALANCE} FROM running_days WHERE day = ? AND account_ref > ? AND account_ref <= ?
  UNION ALL SELECT account_ref, ${BALANCE} FROM past_days WHERE day = ? AND account_ref > ? AND account_ref <= ?)`;
const SUMS =
  'count(*) AS accounts, coalesce(sum(granted), 0) AS granted, coalesce(sum(adjusted), 0) AS adjusted, coalesce(sum(spent), 0) AS spent';

/** `counted_through` of a day whose every account is counted: no account has a higher ref. */
const ALL_COUNTED = '9007199254740991';

/** The days before the store was made count as closed, though nobody closed them: a clock that steps back can spend on them all the same. */
export const OPEN_SUMS = `INSERT INTO closed_days SELECT $1::bigint, (SELECT min(applied_at) FROM schema_versions), 0, 0, 0, 0, ${ALL_COUNTED}
  FROM state WHERE closed_through >= $1::bigint ON CONFLICT (day) DO NOTHING`;
/** What a change of stored books adds to the sums that they are counted in: of a closed day, or of one that is being closed. */
export const CORRECT_SUMS = `UPDATE closed_days SET accounts = accounts + $1, granted = granted + $2, adjusted = adjusted + $3, spent = spent + $4
  WHERE day = $5 AND counted_through >= $6`;

export function sumsCorrection(day: UtcDay, accountRef: Ref, before: Balance | null, after: Balance): readonly number[] {
  return [
    before === null ? 1 : 0,
    after.granted - (before?.granted ?? 0),
    after.adjusted - (before?.adjusted ?? 0),
    after.spent - (before?.spent ?? 0),
    ...[day, accountRef],
  ];
}

export async function correctSums(sql: Sql, day: UtcDay, accountRef: Ref, before: Balance | null, after: Balance): Promise<void> {
  await sql.connection.ask(OPEN_SUMS, [day]);
  await sql.connection.ask(CORRECT_SUMS, sumsCorrection(day, accountRef, before, after));
}

/** What the usage says; each account's rows lie together, by the hour. */
const USED = `coalesce(CASE WHEN ${rolledUp('b.day', 'b.account_ref')}
  THEN (SELECT sum(credits) FROM usage_days u WHERE u.account_ref = b.account_ref AND u.day = b.day)
  ELSE (SELECT sum(credits) FROM usage_hours u WHERE u.account_ref = b.account_ref
    AND u.hour >= b.day * ${String(HOURS_PER_DAY)} AND u.hour < (b.day + 1) * ${String(HOURS_PER_DAY)}) END, 0) AS used`;

interface UsedRow extends Balance {
  readonly accountRef: Ref;
  readonly used: number;
}

function usedBooks({ accountRef, used, ...balance }: UsedRow): UsedBooks {
  return { accountRef, balance, used };
}

export async function booksOf(sql: Sql, day: UtcDay, page: Page): Promise<UsedBooks[]> {
  const rows = await sql.all<UsedRow>(
    `SELECT account_ref, ${BALANCE}, ${USED} FROM ${BOOKS} b WHERE day = ? AND account_ref > ? ORDER BY account_ref LIMIT ?`,
    ...[day, page.after, page.limit],
  );
  return rows.map(usedBooks);
}

export async function booksIn(sql: Sql, day: UtcDay, refs: RefRange): Promise<UsedBooks[]> {
  const rows = await sql.all<UsedRow>(
    `SELECT account_ref, ${BALANCE}, ${USED} FROM ${BOOKS_IN_RANGE} b ORDER BY account_ref`,
    ...[day, refs.after, refs.through, day, refs.after, refs.through],
  );
  return rows.map(usedBooks);
}

export async function sumsOf(sql: Sql, day: UtcDay): Promise<DaySums> {
  const sums = await sql.get<DaySums>(`SELECT ${SUMS} FROM ${BOOKS} b WHERE day = ?`, day);
  return sums ?? { accounts: 0, granted: 0, adjusted: 0, spent: 0 };
}

export async function storedDays(sql: Sql, from: UtcDay): Promise<UtcDay[]> {
  const rows = await sql.all<{ day: UtcDay }>(`SELECT DISTINCT day FROM ${BOOKS} b WHERE day >= ? ORDER BY day`, from);
  return rows.map((row) => row.day);
}

export async function busiest(sql: Sql, day: UtcDay, limit: number, by: 'spent' | 'share'): Promise<AccountBooks[]> {
  const order = by === 'spent' ? 'spent' : 'spent::double precision / (granted + adjusted)';
  const rows = await sql.all<Balance & { accountRef: Ref }>(
    `SELECT account_ref, ${BALANCE} FROM ${BOOKS} b WHERE day = ? AND spent > 0 ORDER BY ${order} DESC, account_ref LIMIT ?`,
    ...[day, limit],
  );
  return rows.map(({ accountRef, ...balance }) => ({ accountRef, balance }));
}

export async function countOpenedByTier(sql: Sql, day: UtcDay): Promise<Map<string, number>> {
  const rows = await sql.all<{ tier: string; n: number }>(
    `SELECT ${TIER_ON_DAY} AS tier, count(*) AS n FROM ${BOOKS} b JOIN accounts ON accounts.ref = b.account_ref
     WHERE b.day = ? AND accounts.created_at < (b.day + 1) * 86400000 GROUP BY 1`,
    ...[day, day],
  );
  return new Map(rows.map((row) => [row.tier, row.n]));
}

export async function adjustedIdle(sql: Sql, from: UtcDay, until: UtcDay): Promise<{ accountRef: Ref; day: UtcDay }[]> {
  return sql.all(
    `SELECT DISTINCT day, account_ref FROM adjustments a WHERE day >= ? AND day < ?
       AND NOT EXISTS (SELECT 1 FROM running_days r WHERE r.account_ref = a.account_ref AND r.day = a.day)
       AND NOT EXISTS (SELECT 1 FROM past_days p WHERE p.account_ref = a.account_ref AND p.day = a.day) ORDER BY day, account_ref`,
    ...[from, until],
  );
}

export async function closedDays(sql: Sql, from: UtcDay): Promise<ClosedDay[]> {
  const columns = 'day, closed_at, accounts, granted, adjusted, spent';
  return sql.all<ClosedDay>(`SELECT ${columns} FROM closed_days WHERE day >= ? AND counted_through = ${ALL_COUNTED} ORDER BY day`, from);
}

export async function countedThrough(sql: Sql, day: UtcDay): Promise<Ref> {
  return sql.number('SELECT counted_through FROM closed_days WHERE day = ?', day);
}

export async function countBooks(sql: Sql, day: UtcDay, refs: RefRange): Promise<void> {
  await rollUp(sql, day, refs);
  await sql.run('INSERT INTO closed_days VALUES (?, 0, 0, 0, 0, 0, 0) ON CONFLICT (day) DO NOTHING', day);
  const counted = await sql.run(
    `UPDATE closed_days c SET accounts = c.accounts + b.accounts, granted = c.granted + b.granted,
       adjusted = c.adjusted + b.adjusted, spent = c.spent + b.spent, counted_through = ?
     FROM (SELECT ${SUMS} FROM ${BOOKS_IN_RANGE} books) b WHERE c.day = ? AND c.counted_through = ?`,
    ...[refs.through, day, refs.after, refs.through, day, refs.after, refs.through, day, refs.after],
  );
  if (counted !== 1) throw new RangeError('books are counted in the order of their accounts, each once');
  await sql.run('UPDATE state SET counting_day = ?', day);
}

/** Sums up the hours of a day's accounts, once for each of them. */
async function rollUp(sql: Sql, day: UtcDay, { after, through }: RefRange): Promise<void> {
  const hours = [after, through, day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY];
  const from = 'FROM usage_hours WHERE account_ref > ? AND account_ref <= ? AND hour >= ? AND hour < ?';
  await sql.run(
    `INSERT INTO usage_days (account_ref, day, key_ref, service_ref, requests, credits)
     SELECT account_ref, ?, key_ref, service_ref, sum(requests), sum(credits) ${from} GROUP BY account_ref, key_ref, service_ref`,
    ...[day, ...hours],
  );
  await sql.run(
    `INSERT INTO key_activity AS t SELECT key_ref, max(last_at) ${from} AND key_ref <> 0 GROUP BY key_ref HAVING max(last_at) > 0
     ON CONFLICT (key_ref) DO UPDATE SET last_used_at = greatest(t.last_used_at, excluded.last_used_at)`,
    ...hours,
  );
}

export async function closeDay(sql: Sql, day: UtcDay, at: Instant): Promise<void> {
  await sql.run(
    `INSERT INTO closed_days AS c VALUES (?, ?, 0, 0, 0, 0, ${ALL_COUNTED}) ON CONFLICT (day) DO UPDATE
     SET closed_at = excluded.closed_at, counted_through = excluded.counted_through WHERE c.counted_through < excluded.counted_through`,
    ...[day, at],
  );
  await sql.run(
    'UPDATE state SET closed_through = greatest(closed_through, ?), counting_day = CASE counting_day WHEN ? THEN 0 ELSE counting_day END',
    ...[day, day],
  );
}
