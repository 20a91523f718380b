import { fault, fine, type Finding } from '../../domain/finding.ts';
import type { Sqlite } from './driver.ts';

const HINT = 'Compare with what was shipped elsewhere (keyctl audit --follow --json), and find out who could write to the file.';

interface Extent {
  readonly entries: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Entries are numbered from 1 without gaps, and none is ever deleted: where one is missing, somebody took it away past the triggers. What
 * was taken from the end, or put there with other words, no store can know.
 */
export function inspectAudit(db: Sqlite): readonly Finding[] {
  const extent = 'SELECT count(*) AS entries, ifnull(min(number), 1) AS first, ifnull(max(number), 0) AS last FROM audit';
  const { entries, first, last } = db.prepare(extent).get() as Extent;
  if (first === 1 && entries === last) return [fine('audit', `${String(entries)} entries of the audit trail, and none is missing.`)];
  if (first !== 1) return [fault('audit', 'The audit trail does not begin with its first entry.', HINT)];
  const gap = 'SELECT min(number) + 1 FROM audit a WHERE NOT EXISTS (SELECT 1 FROM audit WHERE number = a.number + 1)';
  const missing = String(db.prepare(gap).pluck().get());
  return [fault('audit', `Entry ${missing} of the audit trail is missing, and ${String(last - entries)} in all.`, HINT)];
}
