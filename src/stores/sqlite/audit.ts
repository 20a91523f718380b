import type { AuditEntry, AuditFilter, WriteTransaction } from '../../domain/store.ts';
import { entryValues, INSERT_ENTRY, toEntry, type AuditRow, type Numbered } from '../audit-entries.ts';
import type { Conditions } from '../clauses.ts';
import { auditConditions } from '../filters.ts';
import type { Sql } from './sql.ts';

const SELECT = `SELECT number, at, claimed_actor AS claimedActor, os_user AS osUser, sudo_user AS sudoUser, host, action, target_kind AS targetKind,
  target_id AS targetId, target_name AS targetName, before, after FROM audit`;

export class SqliteAudit {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async page(filter: AuditFilter, before: number | null, limit: number): Promise<readonly Numbered[]> {
    const where = conditions(filter);
    if (before !== null) where.add('number < ?', before);
    return this.#sql.all<AuditRow>(`${SELECT} ${where.text} ORDER BY number DESC LIMIT ?`, ...where.values, limit).map(toEntry);
  }

  async since(filter: AuditFilter, after: number, limit: number): Promise<readonly Numbered[]> {
    const where = conditions(filter).add('number > ?', after);
    return this.#sql.all<AuditRow>(`${SELECT} ${where.text} ORDER BY number LIMIT ?`, ...where.values, limit).map(toEntry);
  }

  append: WriteTransaction['audit']['append'] = async (entry) => {
    appendAudit(this.#sql, entry);
  };
}

export function appendAudit(sql: Sql, entry: AuditEntry): void {
  sql.run(INSERT_ENTRY, ...entryValues(entry));
}

function conditions(filter: AuditFilter): Conditions {
  const where = auditConditions(filter);
  const { action, targets } = filter;
  // `key` stands for key.create, key.disable and so on.
  if (action !== undefined) where.add("(action = ? OR substr(action, 1, length(?) + 1) = ? || '.')", action, action, action);
  if (targets !== undefined) {
    const list = JSON.stringify(targets);
    where.add('(target_id IN (SELECT value FROM json_each(?)) OR target_name IN (SELECT value FROM json_each(?)))', list, list);
  }
  return where;
}
