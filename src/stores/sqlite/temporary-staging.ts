import type { Staging } from '../../domain/imports.ts';
import { openFile } from './driver.ts';
import { Sql } from './sql.ts';
import { SqliteStaging } from './staging.ts';

/** Room beside a store that is none of SQLite's: temporary tables of a connection that has nothing else, in a file without a name. */
export function temporaryStaging(): Staging & { close(): void } {
  const db = openFile(':memory:');
  const staging = new SqliteStaging(new Sql(db));
  return {
    ...{ clear: () => staging.clear(), add: (line) => staging.add(line), count: (kind) => staging.count(kind) },
    ...{ get: (line) => staging.get(line), page: (after, limit) => staging.page(after, limit) },
    ...{ claim: (mark, line) => staging.claim(mark, line), close: () => void db.close() },
  };
}
