/** The names and types of columns, in their order. */
export type Columns = Readonly<Record<string, 'bigint' | 'text' | 'boolean'>>;

/**
 * A row for each place of as many arrays, the first of which is the value of that number. They are taken apart where columns are listed: among
 * the tables each array would become a table of its own first, with 16 KiB of memory whatever is in it, which was a third of a batch's time.
 */
export function rowsFrom(first: number, columns: Columns, name = 'c'): string {
  const arrays = Object.entries(columns).map(([column, type], place) => `unnest($${String(first + place)}::${type}[]) AS ${column}`);
  return `(SELECT ${arrays.join()}) ${name}`;
}

export function namesOf(columns: Columns): string {
  return Object.keys(columns).join();
}

/** Adds rows, or takes the place of those that there are; the first columns, so many of them, are the key. */
export function putRows(table: string, keys: number, columns: Columns): string {
  const names = Object.keys(columns);
  const changed = names.slice(keys).map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${table} (${names.join()}) SELECT * FROM ${rowsFrom(1, columns)}
    ON CONFLICT (${names.slice(0, keys).join()}) DO UPDATE SET ${changed.join()}`;
}
