import { fault, fine, warning, type Finding } from '../../domain/finding.ts';
import type { InspectionChoice } from '../../domain/inspection.ts';
import type { Sqlite } from './driver.ts';

/** Up to this size the whole file is looked at in one read; it takes about a second. */
const WHOLE_BYTES = 256 * 1024 * 1024;
const MOST_TOLD = 10;

const RESTORE = 'Stop every keyctl, keep a copy of the file, check the disk, and put back a backup.';

export interface Examined {
  readonly db: Sqlite;
  /** Where it could be opened for reading only, SQLite leaves CHECK constraints out of what it knows. */
  readonly readOnly: boolean;
  readonly tell: InspectionChoice['tell'];
}

/**
 * Lets SQLite look at every page, row, index and constraint. A large file is looked at table by table, each in a read of its own, so that
 * the log of a busy server is not held up for longer than its largest table takes.
 */
export function inspectIntegrity({ db, readOnly, tell }: Examined): readonly Finding[] {
  const bytes = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }));
  const tables = bytes <= WHOLE_BYTES ? [''] : ['sqlite_schema', ...tablesOf(db)];
  const found: Finding[] = [];
  for (const [done, table] of tables.entries()) {
    tell({ text: 'checking the file', done, total: tables.length });
    const lines = db.pragma(table === '' ? 'integrity_check' : `integrity_check(${table})`) as { integrity_check: string }[];
    const wrong = lines.map((line) => line.integrity_check).filter((line) => line !== 'ok');
    found.push(...wrong.slice(0, MOST_TOLD).map((line) => fault('integrity', `The file is damaged: ${line}.`, RESTORE)));
    if (wrong.length > MOST_TOLD) found.push(fault('integrity', `And ${String(wrong.length - MOST_TOLD)} more like these.`, RESTORE));
  }
  if (found.length > 0) return found;
  const how = bytes <= WHOLE_BYTES ? 'Every page of the file' : 'Every table of the file, one by one,';
  if (!readOnly) return [fine('integrity', `${how} is sound (integrity_check).`)];
  return [
    warning(
      'integrity',
      `${how} is sound, but CHECK constraints were not looked at: the file may only be read.`,
      'Run doctor as the owner.',
    ),
  ];
}

export function inspectForeignKeys({ db, tell }: Examined): readonly Finding[] {
  const tables = tablesOf(db);
  const found: Finding[] = [];
  for (const [done, table] of tables.entries()) {
    tell({ text: 'checking what rows refer to', done, total: tables.length });
    const orphans = db.pragma(`foreign_key_check(${table})`) as { parent: string }[];
    const [first] = orphans;
    if (first === undefined) continue;
    const message = `${String(orphans.length)} rows of ${table} refer to rows of ${first.parent} that are not there.`;
    found.push(fault('foreign_keys', message, RESTORE));
  }
  return found.length > 0 ? found : [fine('foreign_keys', 'Whatever a row refers to is there.')];
}

function tablesOf(db: Sqlite): readonly string[] {
  const text = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '[a-z]*' AND name NOT GLOB '*[^a-z0-9_]*' ORDER BY name";
  return db.prepare(text).pluck().all() as string[];
}
