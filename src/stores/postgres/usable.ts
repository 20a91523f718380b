import { KeyctlError } from '../../domain/error.ts';
import { refuseMoved } from './moved.ts';
import { SCHEMA_VERSION } from './schema.ts';

/** Both are the highest of all migrations that the store has had. Throws `store_moved`, `store_newer` or `store_older`. */
export function checkUsable(place: string, version: number, usableSince: number, movedTo: string | null): void {
  checkStillUsable(place, usableSince, movedTo);
  if (version < SCHEMA_VERSION) {
    throw new KeyctlError(
      'store_older',
      `The store at ${place} has schema ${String(version)}; this keyctl needs ${String(SCHEMA_VERSION)}.`,
      {
        hint: 'Back the database up, then run: keyctl upgrade --backed-up',
      },
    );
  }
}

/** For a process that has the store open while another moves it on. */
export function checkStillUsable(place: string, usableSince: number, movedTo: string | null = null): void {
  if (usableSince <= SCHEMA_VERSION) return;
  refuseMoved(place, usableSince, movedTo);
  throw new KeyctlError('store_newer', `The store at ${place} was made by a newer keyctl, or moved on by one.`, {
    hint: 'Install that release or a later one; this one may not use the store.',
  });
}
