import type { Output } from '../terminal/output.ts';

export const DELETED_FIELDS = ['name', 'deleted'] as const;

/** Says that something is gone: its name in JSON, a sentence otherwise. */
export function showDeleted(out: Output, kind: 'tier' | 'service' | 'environment', name: string): void {
  out.show({ name, deleted: true }, () => `Deleted the ${kind} ${name}.`, DELETED_FIELDS);
}
