import type { KeyStatus } from '../domain/entities.ts';
import type { KeyPatch } from '../domain/store.ts';
import { assignments } from './clauses.ts';

// How the columns of a key are kept and read, the same in every store.

const NONE: readonly string[] = [];

/** A column that holds a list of texts as JSON; the empty ones are all one. */
export function list(text: string): readonly string[] {
  return text === '[]' ? NONE : (JSON.parse(text) as string[]);
}

/** The SET of an UPDATE, or null where nothing changes. */
export function keyAssignments(patch: KeyPatch): ReturnType<typeof assignments> {
  return assignments({
    name: patch.name,
    note: patch.note,
    expires_at: patch.expiresAt,
    disabled_at: patch.disabledAt,
    disabled_reason: patch.disabledReason,
    deleted_at: patch.deletedAt,
    rotated_to: patch.rotatedTo,
    services: patch.services === undefined ? undefined : JSON.stringify(patch.services),
    allowed_ips: patch.allowedIps === undefined ? undefined : JSON.stringify(patch.allowedIps),
    daily_cap: patch.dailyCap,
  });
}

/** A key's status as an expression whose one value is the present moment. */
export const STATUS = `CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN disabled_at IS NOT NULL THEN 'disabled'
         WHEN expires_at <= ? THEN 'expired' ELSE 'active' END`;

export function countsByStatus(rows: readonly { readonly status: KeyStatus; readonly n: number }[]): Readonly<Record<KeyStatus, number>> {
  return { active: 0, disabled: 0, expired: 0, deleted: 0, ...Object.fromEntries(rows.map(({ status, n }) => [status, n])) };
}
