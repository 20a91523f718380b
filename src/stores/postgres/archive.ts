import { Misfit, type ArchiveRow, type ArchiveSum, type ArchiveWrites, type Kind, type Scope } from '../../domain/archive.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { sumsOf } from '../archive-sums.ts';
import { ArchivePut } from './archive-put.ts';
import { anyRowsOf, JSON_COLUMNS, rowsOf } from './archive-rows.ts';
import { codeOf } from './errors.ts';
import { takeIndexes } from './later-indexes.ts';
import { giveUp } from './moved.ts';
import type { Sql } from './sql.ts';

/** Rows are handed on this many at a time. */
const ROWS_AT_ONCE = 5_000;

/** What a store is emptied of before another's rows are put into it; children before their parents. */
const BEGINNINGS = [
  ...['config', 'key_prefixes', 'resets', 'account_tiers', 'accounts', 'tier_limits', 'tier_credits', 'tiers', 'services', 'environments'],
  ...['closed_days'],
];

/** Tables in which a store that was used has rows. */
const USES = ['keys', 'debits', 'adjustments', 'imports', 'past_days', 'usage_days', 'audit'];

const COUNTED = {
  keys: ['accounts', 'keys'],
  store: [
    ...['accounts', 'keys', 'adjustments', 'past_days', 'cap_spending', 'debits', 'request_ids', 'usage_hours', 'usage_days'],
    ...['denied_hours'],
  ],
};

/** Tables that grow, of which the planner knows nothing before it has looked at them. */
const GROWN = [...COUNTED.store, 'running_days', 'account_tiers', 'key_activity', 'denied_days', 'denials', 'audit'];

const UNIQUE_VIOLATION = '23505';

/** Few rows are looked up in tables of any size: without statistics the planner would read all of the smaller ones each time. */
const LOOK_UP = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';
const AS_EVER = 'SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT';

export class PostgresArchive implements ArchiveWrites {
  readonly #sql: Sql;
  #putting: ArchivePut | null = null;
  /** What makes the indexes that were taken away. */
  #indexes: readonly string[] = [];

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  count(scope: Scope): Promise<number> {
    return this.#sql.number(`SELECT ${COUNTED[scope].map((table) => `(SELECT count(*) FROM ${table})`).join(' + ')}`);
  }

  async *rows<Name extends Kind>(kind: Name, scope: Scope): AsyncGenerator<readonly ArchiveRow<Name>[]> {
    const cursor = `rows_of_${kind}`;
    await this.#sql.run('SET LOCAL cursor_tuple_fraction = 1');
    await this.#sql.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${rowsOf(kind, scope)}`);
    const fetch = (): Promise<Record<string, unknown>[]> => {
      const rows = this.#sql.all(`FETCH ${String(ROWS_AT_ONCE)} FROM ${cursor}`);
      // Where the caller goes on to something else, nobody waits for them.
      rows.catch(() => undefined);
      return rows;
    };
    // The next ones are on their way while the caller has these.
    for (let next = fetch(); ;) {
      const rows = await next;
      if (rows.length === 0) break;
      next = fetch();
      yield rows.map((row) => parsed(row, JSON_COLUMNS[kind] ?? []) as ArchiveRow<Name>);
    }
    await this.#sql.run(`CLOSE ${cursor}`);
  }

  async sums(kind: Kind): Promise<readonly ArchiveSum[]> {
    const rows = await this.#sql.all<Omit<ArchiveSum, 'kind'>>(sumsOf(kind, anyRowsOf(kind, 'store')));
    return rows.map((sum) => ({ kind, ...sum }));
  }

  async isUntouched(): Promise<boolean> {
    const used = [...USES.map((table) => `EXISTS (SELECT 1 FROM ${table})`), 'EXISTS (SELECT 1 FROM running_days WHERE day IS NOT NULL)'];
    const text = `SELECT CASE WHEN ${used.join(' OR ')} THEN 0 ELSE (SELECT count(*) FROM accounts) END`;
    return (await this.#sql.number(text)) === 1;
  }

  async clear(source: 'file' | 'store'): Promise<void> {
    for (const table of BEGINNINGS) await this.#sql.run(`DELETE FROM ${table}`);
    await this.#sql.run('UPDATE state SET counting_day = 0');
    await this.#sql.run('ALTER TABLE services ALTER COLUMN ref RESTART');
    await this.#sql.connection.script(LOOK_UP);
    this.#indexes = source === 'store' ? await takeIndexes(this.#sql) : [];
    this.#putting = new ArchivePut(this.#sql);
  }

  async put<Name extends Kind>(kind: Name, rows: readonly ArchiveRow<Name>[]): Promise<void> {
    if (this.#putting === null) throw new RangeError('rows are put into a store that was cleared');
    await this.#putting.put(kind, rows);
  }

  async seal(): Promise<void> {
    await this.#sql.connection.script(AS_EVER);
    await this.#makeIndexes();
    const newest = '(SELECT coalesce(max(number), 0) AS number FROM debits)';
    // Every debit is in the usage that came with it, and the next ones are numbered on from there.
    await this.#sql.run(`UPDATE state SET folded_through = newest.number FROM ${newest} newest`);
    await this.#sql.run(`SELECT setval('debit_numbers', greatest(last_value, newest.number)) FROM debit_numbers, ${newest} newest`);
    await this.#sql.run(`ANALYZE ${GROWN.join(', ')}`);
    this.#putting = null;
  }

  async #makeIndexes(): Promise<void> {
    for (const text of this.#indexes) {
      try {
        await this.#sql.run(text);
      } catch (error) {
        if (codeOf(error) === UNIQUE_VIOLATION) throw new Misfit('It is there twice.', 0, error);
        throw error;
      }
    }
  }

  async giveUp(to: string, at: Instant): Promise<void> {
    await giveUp(this.#sql, to, at);
  }
}

function parsed(row: Readonly<Record<string, unknown>>, columns: readonly string[]): Record<string, unknown> {
  const found = { ...row };
  for (const column of columns) if (typeof row[column] === 'string') found[column] = JSON.parse(row[column]);
  return found;
}
