import { Misfit, type ArchiveRow, type Kind } from '../../domain/archive.ts';
import type { Ref } from '../../domain/entities.ts';
import type { UtcDay } from '../../domain/utc-day.ts';
import { arrayLiteral } from './array-literal.ts';
import { ACCOUNT_SHAPE, ACCOUNT_TIER_SHAPE, ACTIVITY_SHAPE, importedShape, KEY_SHAPE, SHAPES, type Shape } from './archive-shapes.ts';
import { codeOf } from './errors.ts';
import { addPartition, dayOfNumber } from './partitions.ts';
import type { Sql } from './sql.ts';

type Rows<Name extends Kind> = readonly ArchiveRow<Name>[];
type Puts = { readonly [Name in Kind]?: (rows: Rows<Name>) => Promise<void> };

const FOUND_IN = { account: ['a', 'accounts', 'an account'], key: ['k', 'keys', 'a key'], import: ['i', 'imports', 'an import'] } as const;

const IMPORTED_ACCOUNTS = importedShape('accounts', 'account_ref');
const IMPORTED_KEYS = importedShape('keys', 'key_ref');

/** Puts rows of another store into one that is empty, many in a statement, each with a number of this store's own. Throws Misfit. */
export class ArchivePut {
  readonly #sql: Sql;
  readonly #services = new Map<number, Ref>();
  readonly #days = new Set<UtcDay>();
  #places = 0;
  #accounts = 0;
  #keys = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async put<Name extends Kind>(kind: Name, rows: Rows<Name>): Promise<void> {
    const here = rows.map((row, place) => this.#withOwnService(row, place));
    try {
      await this.#sql.attempt(() => this.#store(kind, here));
    } catch (error) {
      if (!doesNotFit(error)) throw error;
      if (here.length === 1) throw new Misfit(await this.#reason(here[0]), 0, error);
      await this.#findMisfit(kind, here);
      throw error;
    }
  }

  /** One after the other, up to the one that does not fit. */
  async #findMisfit<Name extends Kind>(kind: Name, rows: Rows<Name>): Promise<void> {
    for (const [place, row] of rows.entries()) {
      try {
        await this.#sql.attempt(() => this.#store(kind, [row]));
      } catch (error) {
        if (!doesNotFit(error)) throw error;
        throw new Misfit(await this.#reason(row), place, error);
      }
    }
  }

  async #reason(row: Readonly<Record<string, unknown>> | undefined): Promise<string> {
    for (const [name, [, table, what]] of Object.entries(FOUND_IN)) {
      const id = row?.[name];
      if (typeof id !== 'string') continue;
      if ((await this.#sql.number(`SELECT count(*) FROM ${table} WHERE id = ?`, id)) === 0)
        return `It refers to ${what} that no line before it has.`;
    }
    return 'It does not fit the lines before it.';
  }

  #withOwnService<Name extends Kind>(row: ArchiveRow<Name>, place: number): ArchiveRow<Name> {
    const { service: given } = row as { readonly service?: number | null };
    if (typeof given !== 'number') return row;
    const service = this.#services.get(given);
    if (service === undefined) throw new Misfit('It refers to a service that no line before it has.', place);
    return { ...row, service };
  }

  async #store<Name extends Kind>(kind: Name, rows: Rows<Name>): Promise<void> {
    if (kind === 'debit') await this.#makeDays(rows as Rows<'debit'>);
    const own: ((rows: Rows<Name>) => Promise<void>) | undefined = this.#puts[kind];
    if (own !== undefined) return own(rows);
    return this.#insert((SHAPES as Readonly<Partial<Record<Kind, Shape<never>>>>)[kind] as Shape<ArchiveRow<Name>>, rows);
  }

