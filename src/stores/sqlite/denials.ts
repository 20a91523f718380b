import type { Denial, DenialFilter } from '../../domain/store.ts';
import { denialConditions } from '../filters.ts';
import type { Sql } from './sql.ts';

const SELECT = `SELECT d.number, d.at, d.account_ref AS accountRef, a.name AS account, k.id AS keyId, k.name AS keyName, s.name AS service,
    d.code, d.ip, d.request_id AS requestId, d.requests AS count
  FROM denials d LEFT JOIN accounts a ON a.ref = d.account_ref LEFT JOIN keys k ON k.ref = d.key_ref LEFT JOIN services s ON s.ref = d.service_ref`;

export function deniedPage(sql: Sql, filter: DenialFilter, limit: number, before: Pick<Denial, 'at' | 'number'> | null): Denial[] {
  const where = denialConditions(filter);
  if (before !== null) where.add('(d.at, d.number) < (?, ?)', before.at, before.number);
  return sql.all<Denial>(`${SELECT} ${where.text} ORDER BY d.at DESC, d.number DESC LIMIT ?`, ...where.values, limit);
}

export function deniedSince(sql: Sql, filter: DenialFilter, after: number, limit: number): Denial[] {
  const where = denialConditions(filter).add('d.number > ?', after);
  return sql.all<Denial>(`${SELECT} ${where.text} ORDER BY d.number LIMIT ?`, ...where.values, limit);
}

export function countDenied(sql: Sql, filter: DenialFilter, most: number): number {
  const where = denialConditions(filter);
  return sql.number(`SELECT count(*) AS n FROM (SELECT 1 FROM denials d ${where.text} LIMIT ?)`, ...where.values, most);
}
