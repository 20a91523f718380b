import type { CountedDenial, Denial, DenialFilter } from '../../domain/store.ts';
import { denialConditions } from '../filters.ts';
import type { Sql } from './sql.ts';

/** Denials with the names that go with them, each looked up by itself: a join may walk through all accounts and keys for it. */
function described(denials: string): string {
  return `SELECT d.number, d.at, d.account_ref, (SELECT name FROM accounts WHERE ref = d.account_ref) AS account,
      (SELECT id FROM keys WHERE ref = d.key_ref) AS key_id, (SELECT name FROM keys WHERE ref = d.key_ref) AS key_name,
      (SELECT name FROM services WHERE ref = d.service_ref) AS service, d.code, d.ip, d.request_id, d.requests AS count
    FROM (${denials}) d`;
}

export function deniedPage(
  sql: Sql,
  filter: DenialFilter,
  limit: number,
  before: Pick<Denial, 'at' | 'number'> | null,
): Promise<readonly Denial[]> {
  const where = denialConditions(filter);
  if (before !== null) where.add('(d.at, d.number) < (?, ?)', before.at, before.number);
  const denials = described(`SELECT * FROM denials d ${where.text} ORDER BY d.at DESC, d.number DESC LIMIT ?`);
  return sql.all<Denial>(`${denials} ORDER BY d.at DESC, d.number DESC`, ...where.values, limit);
}

export function deniedSince(sql: Sql, filter: DenialFilter, after: number, limit: number): Promise<readonly Denial[]> {
  const where = denialConditions(filter).add('d.number > ?', after);
  const denials = described(`SELECT * FROM denials d ${where.text} ORDER BY d.number LIMIT ?`);
  return sql.all<Denial>(`${denials} ORDER BY d.number`, ...where.values, limit);
}

export function countDenied(sql: Sql, filter: DenialFilter, most: number): Promise<number> {
  const where = denialConditions(filter);
  return sql.number(`SELECT count(*) FROM (SELECT 1 FROM denials d ${where.text} LIMIT ?) d`, ...where.values, most);
}

const COUNTED = 'ON CONFLICT (account_ref, %, key_ref, service_ref, code) DO UPDATE SET requests = t.requests + excluded.requests';

function counting(table: string, column: string, ms: number): string {
  return `INSERT INTO ${table} AS t SELECT coalesce(account_ref, 0), at / ${String(ms)}, coalesce(key_ref, 0), coalesce(service_ref, 0), code,
    sum(requests) FROM found GROUP BY 1, 2, 3, 4, 5 ${COUNTED.replace('%', column)}`;
}

/** Stores them all in one statement: a service of a name that was used again is the live one, else the last. */
const ADD = `
WITH given AS (
  SELECT * FROM unnest(?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[]) WITH ORDINALITY
    AS g (at, key_id, account, service, code, ip, request_id, requests, place)),
found AS MATERIALIZED (
  SELECT g.*, k.ref AS key_ref, a.ref AS account_ref,
    (SELECT ref FROM services WHERE name = g.service ORDER BY deleted_at IS NULL DESC, ref DESC LIMIT 1) AS service_ref
  FROM given g LEFT JOIN keys k ON k.id = g.key_id LEFT JOIN accounts a ON a.name = g.account),
hours AS (${counting('denied_hours', 'hour', 3_600_000)}),
days AS (${counting('denied_days', 'day', 86_400_000)})
INSERT INTO denials (at, account_ref, key_ref, service_ref, code, ip, request_id, requests)
SELECT at, account_ref, key_ref, service_ref, code, ip, request_id, requests FROM found ORDER BY place`;

export async function addDenied(sql: Sql, denials: readonly CountedDenial[]): Promise<void> {
  if (denials.length === 0) return;
  const column = <Name extends keyof CountedDenial>(name: Name) => denials.map((denial) => denial[name]);
  await sql.run(
    ADD,
    ...[column('at'), column('keyId'), column('account'), column('service'), column('code'), column('ip'), column('requestId')],
    column('count'),
  );
}
