import { type ArchiveRow, type ArchiveSum, type ArchiveWrites, type Kind, type Scope } from '../../domain/archive.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { sumsOf } from '../archive-sums.ts';
import { announceChange, MANY_ACCOUNTS } from './book-changes.ts';
import { ArchivePut } from './archive-put.ts';
import { JSON_COLUMNS, rowsOf } from './archive-rows.ts';
import type { SqliteCredits } from './credits.ts';
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
const USES = ['keys', 'debits', 'adjustments', 'imports', 'past_days', 'running_days', 'usage_days', 'audit'];

const COUNTED = {
  keys: ['accounts', 'keys'],
  store: [
    'accounts',
    'keys',
    'adjustments',
    'past_days',
    'cap_spending',
    'debits',
    'request_ids',
    'usage_hours',
    'usage_days',
    'denied_hours',
  ],
};

export class SqliteArchive implements ArchiveWrites {
  readonly #sql: Sql;
  readonly #credits: SqliteCredits;
  #putting: ArchivePut | null = null;

  constructor(sql: Sql, credits: SqliteCredits) {
    this.#sql = sql;
    this.#credits = credits;
  }

  async count(scope: Scope): Promise<number> {
    return this.#sql.number(`SELECT ${COUNTED[scope].map((table) => `(SELECT count(*) FROM ${table})`).join(' + ')} AS n`);
  }

  async *rows<Name extends Kind>(kind: Name, scope: Scope): AsyncGenerator<readonly ArchiveRow<Name>[]> {
    this.#credits.ready();
    let some: ArchiveRow<Name>[] = [];
    for (const row of this.#sql.each(rowsOf(kind, scope))) {
      some.push(parsed(row, JSON_COLUMNS[kind] ?? []) as ArchiveRow<Name>);
      if (some.length < ROWS_AT_ONCE) continue;
      yield some;
      some = [];
    }
    if (some.length > 0) yield some;
  }

  async sums(kind: Kind): Promise<readonly ArchiveSum[]> {
    this.#credits.ready();
    return this.#sql.all<Omit<ArchiveSum, 'kind'>>(sumsOf(kind, rowsOf(kind, 'store'))).map((sum) => ({ kind, ...sum }));
  }

  async isUntouched(): Promise<boolean> {
    const used = USES.map((table) => `EXISTS (SELECT 1 FROM ${table})`).join(' OR ');
    return this.#sql.number(`SELECT NOT (${used}) AND (SELECT count(*) FROM accounts) = 1 AS n`) === 1;
  }

  async clear(): Promise<void> {
    for (const table of BEGINNINGS) this.#sql.run(`DELETE FROM ${table}`);
    this.#sql.run('UPDATE state SET counting_day = 0');
    this.#putting = new ArchivePut(this.#sql);
  }

  async put<Name extends Kind>(kind: Name, rows: readonly ArchiveRow<Name>[]): Promise<void> {
    if (this.#putting === null) throw new RangeError('rows are put into a store that was cleared');
    for (const [place, row] of rows.entries()) this.#putting.put(kind, row, place);
  }

  async seal(): Promise<void> {
    // Every debit is in the books and the usage that came with it.
    this.#sql.run('UPDATE state SET folds = folds + 1, folded_through = ifnull((SELECT max(number) FROM debits), 0)');
    announceChange(this.#sql, MANY_ACCOUNTS);
    this.#putting = null;
  }

  async giveUp(to: string, at: Instant): Promise<void> {
    giveUp(this.#sql.db, to, at);
  }
}

function parsed(row: Readonly<Record<string, unknown>>, columns: readonly string[]): Record<string, unknown> {
  const found = { ...row };
  for (const column of columns) if (typeof row[column] === 'string') found[column] = JSON.parse(row[column]);
  return found;
}