  async #makeDays(debits: Rows<'debit'>): Promise<void> {
    for (const day of new Set(debits.map(({ id }) => dayOfNumber(id)))) {
      if (this.#days.has(day)) continue;
      await addPartition(this.#sql.connection, day);
      this.#days.add(day);
    }
  }

  async #insert<Row>({ into, select, given, names }: Shape<Row>, rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const arrays = given.map(({ type }) => `?::${type}[]`).join();
    const columns = given.map(({ name }) => `"${name}"`).join();
    const joins = names.map((name) => `LEFT JOIN ${FOUND_IN[name][1]} ${FOUND_IN[name][0]} ON ${FOUND_IN[name][0]}.id = r.${name}`);
    const found = names.map((name) => `(r.${name} IS NULL OR ${FOUND_IN[name][0]}.ref IS NOT NULL)`);
    const stored = await this.#sql.run(
      `INSERT INTO ${into} SELECT ${select} FROM unnest(${arrays}) WITH ORDINALITY AS r(${columns}, place) ${joins.join(' ')}
       WHERE ${['true', ...found].join(' AND ')} ORDER BY r.place`,
      ...given.map(({ of }) => arrayLiteral(rows.map((row) => of(row)))),
    );
    if (stored < rows.length) throw new Unfound();
  }

  readonly #puts: Puts = {
    state: async ([row]) => {
      if (row === undefined) return;
      await this.#sql.run('UPDATE state SET closed_through = ?, ahead_micros = ?', row.closedThrough, row.aheadMicros);
    },
    prefix: async (rows) => {
      for (const { prefix, since } of rows) {
        this.#places += 1;
        await this.#sql.run('INSERT INTO key_prefixes VALUES (?, ?, ?)', prefix, since, this.#places);
      }
    },
    service: async (rows) => {
      for (const { number, name, cost, environment, deletedAt } of rows) {
        const text = 'INSERT INTO services (name, cost, environment, deleted_at) VALUES (?, ?, ?, ?) RETURNING ref';
        this.#services.set(number, await this.#sql.number(text, name, cost, environment, deletedAt));
      }
    },
    tier: async (rows) => {
      for (const { name, deletedAt, credits, limits } of rows) {
        await this.#sql.run('INSERT INTO tiers VALUES (?, ?)', name, deletedAt);
        for (const entry of credits) await this.#sql.run('INSERT INTO tier_credits VALUES (?, ?, ?)', name, entry.from, entry.credits);
        for (const { service, requestsPerSecond, burst } of limits) {
          await this.#sql.run('INSERT INTO tier_limits VALUES (?, ?, ?, ?)', name, service, requestsPerSecond, burst);
        }
      }
    },
    account: async (rows) => {
      const numbered = rows.map((row, place) => ({ ...row, ref: this.#accounts + place + 1 }));
      await this.#insert(ACCOUNT_SHAPE, numbered);
      await this.#insert(
        ACCOUNT_TIER_SHAPE,
        numbered.flatMap(({ ref, tiers }) => tiers.map((tier) => ({ ...tier, account: ref }))),
      );
      await this.#insert(IMPORTED_ACCOUNTS, imported(numbered));
      this.#accounts += rows.length;
    },
    key: async (rows) => {
      const refs = new Map(rows.map(({ id }, place) => [id, this.#keys + place + 1]));
      const numbered = rows.map((row) => ({ ...row, ref: refs.get(row.id) ?? 0, capRef: refs.get(row.capOf) ?? null }));
      await this.#insert(KEY_SHAPE, numbered);
      await this.#insert(
        ACTIVITY_SHAPE,
        numbered.flatMap(({ ref, lastUsedAt }) => (lastUsedAt === null ? [] : [{ ref, lastUsedAt }])),
      );
      await this.#insert(IMPORTED_KEYS, imported(numbered));
      this.#keys += rows.length;
    },
  };
}

function imported(rows: readonly { readonly import: string | null; readonly ref: Ref }[]): { import: string; ref: Ref }[] {
  return rows.flatMap((row) => (row.import === null ? [] : [{ import: row.import, ref: row.ref }]));
}

/** Fewer rows were stored than given: some name what there is not. */
class Unfound extends Error {}

/** A constraint, or a character that no text of PostgreSQL may hold. */
function doesNotFit(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof Unfound || code.startsWith('23') || code === '22021';
}
