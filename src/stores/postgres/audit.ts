import type { AuditEntry, AuditFilter } from '../../domain/store.ts';
import { Conditions, type Sql } from './sql.ts';

type Numbered = AuditEntry & { readonly number: number };

interface AuditRow {
  readonly number: number;
  readonly at: number;
  readonly claimedActor: string | null;
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

const SELECT = `SELECT number, at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after
  FROM audit`;

function toEntry({ claimedActor, osUser, sudoUser, host, before, after, ...row }: AuditRow): Numbered {
  return { ...row, actor: { claimed: claimedActor, osUser, sudoUser, host }, before: parse(before), after: parse(after) };
}

function parse(text: string | null): Record<string, unknown> | null {
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
}

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

  append(entry: AuditEntry): Promise<void> {
    return appendAudit(this.#sql, entry);
  }
}

/** The table numbers the entries itself, without gaps. */
async function appendAudit(sql: Sql, entry: AuditEntry): Promise<void> {
  const { at, actor, action, targetKind, targetId, targetName, before, after } = entry;
  await sql.run(
    `INSERT INTO audit (at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[at, actor.claimed, actor.osUser, actor.sudoUser, actor.host, action, targetKind, targetId, targetName],
    ...[before === null ? null : JSON.stringify(before), after === null ? null : JSON.stringify(after)],
  );
}

function conditions(filter: AuditFilter): Conditions {
  const where = new Conditions();
  const { actor, action, targets } = filter;
  if (filter.after !== undefined) where.add('number > ?', filter.after);
  if (actor !== undefined) where.add('? IN (claimed_actor, os_user, sudo_user)', actor);
  // `key` stands for key.create, key.disable and so on.
  if (action !== undefined) where.add('(action = ? OR starts_with(action, ?))', action, `${action}.`);
  if (targets !== undefined) where.add('(target_id = ANY(?) OR target_name = ANY(?))', targets, targets);
  if (filter.since !== undefined) where.add('at >= ?', filter.since);
  if (filter.until !== undefined) where.add('at < ?', filter.until);
  return where;
}
