import pg from 'pg';
import type { Value as Scalar } from '../clauses.ts';
import { arrayLiteral } from './array-literal.ts';

/** What a statement is given; PostgreSQL takes their types from where they stand. */
export type Value = Scalar | boolean | readonly (string | number | null)[];

export interface Statement {
  readonly text: string;
  readonly values?: readonly Value[];
  /** With a name it is prepared once for the connection, under its text. */
  readonly name?: string;
}

export interface Answer {
  /** The names of the columns. */
  readonly names: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** How many rows a statement changed. */
  readonly changed: number;
  /** `SELECT`, `COMMIT`, `ROLLBACK` … */
  readonly command: string;
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** The statements that a connection's server has prepared, with the columns of their answers. */
export type Prepared = Map<string, readonly Column[]>;

/**
 * Several statements in one message with one `Sync` at its end, so that the server answers them all in one message as well: each message
 * wakes the other side up, and that costs more than most statements do. After one that fails the server skips the others, a `COMMIT` among
 * them: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING.
 *
 * The driver sends each query with a `Sync` of its own; its connection, which is documented for queries of one's own, has the messages.
 */
export class Statements extends pg.Query {
  readonly statements: readonly Statement[];
  readonly #prepared: Prepared;
  readonly #settled: (error: Error | null, answers: Answer[]) => void;
  readonly #answers: Answer[] = [];
  readonly #columns: (readonly Column[])[] = [];
  #rows: (readonly unknown[])[] = [];
  #failure: Error | null = null;

  constructor(statements: readonly Statement[], prepared: Prepared, settled: (error: Error | null, answers: Answer[]) => void) {
    super('');
    this.statements = statements;
    this.#prepared = prepared;
    this.#settled = settled;
  }

  override submit = (connection: pg.Connection): null => {
    connection.stream.cork();
    try {
      for (const [place, statement] of this.statements.entries()) this.#send(connection, place, statement);
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
    return null;
  };

  #send(connection: pg.Connection, place: number, { text, values = [], name = '' }: Statement): void {
    const known = this.#prepared.get(name);
    if (known === undefined) {
      // A batch that failed may have prepared it, or not come so far; to close what is not there is no failure.
      if (name !== '') connection.close({ type: 'S', name }, true);
      connection.parse({ name, text, types: [] }, true);
    } else {
      this.#columns[place] = known;
    }
    connection.bind({ portal: '', statement: name, values: values.map(asSent) }, true);
    if (known === undefined) connection.describe({ type: 'P' }, true);
    connection.execute(null, true);
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns[this.#answers.length] = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#failure !== null) return;
    const columns = this.#columns[this.#answers.length] ?? [];
    try {
      this.#rows.push(fields.map((field, place) => (field === null ? null : columns[place]?.parse(field))));
    } catch (error) {
      this.#failure = error as Error;
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const [command = '', ...counts] = text.split(' ');
    const columns = this.#columns[this.#answers.length] ?? [];
    this.#answers.push({ names: columns.map(({ name }) => name), rows: this.#rows, changed: Number(counts.at(-1) ?? 0), command });
    this.#rows = [];
  }

  /**
   * Whatever was sent behind the statement that failed was skipped. How the transaction was left the server says afterwards, and until then
   * nobody may ask; or it hangs up.
   */
  handleError(error: Error, connection: pg.Connection): void {
    const tell = (): void => {
      connection.off('readyForQuery', tell);
      connection.off('end', tell);
      this.#settled(error, []);
    };
    if (!(error instanceof pg.DatabaseError)) {
      tell();
      return;
    }
    connection.on('readyForQuery', tell);
    connection.on('end', tell);
  }

  handleReadyForQuery(): void {
    for (const [place, { name }] of this.statements.entries())
      if (name !== undefined && !this.#prepared.has(name)) this.#prepared.set(name, this.#columns[place] ?? []);
    this.#settled(this.#failure, this.#answers);
  }
}

function asSent(value: Value): Buffer | string | null {
  if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) return value;
  return typeof value === 'object' ? arrayLiteral(value) : String(value);
}

const BIGINT = 20;
const NUMERIC = 1700;
const BIGINTS = 1016;
const NUMERICS = 1231;

/** SECURITY: a number that a double cannot hold would be another number; it is refused instead. */
function toNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw new RangeError('a number that is too large came from the store');
  return number;
}

function toNumbers(text: string): readonly number[] {
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(toNumber);
}

const PARSERS = new Map<number, (text: string) => unknown>([
  [BIGINT, toNumber],
  [NUMERIC, toNumber],
  [BIGINTS, toNumbers],
  [NUMERICS, toNumbers],
]);

/** The driver names the types that it knows, and takes any. */
const others = pg.types as unknown as { getTypeParser(oid: number, format: 'text'): (text: string) => unknown };

function parserOf(type: number): (text: string) => unknown {
  return PARSERS.get(type) ?? others.getTypeParser(type, 'text');
}
