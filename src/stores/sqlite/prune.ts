import { firstDebitNumber } from '../../domain/debit.ts';
import type { Pruned, PruneLimits } from '../../domain/store.ts';
import { MS_PER_HOUR, startOfDay } from '../../domain/utc-day.ts';
import { announceChange, MANY_ACCOUNTS } from './book-changes.ts';
import type { Sql } from './sql.ts';

interface Rule {
  readonly kind: keyof Pruned;
  readonly table: string;
  /** The columns that find a row again. */
  readonly key: string;
  readonly where: string;
  readonly before: (limits: PruneLimits) => number;
}

/** What was told of, for as long as what it was about, and messages that are over. */
const ALERT_RULES: readonly Rule[] = [
  {
    kind: 'usage',
    table: 'told_thresholds',
    key: 'day, account_ref',
    where: 'day < ?',
    before: (limits) => Math.floor(limits.debitsBefore / startOfDay(1)),
  },
  { kind: 'usage', table: 'told_expiries', key: 'key_ref', where: 'expires_at < ?', before: (limits) => limits.debitsBefore },
  {
    kind: 'usage',
    table: 'alerts',
    key: 'number',
    where: "at < ? AND status <> 'waiting'",
    before: (limits) => limits.hoursBefore * MS_PER_HOUR,
  },
];

const RULES: readonly Rule[] = [
  // Only what usage has already counted; a debit's number is never before its time.
  {
    kind: 'debits',
    table: 'debits',
    key: 'number',
    where: 'number < ? AND number <= (SELECT folded_through FROM state)',
    before: (limits) => firstDebitNumber(limits.debitsBefore),
  },
  {
    kind: 'requestIds',
    table: 'request_ids',
    key: 'account_ref, request_id',
    where: 'expires_at <= ?',
    before: (limits) => limits.requestIdsExpiredBy,
  },
  {
    kind: 'usage',
    table: 'usage_hours',
    key: 'hour, account_ref, key_ref, service_ref',
    where: 'hour < ?',
    before: (limits) => limits.hoursBefore,
  },
  {
    kind: 'usage',
    table: 'denied_hours',
    key: 'hour, account_ref, key_ref, service_ref, code',
    where: 'hour < ?',
    before: (limits) => limits.hoursBefore,
  },
  { kind: 'usage', table: 'denials', key: 'number', where: 'at < ?', before: (limits) => limits.hoursBefore * 3_600_000 },
  {
    kind: 'usage',
    table: 'usage_days',
    key: 'day, account_ref, key_ref, service_ref',
    where: 'day < ?',
    before: (limits) => limits.daysBefore,
  },
  {
    kind: 'usage',
    table: 'denied_days',
    key: 'day, account_ref, key_ref, service_ref, code',
    where: 'day < ?',
    before: (limits) => limits.daysBefore,
  },
  { kind: 'usage', table: 'past_days', key: 'day, account_ref', where: 'day < ?', before: (limits) => limits.daysBefore },
  { kind: 'usage', table: 'closed_days', key: 'day', where: 'day < ?', before: (limits) => limits.daysBefore },
  {
    kind: 'usage',
    table: 'cap_spending',
    key: 'day, cap_group',
    where: 'day < ?',
    before: (limits) => Math.floor(limits.debitsBefore / startOfDay(1)),
  },
  ...ALERT_RULES,
  // Without an index by day, finding none takes a walk through all hot rows; being the last, it is come to once only.
  { kind: 'usage', table: 'running_days', key: 'account_ref', where: 'day < ?', before: (limits) => limits.daysBefore },
];

/** Deletes at most `limit` rows, of one table after the other. */
export function prune(sql: Sql, limits: PruneLimits, limit: number): Pruned {
  let left = limit;
  return tally(limits, (rule, before) => {
    if (left === 0) return 0;
    const deleted = sql.run(
      `DELETE FROM ${rule.table} WHERE (${rule.key}) IN (SELECT ${rule.key} FROM ${rule.table} WHERE ${rule.where} LIMIT ?)`,
      ...[before, left],
    );
    left -= deleted;
    // No debit tells of it: whoever remembers such a row has to forget it.
    if (deleted > 0 && rule.table === 'running_days') announceChange(sql, MANY_ACCOUNTS);
    return deleted;
  });
}

export function countPrunable(sql: Sql, limits: PruneLimits): Pruned {
  return tally(limits, (rule, before) => sql.number(`SELECT count(*) AS n FROM ${rule.table} WHERE ${rule.where}`, before));
}

function tally(limits: PruneLimits, count: (rule: Rule, before: number) => number): Pruned {
  const pruned = { debits: 0, usage: 0, requestIds: 0 };
  for (const rule of RULES) pruned[rule.kind] += count(rule, rule.before(limits));
  return pruned;
}
