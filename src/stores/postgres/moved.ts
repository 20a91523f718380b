import { KeyctlError } from '../../domain/error.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

/** As in SQLite, a schema number that no release will have: no program uses a store that was moved, and no two spend the same credits. */
const MOVED = 1_000_000;
/** The setting, which no program has, that tells where it went. */
const MOVED_TO = 'moved_to';

/** Where a store went that was given up; null for one that was not. It costs a look at a handful of rows. */
export const MOVED_PLACE = `(SELECT value FROM config WHERE name = '${MOVED_TO}')`;

/** Makes the store of no use from the commit on; nodes notice by the generation, which a change of the settings raises. */
export async function giveUp(sql: Sql, to: string, at: Instant): Promise<void> {
  await sql.run('INSERT INTO schema_versions VALUES (?, ?, ?)', MOVED, MOVED, at);
  await sql.run('INSERT INTO config VALUES (?, ?)', MOVED_TO, to);
}

/** Throws `store_moved` for a store that was given up; `to` is where it went, where that was asked. */
export function refuseMoved(place: string, usableSince: number, to: string | null): void {
  if (usableSince < MOVED) return;
  throw new KeyctlError('store_moved', `The store at ${place} has moved${to === null ? '' : ` to ${to}`}.`, {
    hint: 'Give the new place to --db or KEYCTL_DB, and start keyctl serve anew with it.',
  });
}
