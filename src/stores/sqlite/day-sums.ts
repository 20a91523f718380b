import type { Balance } from '../../domain/credits.ts';
import type { Ref } from '../../domain/entities.ts';
import type { AccountBooks, ClosedDay, DaySums, Page, RefRange, UsedBooks } from '../../domain/store.ts';
import { HOURS_PER_DAY, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { TIER_ON_DAY } from './accounts.ts';
import { rolledUp, rollUp } from './daily-usage.ts';
import type { Sql } from './sql.ts';

const BALANCE = 'day, granted, adjusted, spent';
/** Every stored book, from the hot rows (the view of `CurrentDays`, which has to be ready) and the archive; a (account, day) is in exactly one of them. */
const BOOKS = `(SELECT account_ref, ${BALANCE} FROM current_days UNION ALL SELECT account_ref, ${BALANCE} FROM past_days)`;
/** Both branches are bounded by refs: without the upper bound, looking for the next book in the hot rows may walk through all of them. */
const BOOKS_IN_RANGE = `(
  SELECT account_ref, ${BALANCE} FROM current_days WHERE day = ? AND account_ref > ? AND account_ref <= ?
  UNION ALL SELECT account_ref, ${BALANCE} FROM past_days WHERE day = ? AND account_ref > ? AND account_ref <= ?)`;
const SUMS =
  'count(*) AS accounts, ifnull(sum(granted), 0) AS granted, ifnull(sum(adjusted), 0) AS adjusted, ifnull(sum(spent), 0) AS spent';

const HOURS = Array.from({ length: HOURS_PER_DAY }, (_, hour) => hour);

/** `counted_through` of a day whose every account is counted: no account has a higher ref. */
const ALL_COUNTED = '9007199254740991';

/** What a change of stored books adds to the sums that they are counted in: of a closed day, or of one that is being closed. */
export function correctSums(sql: Sql, day: UtcDay, accountRef: Ref, before: Balance | null, after: Balance): void {
  // The days before the store was made count as closed, though nobody closed them: a clock that steps back can spend on them all the same.
  sql.run(
    `INSERT OR IGNORE INTO closed_days SELECT ?, (SELECT min(applied_at) FROM schema_versions), 0, 0, 0, 0, ${ALL_COUNTED}
     FROM state WHERE closed_through >= ?`,
    ...[day, day],
  );
  sql.run(
    `UPDATE closed_days SET accounts = accounts + ?, granted = granted + ?, adjusted = adjusted + ?, spent = spent + ?
     WHERE day = ? AND counted_through >= ?`,
    before === null ? 1 : 0,
    after.granted - (before?.granted ?? 0),
    after.adjusted - (before?.adjusted ?? 0),
    after.spent - (before?.spent ?? 0),
    ...[day, accountRef],
  );
}

/** What the usage says; the hours of a day that is not rolled up are found one by one, as they lie. */
const USED = `ifnull(CASE WHEN ${rolledUp('b.day', 'b.account_ref')}
  THEN (SELECT sum(credits) FROM usage_days u WHERE u.day = b.day AND u.account_ref = b.account_ref)
  ELSE (SELECT sum(credits) FROM json_each('${JSON.stringify(HOURS)}') CROSS JOIN usage_hours u
    WHERE u.hour = value + b.day * ${String(HOURS_PER_DAY)} AND u.account_ref = b.account_ref) END, 0) AS used`;

export function booksOf(sql: Sql, day: UtcDay, page: Page): UsedBooks[] {
  const rows = sql.all<UsedRow>(
    `SELECT account_ref AS accountRef, ${BALANCE}, ${USED} FROM ${BOOKS} b WHERE day = ? AND account_ref > ? ORDER BY account_ref LIMIT ?`,
    ...[day, page.after, page.limit],
  );
  return rows.map(usedBooks);
}

export function booksIn(sql: Sql, day: UtcDay, refs: RefRange): UsedBooks[] {
  const rows = sql.all<UsedRow>(
    `SELECT account_ref AS accountRef, ${BALANCE}, ${USED} FROM ${BOOKS_IN_RANGE} b ORDER BY account_ref`,
    ...[day, refs.after, refs.through, day, refs.after, refs.through],
  );
  return rows.map(usedBooks);
}

interface UsedRow extends Balance {
  readonly accountRef: Ref;
  readonly used: number;
}

function usedBooks({ accountRef, used, ...balance }: UsedRow): UsedBooks {
  return { accountRef, balance, used };
}

export function sumsOf(sql: Sql, day: UtcDay): DaySums {
  const sums = sql.get<DaySums>(`SELECT ${SUMS} FROM ${BOOKS} WHERE day = ?`, day);
  return sums ?? { accounts: 0, granted: 0, adjusted: 0, spent: 0 };
}

export function storedDays(sql: Sql, from: UtcDay): UtcDay[] {
  const rows = sql.all<{ day: UtcDay }>(`SELECT DISTINCT day FROM ${BOOKS} WHERE day >= ? ORDER BY day`, from);
  return rows.map((row) => row.day);
}

export function busiest(sql: Sql, day: UtcDay, limit: number, by: 'spent' | 'share'): AccountBooks[] {
  const order = by === 'spent' ? 'spent' : '1.0 * spent / (granted + adjusted)';
  const rows = sql.all<Balance & { accountRef: Ref }>(
    `SELECT account_ref AS accountRef, ${BALANCE} FROM ${BOOKS} WHERE day = ? AND spent > 0 ORDER BY ${order} DESC, account_ref LIMIT ?`,
    ...[day, limit],
  );
  return rows.map(({ accountRef, ...balance }) => ({ accountRef, balance }));
}

export function countOpenedByTier(sql: Sql, day: UtcDay): Map<string, number> {
  const rows = sql.all<{ tier: string; n: number }>(
    `SELECT ${TIER_ON_DAY} AS tier, count(*) AS n FROM ${BOOKS} b JOIN accounts ON accounts.ref = b.account_ref
     WHERE b.day = ? AND accounts.created_at < (b.day + 1) * 86400000 GROUP BY 1`,
    ...[day, day],
  );
  return new Map(rows.map((row) => [row.tier, row.n]));
}

export function adjustedIdle(sql: Sql, from: UtcDay, until: UtcDay): { accountRef: Ref; day: UtcDay }[] {
  return sql.all(
    `SELECT DISTINCT day, account_ref AS accountRef FROM adjustments a WHERE day >= ? AND day < ?
       AND NOT EXISTS (SELECT 1 FROM current_days r WHERE r.account_ref = a.account_ref AND r.day = a.day)
       AND NOT EXISTS (SELECT 1 FROM past_days p WHERE p.day = a.day AND p.account_ref = a.account_ref) ORDER BY day, account_ref`,
    ...[from, until],
  );
}

export function closedDays(sql: Sql, from: UtcDay): ClosedDay[] {
  const columns = 'day, closed_at AS closedAt, accounts, granted, adjusted, spent';
  return sql.all<ClosedDay>(`SELECT ${columns} FROM closed_days WHERE day >= ? AND counted_through = ${ALL_COUNTED} ORDER BY day`, from);
}

export function countedThrough(sql: Sql, day: UtcDay): Ref {
  return sql.number('SELECT counted_through AS n FROM closed_days WHERE day = ?', day);
}

export function countBooks(sql: Sql, day: UtcDay, refs: RefRange): void {
  rollUp(sql, day, refs);
  sql.run('INSERT INTO closed_days VALUES (?, 0, 0, 0, 0, 0, 0) ON CONFLICT (day) DO NOTHING', day);
  const counted = sql.run(
    `UPDATE closed_days SET accounts = closed_days.accounts + b.accounts, granted = closed_days.granted + b.granted,
       adjusted = closed_days.adjusted + b.adjusted, spent = closed_days.spent + b.spent, counted_through = ?
     FROM (SELECT ${SUMS} FROM ${BOOKS_IN_RANGE}) b WHERE day = ? AND counted_through = ?`,
    ...[refs.through, day, refs.after, refs.through, day, refs.after, refs.through, day, refs.after],
  );
  if (counted !== 1) throw new RangeError('books are counted in the order of their accounts, each once');
  sql.run('UPDATE state SET counting_day = ?', day);
}

export function closeDay(sql: Sql, day: UtcDay, at: Instant): void {
  sql.run(
    `INSERT INTO closed_days VALUES (?, ?, 0, 0, 0, 0, ${ALL_COUNTED}) ON CONFLICT (day) DO UPDATE
     SET closed_at = excluded.closed_at, counted_through = excluded.counted_through WHERE counted_through < excluded.counted_through`,
    ...[day, at],
  );
  sql.run(
    'UPDATE state SET closed_through = max(closed_through, ?), counting_day = CASE counting_day WHEN ? THEN 0 ELSE counting_day END',
    ...[day, day],
  );
}
