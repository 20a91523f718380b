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

/** How a change is written. */
interface ChangeMarks {
  readonly arrow: string;
  /** Stands in what is not shown whole. */
  readonly cut: string;
}

const STORED: ChangeMarks = { arrow: '→', cut: '…' };
/** Fields with the mark for what they do not show. */
const MASKED = new Set(['mask', 'url', 'secretMask']);

/** What an entry changed, in words: `dailyCap 500 → 1000`. Fields that stayed the same, and nothing at all, are left out. */
export function changeText({ before, after }: Pick<AuditEntry, 'before' | 'after'>, marks: ChangeMarks = STORED): string {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const arrow = before !== null && after !== null ? marks.arrow : null;
  const shown = (name: string, value: unknown): string => {
    const text = valueText(value);
    return MASKED.has(name) ? text.replace(STORED.cut, marks.cut) : text;
  };
  return names
    .map((name) => fieldText(name, shown(name, before?.[name] ?? null), shown(name, after?.[name] ?? null), arrow))
    .filter((text) => text !== '')
    .join(', ');
}

function fieldText(name: string, old: string, present: string, arrow: string | null): string {
  if (old === present) return '';
  if (arrow !== null && old !== '') return `${name} ${old} ${arrow} ${present === '' ? 'none' : present}`;
  return `${name} ${present === '' ? old : present}`;
}

function valueText(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
