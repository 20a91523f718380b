import { SCHEMA } from './schema.ts';
import type { Sql } from './sql.ts';

/** Tables that get many rows at once when a store moves in. Nothing refers to them, and nobody looks anything up in them meanwhile. */
const FILLED = ['past_days', 'cap_spending', 'debits', 'request_ids', 'usage_hours', 'usage_days', 'denied_hours', 'denied_days'];

const THEIRS = `SELECT x.indrelid::regclass AS of, x.indexrelid::regclass AS index, c.conname AS name,
    coalesce(pg_get_constraintdef(c.oid), pg_get_indexdef(x.indexrelid)) AS text
  FROM pg_index x LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid
  WHERE x.indrelid = ANY(SELECT ('${SCHEMA}.' || filled)::regclass FROM unnest(?::text[]) AS filled) ORDER BY x.indexrelid`;

interface Index {
  readonly of: string;
  readonly index: string;
  /** Of the constraint that it stands for; null for a plain index. */
  readonly name: string | null;
  readonly text: string;
}

/**
 * Takes the indexes of the large tables away and returns what makes them again, in the same transaction: an index that is made of all rows at
 * once costs a fraction of what it costs to put each row in its place. The days of the debits lose theirs with it and get them back.
 */
export async function takeIndexes(sql: Sql): Promise<readonly string[]> {
  const indexes = await sql.all<Index>(THEIRS, FILLED);
  for (const { of, index, name } of indexes) {
    await sql.run(name === null ? `DROP INDEX ${index}` : `ALTER TABLE ${of} DROP CONSTRAINT "${name}"`);
  }
  return indexes.map(({ of, name, text }) =>
    // Of a table in parts PostgreSQL tells the index of the whole ONLY, which would have none of the parts.
    name === null ? text.replace(' ON ONLY ', ' ON ') : `ALTER TABLE ${of} ADD CONSTRAINT "${name}" ${text}`,
  );
}
