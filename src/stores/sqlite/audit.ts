import type { AuditEntry, AuditFilter, WriteTransaction } from '../../domain/store.ts';
import { Conditions, type Sql } from './sql.ts';

type Numbered = AuditEntry & { readonly number: number };

interface AuditRow {
  readonly number: number;
  readonly at: number;
  readonly claimed: string | null;
  readonly osUser: string;
  readonly sudoUser: string | null;
  readonly host: string;
  readonly action: string;
  readonly targetKind: AuditEntry['targetKind'];
  readonly targetId: string;
  readonly targetName: string;
  readonly before: string | null;
  readonly after: string | null;
}

const SELECT = `SELECT number, at, claimed_actor AS claimed, os_user AS osUser, sudo_user AS sudoUser, host, action, target_kind AS targetKind,
  target_id AS targetId, target_name AS targetName, before, after FROM audit`;

function toEntry({ claimed, osUser, sudoUser, host, before, after, ...row }: AuditRow): Numbered {
  return { ...row, actor: { claimed, osUser, sudoUser, host }, before: parse(before), after: parse(after) };
}

function parse(text: string | null): Record<string, unknown> | null {
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
}

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
  const { at, actor, action, targetKind, targetId, targetName, before, after } = entry;
  sql.run(
    `INSERT INTO audit (at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[at, actor.claimed, actor.osUser, actor.sudoUser, actor.host, action, targetKind, targetId, targetName],
    ...[before === null ? null : JSON.stringify(before), after === null ? null : JSON.stringify(after)],
  );
}

function conditions(filter: AuditFilter): Conditions {
  const where = new Conditions();
  const { actor, targets } = filter;
  if (filter.after !== undefined) where.add('number > ?', filter.after);
  if (actor !== undefined) where.add('(claimed_actor = ? OR os_user = ? OR sudo_user = ?)', actor, actor, actor);
  // `key` stands for key.create, key.disable and so on.
  if (filter.action !== undefined)
    where.add("(action = ? OR substr(action, 1, length(?) + 1) = ? || '.')", filter.action, filter.action, filter.action);
  if (targets !== undefined) {
    const list = JSON.stringify(targets);
    where.add('(target_id IN (SELECT value FROM json_each(?)) OR target_name IN (SELECT value FROM json_each(?)))', list, list);
  }
  if (filter.since !== undefined) where.add('at >= ?', filter.since);
  if (filter.until !== undefined) where.add('at < ?', filter.until);
  return where;
}
