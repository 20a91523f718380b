/** What a column can be given in every store. PostgreSQL takes lists and truth values beside. */
export type Value = string | number | null | Buffer;

/** No name holds it and none sorts after it: what begins with a prefix lies below the prefix with this at its end. */
export const LAST_CHARACTER = '\u{10ffff}';

/** WHERE clauses with their values, joined by AND. `More` is what a store takes as a value beyond what every store does. */
export class Conditions<More = never> {
  readonly #clauses: string[] = [];
  readonly values: (Value | More)[] = [];

  add(clause: string, ...values: (Value | More)[]): this {
    this.#clauses.push(clause);
    this.values.push(...values);
    return this;
  }

  get text(): string {
    return this.#clauses.length === 0 ? '' : `WHERE ${this.#clauses.join(' AND ')}`;
  }
}

/** `a = ?, b = ?` for the columns of a patch that are given. */
export function assignments(columns: Readonly<Record<string, Value | undefined>>): { text: string; values: Value[] } | null {
  const given = Object.entries(columns).filter((entry): entry is [string, Value] => entry[1] !== undefined);
  if (given.length === 0) return null;
  return { text: given.map(([column]) => `${column} = ?`).join(', '), values: given.map(([, value]) => value) };
}
