import type { AuditEntry } from '../domain/store.ts';
import type { Value } from './clauses.ts';

export type Numbered = AuditEntry & { readonly number: number };

/** A row of `audit`: what was before and after is kept as JSON. */
export interface AuditRow {
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

export function toEntry({ claimedActor, osUser, sudoUser, host, before, after, ...row }: AuditRow): Numbered {
  return { ...row, actor: { claimed: claimedActor, osUser, sudoUser, host }, before: parse(before), after: parse(after) };
}

function parse(text: string | null): Record<string, unknown> | null {
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
}

/** The table numbers the entries itself, without gaps. */
export const INSERT_ENTRY = `INSERT INTO audit (at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** The values of that INSERT. */
export function entryValues({ at, actor, action, targetKind, targetId, targetName, before, after }: AuditEntry): Value[] {
  return [
    ...[at, actor.claimed, actor.osUser, actor.sudoUser, actor.host, action, targetKind, targetId, targetName],
    ...[before === null ? null : JSON.stringify(before), after === null ? null : JSON.stringify(after)],
  ];
}
