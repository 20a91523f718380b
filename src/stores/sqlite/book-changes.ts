import type { Ref } from '../../domain/entities.ts';
import type { Sql } from './sql.ts';

/** Stands for any number of accounts. */
export const MANY_ACCOUNTS: Ref = 0;

/** How many changes are kept; who is further behind forgets everything. */
const MOST_KEPT = 1_000;

/** Tells every connection that an account's running day was changed as no debit tells. */
export function announceChange(sql: Sql, accountRef: Ref): void {
  sql.run('UPDATE state SET books = books + 1');
  sql.run('INSERT INTO book_changes SELECT books, ? FROM state', accountRef);
  sql.run('DELETE FROM book_changes WHERE version <= (SELECT books FROM state) - ?', MOST_KEPT);
}

/** The accounts whose running days were so changed between two counts, or null when any may have been. */
export function changedSince(sql: Sql, before: number, books: number): readonly Ref[] | null {
  if (before === books) return [];
  if (before < 0) return null;
  const changes = sql.rows<[Ref]>('SELECT account_ref FROM book_changes WHERE version > ?', before);
  const refs = new Set(changes.map(([ref]) => ref));
  return changes.length === books - before && !refs.has(MANY_ACCOUNTS) ? [...refs] : null;
}
