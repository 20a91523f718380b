import type { Denial, DenialFilter } from '../../domain/store.ts';
import { Conditions, type Sql } from './sql.ts';

const SELECT = `SELECT d.number, d.at, d.account_ref AS accountRef, a.name AS account, k.id AS keyId, k.name AS keyName, s.name AS service,
    d.code, d.ip, d.request_id AS requestId, d.requests AS count
  FROM denials d LEFT JOIN accounts a ON a.ref = d.account_ref LEFT JOIN keys k ON k.ref = d.key_ref LEFT JOIN services s ON s.ref = d.service_ref`;

export function deniedPage(sql: Sql, filter: DenialFilter, limit: number, before: Pick<Denial, 'at' | 'number'> | null): Denial[] {
  const where = conditions(filter);
  if (before !== null) where.add('(d.at, d.number) < (?, ?)', before.at, before.number);
  return sql.all<Denial>(`${SELECT} ${where.text} ORDER BY d.at DESC, d.number DESC LIMIT ?`, ...where.values, limit);
}

export function deniedSince(sql: Sql, filter: DenialFilter, after: number, limit: number): Denial[] {
  const where = conditions(filter).add('d.number > ?', after);
  return sql.all<Denial>(`${SELECT} ${where.text} ORDER BY d.number LIMIT ?`, ...where.values, limit);
}

export function countDenied(sql: Sql, filter: DenialFilter, most: number): number {
  const where = conditions(filter);
  return sql.number(`SELECT count(*) AS n FROM (SELECT 1 FROM denials d ${where.text} LIMIT ?)`, ...where.values, most);
}

function conditions(filter: DenialFilter): Conditions {
  const where = new Conditions();
  if (filter.since !== undefined) where.add('d.at >= ?', filter.since);
  if (filter.until !== undefined) where.add('d.at < ?', filter.until);
  if (filter.accountRef !== undefined) where.add('d.account_ref = ?', filter.accountRef);
  if (filter.keyRef !== undefined) where.add('d.key_ref = ?', filter.keyRef);
  if (filter.requestId !== undefined) where.add('d.request_id = ?', filter.requestId);
  if (filter.code !== undefined) where.add('d.code = ?', filter.code);
  return where;
}
