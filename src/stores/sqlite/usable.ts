import { KeyctlError } from '../../domain/error.ts';
import { refuseMoved } from './moved.ts';
import { SCHEMA_VERSION } from './schema.ts';
import type { Sql } from './sql.ts';

/**
 * Throws `store_moved`, or `store_newer` when somebody has upgraded the store, while this program had it open, to a schema that the program may not use. It was
 * usable when it was opened, so that only whoever has it open for long needs to ask again.
 */
export function checkStillUsable(sql: Sql): void {
  if (sql.number('SELECT max(usable_since) AS n FROM schema_versions') <= SCHEMA_VERSION) return;
  refuseMoved(sql.db, sql.db.name);
  throw new KeyctlError('store_newer', 'A newer keyctl has upgraded the store, and this one may not use it any more.', {
    hint: 'Start the release that did, or a later one.',
  });
}
