import type { Ref } from '../../domain/entities.ts';
import type { RefRange } from '../../domain/store.ts';
import { HOURS_PER_DAY, type UtcDay } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

// The hours of a day become its rows in usage_days when the account's books of that day are counted for its closing. Until then a debit
// touches one row of usage; whoever asks for days adds the hours.

const CLOSED_THROUGH = '(SELECT closed_through FROM state)';
const COUNTING = 'SELECT day, counted_through FROM closed_days WHERE day = (SELECT counting_day FROM state)';

/** Whether the usage of an account's day is in usage_days, as a condition on two expressions. */
export function rolledUp(day: string, accountRef: string): string {
  return `(${day} <= ${CLOSED_THROUGH} OR EXISTS (SELECT 1 FROM (${COUNTING}) c WHERE ${day} = c.day AND ${accountRef} <= c.counted_through))`;
}

/**
 * Hours of usage that are in no row of usage_days yet, as a table. Bounded from below by its index; what is asked of each row is compared with
 * what was read once, since there may be millions of them.
 */
export const NOT_ROLLED_UP = `(SELECT h.* FROM usage_hours h WHERE h.hour >= ${String(HOURS_PER_DAY)} * (${CLOSED_THROUGH} + 1)
  AND (h.hour / ${String(HOURS_PER_DAY)} <> (SELECT counting_day FROM state)
    OR h.account_ref > ifnull((SELECT counted_through FROM (${COUNTING})), 0)))`;

/** The hours of days that are not closed in which anything was used, for a recursive table `hours (hour)`: each is found by itself. */
export const OPEN_HOURS = `SELECT min(hour) FROM usage_hours WHERE hour >= ${String(HOURS_PER_DAY)} * (${CLOSED_THROUGH} + 1)
  UNION ALL SELECT (SELECT min(hour) FROM usage_hours u WHERE u.hour > hours.hour) FROM hours WHERE hours.hour IS NOT NULL`;

/** The same for whoever is about to change hours: the day has to be changed as well where it is rolled up. */
export function rolledUpNow(sql: Sql): (day: UtcDay, accountRef: Ref) => boolean {
  const closedThrough = sql.number(`SELECT ${CLOSED_THROUGH} AS n`);
  const counting = sql.row<[UtcDay, Ref]>(COUNTING);
  return (day, accountRef) => day <= closedThrough || (counting !== undefined && day === counting[0] && accountRef <= counting[1]);
}

/** Sums up the hours of a day's accounts, once for each of them. */
export function rollUp(sql: Sql, day: UtcDay, { after, through }: RefRange): void {
  const hours = [day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY];
  // Hour by hour and from account to account, as the rows lie.
  const some = 'WITH RECURSIVE hours (hour) AS (SELECT ? UNION ALL SELECT hour + 1 FROM hours WHERE hour + 1 < ?)';
  const from = 'FROM hours CROSS JOIN usage_hours h WHERE h.hour = hours.hour AND h.account_ref > ? AND h.account_ref <= ?';
  sql.run(
    `INSERT INTO usage_days ${some} SELECT ?, account_ref, key_ref, service_ref, sum(requests), sum(credits) ${from} GROUP BY 2, 3, 4`,
    ...[...hours, day, after, through],
  );
  sql.run(
    `INSERT INTO key_activity ${some} SELECT key_ref, max(last_at) AS at ${from} AND key_ref <> 0 GROUP BY 1 HAVING at > 0
     ON CONFLICT (key_ref) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)`,
    ...[...hours, after, through],
  );
}
