import { KeyctlError } from '../../domain/error.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Sqlite } from './driver.ts';

/**
 * A schema number that no release will have: a store that was moved is of no use to any program, and one that has never heard of moving takes it
 * for a newer one and refuses it all the same. Two stores in use at once would each spend the day's credits.
 */
const MOVED = 1_000_000;
/** The setting, which no program has, that tells where it went. */
const MOVED_TO = 'moved_to';

/** Makes the store of no use from the commit on; a server that has it open notices by the generation, which a change of the settings raises. */
export function giveUp(db: Sqlite, to: string, at: Instant): void {
  db.prepare('INSERT INTO schema_versions VALUES (?, ?, ?)').run(MOVED, MOVED, at);
  db.prepare('INSERT INTO config VALUES (?, ?)').run(MOVED_TO, to);
}

/** Throws `store_moved` for a store that was given up. */
export function refuseMoved(db: Sqlite, path: string): void {
  if (db.prepare('SELECT 1 FROM schema_versions WHERE version = ?').get(MOVED) === undefined) return;
  const to = String(db.prepare('SELECT value FROM config WHERE name = ?').pluck().get(MOVED_TO));
  throw new KeyctlError('store_moved', `The store at ${path} has moved to ${to}.`, {
    hint: 'Give that to --db or KEYCTL_DB, and start keyctl serve anew with it.',
  });
}
