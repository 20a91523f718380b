import { KeyctlError } from '../../domain/error.ts';
import { SCHEMA_VERSION } from './schema.ts';

/** Both are the highest of all migrations that the store has had. Throws `store_newer` or `store_older`. */
export function checkUsable(place: string, version: number, usableSince: number): void {
  checkStillUsable(place, usableSince);
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
export function checkStillUsable(place: string, usableSince: number): void {
  if (usableSince <= SCHEMA_VERSION) return;
  throw new KeyctlError('store_newer', `The store at ${place} was made by a newer keyctl, or moved on by one.`, {
    hint: 'Install that release or a later one; this one may not use the store.',
  });
}
