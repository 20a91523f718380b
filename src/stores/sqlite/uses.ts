import type { DebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import { dayOfHour, hourOf, type Instant, type UtcHour } from '../../domain/utc-day.ts';
import { rolledUpNow } from './daily-usage.ts';
import { NumberTable, type RowPlace } from './number-table.ts';
import type { JournalEntry } from './running-rows.ts';
import { RowsInsert } from './rows-insert.ts';
import type { Sql } from './sql.ts';

/** What debits add to the usage of one hour, account, key (0 for none) and service. */
export interface Use {
  readonly hour: UtcHour;
  readonly accountRef: Ref;
  readonly keyRef: Ref;
  readonly serviceRef: Ref;
  readonly requests: number;
  readonly credits: number;
  readonly lastAt: Instant;
  /** The last debit among them. */
  readonly through: DebitNumber;
}

type UsedDebit = Pick<JournalEntry, 'number' | 'at' | 'accountRef' | 'keyRef' | 'serviceRef' | 'cost'>;

/** A list of uses that is as it was while nothing is added or removed. */
export interface SortedUses {
  readonly length: number;
  slice(from?: number, until?: number): Use[];
}

/** The columns of a use: by whom, which is the key, or less than 0 the account of charges without one; service and hour; and the sums. */
const [BY, SERVICE, HOUR, ACCOUNT, REQUESTS, CREDITS, LAST_AT, THROUGH] = [0, 1, 2, 3, 4, 5, 6, 7];
const COLUMNS = 8;

/** Sums of debits by hour, account, key and service. */
export class Uses {
  readonly #rows = new NumberTable(COLUMNS, 3);

  clear(): void {
    this.#rows.clear();
  }

  /** Adds a debit, unless its use held it already when its first debit came; `heldThrough` tells the last one that it held. */
  add({ number, at, accountRef, keyRef, serviceRef, cost }: UsedDebit, heldThrough: (use: Use) => DebitNumber = holdsNone): void {
    const rows = this.#rows;
    const [by, hour] = [keyRef ?? -accountRef, hourOf(at)];
    let row = rows.find(by, serviceRef, hour);
    if (row === null) {
      row = rows.add(by, serviceRef, hour);
      rows.set(row, ACCOUNT, accountRef);
      rows.set(row, THROUGH, heldThrough(this.#use(row)));
    }
    if (number <= rows.get(row, THROUGH)) return;
    rows.set(row, REQUESTS, rows.get(row, REQUESTS) + 1);
    rows.set(row, CREDITS, rows.get(row, CREDITS) + cost);
    rows.set(row, LAST_AT, Math.max(rows.get(row, LAST_AT), at));
    rows.set(row, THROUGH, number);
  }

  /** The sums in the order of the tables that they go to, so that neighbours are written one after the other. */
  sorted(): SortedUses {
    const rows = this.#rows;
    const places = new Float64Array(rows.size);
    let found = 0;
    rows.each((row) => {
      places[found++] = row;
    });
    places.sort(
      (one, other) =>
        rows.get(one, HOUR) - rows.get(other, HOUR) ||
        rows.get(one, ACCOUNT) - rows.get(other, ACCOUNT) ||
        rows.get(one, BY) - rows.get(other, BY) ||
        rows.get(one, SERVICE) - rows.get(other, SERVICE),
    );
    return { length: places.length, slice: (from, until) => Array.from(places.subarray(from, until), (row) => this.#use(row)) };
  }

  #use(row: RowPlace): Use {
    const rows = this.#rows;
    return {
      hour: rows.get(row, HOUR),
      accountRef: rows.get(row, ACCOUNT),
      keyRef: Math.max(0, rows.get(row, BY)),
      serviceRef: rows.get(row, SERVICE),
      requests: rows.get(row, REQUESTS),
      credits: rows.get(row, CREDITS),
      lastAt: rows.get(row, LAST_AT),
      through: rows.get(row, THROUGH),
    };
  }
}

function holdsNone(): DebitNumber {
  return 0;
}

const USAGE_HOURS = new RowsInsert(
  'usage_hours',
  '(?, ?, ?, ?, ?, ?, ?, ?)',
  `ON CONFLICT (hour, account_ref, key_ref, service_ref) DO UPDATE SET requests = requests + excluded.requests,
     credits = credits + excluded.credits, last_at = max(last_at, excluded.last_at), through = excluded.through`,
);

/** Adds the sums to the stored usage. */
export function writeUses(sql: Sql, uses: readonly Use[]): void {
  const counted = uses.filter(({ requests }) => requests > 0);
  if (counted.length === 0) return;
  const values: number[] = [];
  for (const { hour, accountRef, keyRef, serviceRef, requests, credits, lastAt, through } of counted)
    values.push(hour, accountRef, keyRef, serviceRef, requests, credits, lastAt, through);
  USAGE_HOURS.run(sql, values);
  const rolledUp = rolledUpNow(sql);
  for (const use of counted) if (rolledUp(dayOfHour(use.hour), use.accountRef)) addToDay(sql, use);
}

/** Adds to a day that is rolled up already what its hours have just been given. */
function addToDay(sql: Sql, { hour, accountRef, keyRef, serviceRef, requests, credits, lastAt }: Use): void {
  sql.run(
    `INSERT INTO usage_days VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, account_ref, key_ref, service_ref) DO UPDATE
     SET requests = requests + excluded.requests, credits = credits + excluded.credits`,
    ...[dayOfHour(hour), accountRef, keyRef, serviceRef, requests, credits],
  );
  if (keyRef === 0) return;
  const text =
    'INSERT INTO key_activity VALUES (?, ?) ON CONFLICT (key_ref) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)';
  sql.run(text, keyRef, lastAt);
}

/** The last debit that the stored usage holds of these; 0 for none. */
export function storedThrough(sql: Sql, { hour, accountRef, keyRef, serviceRef }: Use): DebitNumber {
  const text = 'SELECT through AS n FROM usage_hours WHERE hour = ? AND account_ref = ? AND key_ref = ? AND service_ref = ?';
  return sql.number(text, hour, accountRef, keyRef, serviceRef);
}

/** Debits that usage does not hold yet, as a table: those that it will be found to hold when it is folded are left out. */
export const UNFOLDED = `(SELECT d.* FROM debits d WHERE d.number > (SELECT folded_through FROM state) AND d.number > ifnull((SELECT through
  FROM usage_hours u WHERE u.hour = d.at / 3600000 AND u.account_ref = d.account_ref AND u.key_ref = ifnull(d.key_ref, 0)
  AND u.service_ref = d.service_ref), 0))`;
