import type { DebitNumber } from '../../domain/debit.ts';
import { rolledUp } from './daily-usage.ts';
import type { Sql } from './sql.ts';

const ADDED = 'requests = t.requests + excluded.requests, credits = t.credits + excluded.credits';
const ROLLED_UP = rolledUp('hour / 24', 'account_ref');

/** The next debits after the cursor, summed up and added to the usage, and the cursor moved behind them. */
const FOLD = `
WITH next AS MATERIALIZED (
  SELECT number, at, account_ref, key_ref, service_ref, cost FROM debits
  WHERE number > (SELECT folded_through FROM state) AND number <= ? ORDER BY number LIMIT ?),
sums AS MATERIALIZED (
  SELECT account_ref, at / 3600000 AS hour, coalesce(key_ref, 0) AS key_ref, service_ref, count(*) AS requests, sum(cost) AS credits,
    max(at) AS last_at FROM next GROUP BY 1, 2, 3, 4),
hours AS (
  INSERT INTO usage_hours AS t SELECT account_ref, hour, key_ref, service_ref, requests, credits, last_at FROM sums
  ON CONFLICT (account_ref, hour, key_ref, service_ref) DO UPDATE SET ${ADDED}, last_at = greatest(t.last_at, excluded.last_at)),
days AS (
  INSERT INTO usage_days AS t SELECT account_ref, hour / 24, key_ref, service_ref, sum(requests), sum(credits) FROM sums WHERE ${ROLLED_UP}
  GROUP BY 1, 2, 3, 4 ON CONFLICT (account_ref, day, key_ref, service_ref) DO UPDATE SET ${ADDED}),
activity AS (
  INSERT INTO key_activity AS t SELECT key_ref, max(last_at) FROM sums WHERE key_ref <> 0 AND ${ROLLED_UP} GROUP BY 1
  ON CONFLICT (key_ref) DO UPDATE SET last_used_at = greatest(t.last_used_at, excluded.last_used_at)),
moved AS (UPDATE state SET folded_through = newest FROM (SELECT max(number) AS newest FROM next) s WHERE newest IS NOT NULL)
SELECT count(*) FROM next`;

/**
 * Moves the cursor over the next debits, at most `limit`, and adds them to usage; returns how many there were. It goes no further than
 * `through`, up to which every debit is there: another node may still commit one of a lower number than those that can be seen.
 */
export function foldDebits(sql: Sql, through: DebitNumber, limit: number): Promise<number> {
  return sql.number(FOLD, through, limit);
}
