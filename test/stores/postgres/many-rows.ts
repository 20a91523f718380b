import { firstDebitNumber } from '../../../src/domain/debit.ts';
import { dayOf, hourOf, MS_PER_DAY } from '../../../src/domain/utc-day.ts';
import { runSql } from '../../postgres/database.ts';

/** So many that to walk through all of them is never the shortest way, and that the planner has a choice. */
const MANY = { accounts: 20_000, keysPerAccount: 2, days: 3, debitsPerDay: 60_000, hours: 24, usedAccounts: 4_000 };

/** Tables that grow with customers, traffic or time; whoever asks for a page must not walk through them. */
export const LARGE = [
  ...['accounts', 'account_tiers', 'keys', 'running_days', 'past_days', 'adjustments', 'cap_spending', 'request_ids', 'key_activity'],
  ...['usage_hours', 'usage_days', 'denied_hours', 'denied_days', 'denials', 'audit'],
] as const;

/**
 * Fills a store that was made at `now` with the rows of a busy one: debits of the last days, of which today's last are not folded yet, the
 * hours and days that sum them up, denials, and what else there is one of for every account.
 */
export async function fillWithMany(url: string, now: number): Promise<void> {
  const { accounts, keysPerAccount, days, debitsPerDay, hours, usedAccounts } = MANY;
  const [today, thisHour] = [dayOf(now), hourOf(now)];
  const one = (n: number): string => `generate_series(1, ${String(n)}) AS n`;
  const first = (day: number): number => firstDebitNumber(day * MS_PER_DAY);
  // A day's debits come one after the other, those of today until now.
  const debits = Array.from({ length: days }, (_, ago) => {
    const [from, until] = [first(today - ago), ago === 0 ? firstDebitNumber(now) : first(today - ago + 1)];
    const step = Math.floor((until - from) / debitsPerDay);
    return `INSERT INTO debits SELECT ${String(from)} + n * ${String(step)}::bigint, (${String(from)} + n * ${String(step)}::bigint) / 1000,
      2 + n % ${String(usedAccounts)}, 2 + n % ${String(usedAccounts)}, 1, 100, 1000, NULL, NULL, NULL FROM ${one(debitsPerDay)}`;
  });
  await runSql(
    url,
    'SET search_path = keyctl',
    `INSERT INTO accounts (ref, id, name, created_at) SELECT 1 + n, 'acct_' || n, 'a' || n, ${String(now)} FROM ${one(accounts)}`,
    `INSERT INTO account_tiers SELECT 1 + n, 0, CASE n % 100 WHEN 0 THEN 'startup' ELSE 'free' END, ${String(now)} FROM ${one(accounts)}`,
    `INSERT INTO keys SELECT 1 + n, 'key_' || lpad(n::text, 8, '0'), 2 + n % ${String(accounts)}, 'k' || n, 'production',
       sha256(n::text::bytea), 'kc_prod_…', NULL, ${String(now)}, NULL, NULL, NULL, NULL, NULL, NULL, '[]', '[]', NULL, 1 + n
       FROM ${one(accounts * keysPerAccount)}`,
    `UPDATE running_days SET day = ${String(today)}, granted = 100000, spent = 100 WHERE account_ref > 1`,
    ...Array.from(
      { length: 5 },
      (_, ago) => `INSERT INTO past_days SELECT 1 + n, ${String(today - 1 - ago)}, 100000, 0, 100 FROM ${one(accounts)}`,
    ),
    `INSERT INTO adjustments (id, at, account_ref, day, amount, reason, actor)
       SELECT 'adj_' || n, ${String(now)}, 1 + n, ${String(today)} - n % 90, 5, 'r', 'a' FROM ${one(accounts)}`,
    `INSERT INTO cap_spending SELECT 1 + n, 1 + n, ${String(today)}, 100 FROM ${one(accounts)}`,
    ...debits,
    `INSERT INTO request_ids SELECT 2 + n % ${String(usedAccounts)}, 'r-' || n, n, 2, 1, 100, ${String(now)} + n, NULL, false
       FROM ${one(debitsPerDay)}`,
    `INSERT INTO usage_hours SELECT 1 + n, ${String(thisHour)} - h, 1 + n, 1, 2, 200, ${String(now)}
       FROM ${one(usedAccounts)}, generate_series(0, ${String(hours)}) h`,
    `INSERT INTO usage_days SELECT 1 + n, ${String(today)} - d, 1 + n, 1, 2, 200 FROM ${one(usedAccounts)}, generate_series(1, 30) d`,
    `INSERT INTO denied_hours SELECT account_ref, hour, key_ref, service_ref, 'request_limit_reached', 1 FROM usage_hours`,
    `INSERT INTO denied_days SELECT account_ref, day, key_ref, service_ref, 'request_limit_reached', 1 FROM usage_days`,
    `INSERT INTO denials (at, account_ref, key_ref, service_ref, code, requests)
       SELECT ${String(now)} - n * 1000, 1 + n % ${String(accounts)}, 1, 1, 'request_limit_reached', 1 FROM ${one(debitsPerDay)}`,
    `INSERT INTO key_activity SELECT 1 + n, ${String(now)} FROM ${one(accounts)}`,
    `INSERT INTO audit (at, os_user, host, action, target_kind, target_id, target_name)
       SELECT ${String(now)}, 'root', 'h', 'key.create', 'key', 'key_' || n, 'n' FROM ${one(5_000)}`,
    `UPDATE state SET closed_through = ${String(today - 1)}, folded_through = (SELECT number FROM debits ORDER BY number DESC OFFSET 50 LIMIT 1)`,
    "SELECT setval('debit_numbers', (SELECT max(number) FROM debits))",
    'ANALYZE',
  );
}
