import type { Connection } from './connection.ts';
import type { Value } from './statements.ts';

type Row = Record<string, unknown>;

/**
 * Statements of one connection. Values are written as `?`; the columns of a row come back under their names in camel case, so that
 * `account_ref` is read as `accountRef`. Whole numbers come as numbers, also sums, which PostgreSQL makes wider.
 */
export class Sql {
  readonly connection: Connection;
  readonly #texts = new Map<string, string>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  #numbered(text: string): string {
    let numbered = this.#texts.get(text);
    if (numbered === undefined) {
      let place = 0;
      numbered = text.replaceAll('?', () => `$${String((place += 1))}`);
      this.#texts.set(text, numbered);
    }
    return numbered;
  }

  /** The caller names the row's shape, which is that of its SELECT. */
  async get<Shape = Row>(text: string, ...values: Value[]): Promise<Shape | undefined> {
    const [row] = await this.all<Shape>(text, ...values);
    return row;
  }

  async all<Shape = Row>(text: string, ...values: Value[]): Promise<Shape[]> {
    const { names, rows } = await this.connection.ask(this.#numbered(text), values);
    const keys = names.map(camelCase);
    return rows.map((row) => named(keys, row) as Shape);
  }

  /** Returns how many rows changed. */
  async run(text: string, ...values: Value[]): Promise<number> {
    return (await this.connection.ask(this.#numbered(text), values)).changed;
  }

  /** The single number that a SELECT (or a RETURNING) answers as `n`, or in its one column; 0 for none. */
  async number(text: string, ...values: Value[]): Promise<number> {
    const { rows } = await this.connection.ask(this.#numbered(text), values);
    return (rows[0]?.[0] as number | null | undefined) ?? 0;
  }

  /**
   * Runs an act in a part of the transaction that can be taken back by itself. In PostgreSQL a statement that fails ends the whole
   * transaction; whoever expects a failure, such as a name that is taken, has to put a savepoint before it.
   */
  async attempt<Result>(act: () => Promise<Result>): Promise<Result> {
    await this.connection.ask('SAVEPOINT attempt', []);
    try {
      const result = await act();
      await this.connection.ask('RELEASE SAVEPOINT attempt', []);
      return result;
    } catch (error) {
      await this.connection.ask('ROLLBACK TO SAVEPOINT attempt', []);
      throw error;
    }
  }
}

/** Written out, since most of what a large answer costs is making its rows. */
function named(keys: readonly string[], row: readonly unknown[]): Row {
  const found: Row = {};
  for (let place = 0; place < keys.length; place += 1) found[keys[place] ?? ''] = row[place];
  return found;
}

const CAMEL = new Map<string, string>();

function camelCase(column: string): string {
  let name = CAMEL.get(column);
  if (name === undefined) {
    name = column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    CAMEL.set(column, name);
  }
  return name;
}
