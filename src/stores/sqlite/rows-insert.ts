import type { Value } from '../clauses.ts';
import type { Sql } from './sql.ts';

/** Rows go with a statement this many at a time. */
const SIZES = [64, 16, 4, 1];

/** An INSERT of however many rows: a statement costs about as much as a row, so that several go with each. */
export class RowsInsert {
  readonly #columns: number;
  readonly #texts: readonly { readonly rows: number; readonly text: string }[];

  /** `row` are the placeholders of one row, in parentheses; `more` is what follows the rows. */
  constructor(table: string, row: string, more = '') {
    this.#columns = row.split('?').length - 1;
    this.#texts = SIZES.map((rows) => ({ rows, text: `INSERT INTO ${table} VALUES ${Array<string>(rows).fill(row).join(', ')} ${more}` }));
  }

  /** `values` are those of all rows, one row after the other. */
  run(sql: Sql, values: readonly Value[]): void {
    let from = 0;
    for (const { rows, text } of this.#texts) {
      const step = rows * this.#columns;
      for (; values.length - from >= step; from += step) sql.runWith(text, values.slice(from, from + step));
    }
  }
}
