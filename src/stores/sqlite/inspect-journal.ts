import { fault, fine, type Finding } from '../../domain/finding.ts';
import type { Sqlite } from './driver.ts';

const RESTORE = 'Stop every keyctl, keep a copy of the file, and put back a backup.';
const ROWS_PER_READ = 50_000;

/**
 * What SQLite cannot know of its rows: that those which debits are folded into are not ahead of all debits, or the next ones would never be
 * counted; and that what is kept as JSON is JSON, or whoever needs the row fails.
 */
export function inspectJournal(db: Sqlite): readonly Finding[] {
  const states = db.prepare('SELECT count(*) FROM state').pluck().get();
  if (states !== 1) return [fault('journal', 'The row that says how far debits are folded is missing.', RESTORE)];
  // Of one snapshot, so that debits that are settled meanwhile are behind all that is compared with it.
  const ahead = walk(
    db,
    'running_days',
    'account_ref',
    'through > (SELECT max(folded_through, ifnull((SELECT max(number) FROM debits), 0)) FROM state)',
  );
  const unread = walk(db, 'running_days', 'account_ref', 'NOT json_valid(arrivals)');
  const keys = walk(db, 'keys', 'ref', 'NOT json_valid(services) OR NOT json_valid(allowed_ips)');
  const found: Finding[] = [];
  if (ahead > 0) {
    const message = `${String(ahead)} accounts have running balances that claim to hold debits of later than any: what they spend next would not count.`;
    found.push(fault('journal', message, RESTORE));
  }
  if (unread > 0)
    found.push(fault('journal', `${String(unread)} accounts have rate limits that cannot be read: their requests fail.`, RESTORE));
  if (keys > 0) found.push(fault('journal', `${String(keys)} keys have lists that cannot be read: their requests fail.`, RESTORE));
  return found.length > 0 ? found : [fine('journal', 'Running balances hold the debits that they say, and no later ones.')];
}

/** Counts the rows that meet a condition, in reads of many rows each. */
function walk(db: Sqlite, table: string, ref: string, condition: string): number {
  const next = db.prepare(`SELECT ${ref} FROM ${table} WHERE ${ref} > ? ORDER BY ${ref} LIMIT 1 OFFSET ?`).pluck();
  const count = db.prepare(`SELECT count(*) FROM ${table} WHERE ${ref} > ? AND ${ref} <= ? AND (${condition})`).pluck();
  let found = 0;
  for (let after = Number.MIN_SAFE_INTEGER; after < Number.MAX_SAFE_INTEGER;) {
    const through = Number(next.get(after, ROWS_PER_READ - 1) ?? Number.MAX_SAFE_INTEGER);
    found += Number(count.get(after, through));
    after = through;
  }
  return found;
}
