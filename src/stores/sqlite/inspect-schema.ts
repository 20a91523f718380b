import { fault, fine, warning, type Finding } from '../../domain/finding.ts';
import { openFile, type Sqlite } from './driver.ts';
import { MIGRATIONS, SCHEMA_VERSION } from './schema.ts';

/** An entry of the schema, by its kind and name, with the words that made it. */
type Entries = ReadonlyMap<string, string>;

/** What others keep in the file without harm: SQLite itself, and Litestream. */
const OTHERS_OWN = /^\w+ (sqlite_|_litestream_)/;

const UPGRADE_BY_COPY =
  'Keep a copy of the store, and put back a backup: without it promises do not hold, such as that a disabled key is denied at once.';

/** Whether the tables, indexes and triggers are those that the migrations make: a trigger less, and a disabled key may pass. */
export function inspectSchema(db: Sqlite, version: number): readonly Finding[] {
  const [expected, present] = [expectedEntries(version), entriesOf(db)];
  const found: Finding[] = [];
  for (const [name, sql] of expected) {
    const own = present.get(name);
    if (own === undefined) found.push(fault('schema', `The ${name} is missing.`, UPGRADE_BY_COPY));
    // What a later release has changed is not known here.
    else if (own !== sql && version <= SCHEMA_VERSION)
      found.push(fault('schema', `The ${name} is not the one of schema ${String(version)}.`, UPGRADE_BY_COPY));
  }
  if (version <= SCHEMA_VERSION) {
    for (const name of present.keys()) {
      if (expected.has(name) || OTHERS_OWN.test(name)) continue;
      found.push(
        warning(
          'schema',
          `The ${name} is not keyctl's.`,
          'If you do not know who made it, find out: a trigger may change what is written.',
        ),
      );
    }
  }
  if (found.length > 0) return found;
  return [fine('schema', `Schema ${String(version)}: ${String(expected.size)} tables, indexes and triggers as they should be.`)];
}

function expectedEntries(version: number): Entries {
  const fresh = openFile(':memory:');
  try {
    for (const migration of MIGRATIONS) if (migration.version <= version) fresh.exec(migration.sql);
    return entriesOf(fresh);
  } finally {
    fresh.close();
  }
}

function entriesOf(db: Sqlite): Entries {
  const rows = db.prepare('SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name').all() as {
    type: string;
    name: string;
    sql: string;
  }[];
  return new Map(rows.map(({ type, name, sql }) => [`${type} ${name}`, sql.replaceAll(/\s+/g, ' ')]));
}
