import type { Value } from '../clauses.ts';
import type { Sqlite, Statement } from './database.ts';

type Row = Record<string, string | number | null | Buffer>;

/** Prepared statements, kept by their text, so that one written in a loop is compiled once. */
export class Sql {
  readonly db: Sqlite;
  readonly #statements = new Map<string, Statement>();
  readonly #raw = new Map<string, Statement>();

  constructor(db: Sqlite) {
    this.db = db;
  }

  #prepared(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** The caller names the row's shape, which is that of its SELECT; STRICT tables hold the columns to their types. */
  get<Shape = Row>(text: string, ...values: Value[]): Shape | undefined {
    return this.#prepared(text).get(...values) as Shape | undefined;
  }

  all<Shape = Row>(text: string, ...values: Value[]): Shape[] {
    return this.#prepared(text).all(...values) as Shape[];
  }

  #preparedRaw(text: string): Statement {
    let statement = this.#raw.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text).raw();
      this.#raw.set(text, statement);
    }
    return statement;
  }

  /** A row as its columns in their order, without their names: what every batch reads is read this way, at half the cost. */
  row<Columns extends readonly Value[]>(text: string, ...values: Value[]): Columns | undefined {
    return this.#preparedRaw(text).get(values) as Columns | undefined;
  }

  /** All rows in that form. */
  rows<Columns extends readonly Value[]>(text: string, ...values: Value[]): Columns[] {
    return this.#preparedRaw(text).all(values) as Columns[];
  }

  /** All rows, one after the other, each read when it is its turn. Until the last is read the connection can do nothing else. */
  each(text: string): IterableIterator<Row> {
    return this.#prepared(text).iterate() as IterableIterator<Row>;
  }

  /** Runs a statement with all its values in one list. */
  runWith(text: string, values: readonly Value[]): void {
    this.#prepared(text).run(values);
  }

  /** Returns how many rows changed. */
  run(text: string, ...values: Value[]): number {
    return this.#prepared(text).run(...values).changes;
  }

  /** Runs an INSERT and returns the new row's number. */
  insert(text: string, ...values: Value[]): number {
    return Number(this.#prepared(text).run(...values).lastInsertRowid);
  }

  /** The single number that a SELECT answers; 0 for none. */
  number(text: string, ...values: Value[]): number {
    return this.get<{ n: number | null }>(text, ...values)?.n ?? 0;
  }
}
