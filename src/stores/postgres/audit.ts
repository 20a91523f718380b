import type { AuditEntry, AuditFilter } from '../../domain/store.ts';
import { entryValues, INSERT_ENTRY, toEntry, type AuditRow, type Numbered } from '../audit-entries.ts';
import type { Conditions } from '../clauses.ts';
import { auditConditions } from '../filters.ts';
import type { Sql } from './sql.ts';

const SELECT = `SELECT number, at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after
  FROM audit`;

export class PostgresAudit {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async page(filter: AuditFilter, before: number | null, limit: number): Promise<readonly Numbered[]> {
    const where = conditions(filter);
    if (before !== null) where.add('number < ?', before);
    const text = `${SELECT} ${where.text} ORDER BY number DESC LIMIT ?`;
    return (await this.#sql.all<AuditRow>(text, ...where.values, limit)).map(toEntry);
  }

  async since(filter: AuditFilter, after: number, limit: number): Promise<readonly Numbered[]> {
    const where = conditions(filter).add('number > ?', after);
    const text = `${SELECT} ${where.text} ORDER BY number LIMIT ?`;
    return (await this.#sql.all<AuditRow>(text, ...where.values, limit)).map(toEntry);
  }

  async append(entry: AuditEntry): Promise<void> {
    await this.#sql.run(INSERT_ENTRY, ...entryValues(entry));
  }
}

function conditions(filter: AuditFilter): Conditions<readonly string[]> {
  const where = auditConditions<readonly string[]>(filter);
  const { action, targets } = filter;
  // `key` stands for key.create, key.disable and so on.
  if (action !== undefined) where.add('(action = ? OR starts_with(action, ?))', action, `${action}.`);
  if (targets !== undefined) where.add('(target_id = ANY(?) OR target_name = ANY(?))', targets, targets);
  return where;
}
