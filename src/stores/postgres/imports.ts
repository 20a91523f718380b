import type { Import, ImportRows, ImportWrites } from '../../domain/imports.ts';
import { notYet } from './not-yet.ts';
import type { Sql } from './sql.ts';

const SELECT = 'SELECT ref, id, begun_at, done_at, undone_at, accounts, keys FROM imports';
const DONE = 'SELECT count(*) FROM imports WHERE done_at IS NOT NULL AND undone_at IS NULL AND keys > 0';

/** What of imports can be read; making them is still to come. */
function readingImports(sql: Sql): Pick<ImportRows, 'byId' | 'unfinished' | 'any'> {
  return {
    byId: async (id) => (await sql.get<Import>(`${SELECT} WHERE id = ?`, id)) ?? null,
    unfinished: async () => (await sql.get<Import>(`${SELECT} WHERE done_at IS NULL`)) ?? null,
    any: async () => (await sql.number(DONE)) > 0,
  };
}

const Writing = notYet<ImportWrites>();

export const PostgresImports = function (sql: Sql): ImportWrites {
  const reading = readingImports(sql);
  return new Proxy(new Writing(), { get: (writing, name) => Reflect.get(name in reading ? reading : writing, name) as unknown });
} as unknown as new (sql: Sql, ...more: readonly unknown[]) => ImportWrites;
