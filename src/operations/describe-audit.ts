import type { AuditEntry } from '../domain/store.ts';
import { formatInstant } from '../domain/utc-day.ts';
import { actorName } from './actor-name.ts';

export type NumberedEntry = AuditEntry & { readonly number: number };

export const AUDIT_FIELDS = [
  ...['number', 'at', 'actor', 'osUser', 'sudoUser', 'host', 'action', 'targetKind', 'target', 'targetName', 'before', 'after'],
] as const;

/** An entry of the audit trail as JSON shows it. `actor` is as claimed, or else who it was to the operating system; `target` is an id. */
export function auditJson({
  number,
  at,
  actor,
  action,
  targetKind,
  targetId,
  targetName,
  before,
  after,
}: NumberedEntry): Record<string, unknown> {
  const { osUser, sudoUser, host } = actor;
  return {
    ...{ number, at: formatInstant(at), actor: actorName(actor), osUser, sudoUser, host },
    ...{ action, targetKind, target: targetId, targetName, before, after },
  };
}

/** What an entry changed, in words: `dailyCap 500 → 1000`. Fields that stayed the same, and nothing at all, are left out. */
export function changeText({ before, after }: Pick<AuditEntry, 'before' | 'after'>): string {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .map((name) => fieldText(name, before?.[name] ?? null, after?.[name] ?? null, before !== null && after !== null))
    .filter((text) => text !== '')
    .join(', ');
}

function fieldText(name: string, before: unknown, after: unknown, isChange: boolean): string {
  const [old, present] = [valueText(before), valueText(after)];
  if (old === present) return '';
  if (isChange && old !== '') return `${name} ${old} → ${present === '' ? 'none' : present}`;
  return `${name} ${present === '' ? old : present}`;
}

function valueText(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
