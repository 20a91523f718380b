import type { DebitNumber, NewDebit } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { ArrivalMicros } from '../../domain/rate-limit.ts';
import type { RunningDay } from '../../domain/settle.ts';
import { dayOf, type UtcDay } from '../../domain/utc-day.ts';
import { arrivalsText, NO_ARRIVALS, parseArrivals } from '../arrivals.ts';
import { announceChange, changedSince } from './book-changes.ts';
import { NumberTable, type RowPlace } from './number-table.ts';
import { RowsInsert } from './rows-insert.ts';
import type { Sql } from './sql.ts';

/** What the store's one row of state says about the rows that debits are folded into, and the newest debit. */
export interface JournalState {
  readonly books: number;
  readonly folds: number;
  readonly foldedThrough: DebitNumber;
  readonly newest: DebitNumber;
}

/** A debit as far as rows follow from it. */
export type JournalEntry = Omit<NewDebit, 'requestId'>;

/** The columns of a row; the arrival time of one service is all that most accounts have, 0 and 0 for none, and SEVERAL when there are more. */
const [ACCOUNT, DAY, GRANTED, ADJUSTED, SPENT, SERVICE, ARRIVAL, THROUGH, UNBOOKED] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const COLUMNS = 9;
const SEVERAL = -1;

/** How many rows are remembered that are stored as well; one more, and they are forgotten, which is correct and only slower. */
const MOST_REMEMBERED = 20_000;

const RUNNING_DAYS = new RowsInsert(
  'running_days',
  '(?, ?, ?, ?, ?, ?, ?)',
  `ON CONFLICT (account_ref) DO UPDATE SET day = excluded.day, granted = excluded.granted, adjusted = excluded.adjusted,
     spent = excluded.spent, arrivals = excluded.arrivals, through = excluded.through`,
);

type JournalColumns = [number, number, Ref, Ref | null, Ref, number, number, number | null];

/**
 * The running days as they are: the stored rows and the debits that are still to be added to them. What is remembered is exact as long as
 * nothing but debits was written since, which `follow` looks up in every transaction; it adds those that others have written.
 */
export class RunningRows {
  readonly #sql: Sql;
  readonly #counted: (debit: JournalEntry) => void;
  /** By account. Through which debit a row holds them all is its `THROUGH`; the stored row lacks some of those where it is `UNBOOKED`. */
  readonly #rows = new NumberTable(COLUMNS, 1);
  /** All arrival times of an account that has several. */
  readonly #arrivals = new Map<Ref, ReadonlyMap<Ref, ArrivalMicros>>();
  #unbooked = 0;
  #books = -1;
  #seen: DebitNumber = -1;
  #version = 0;

  /** `counted` is told of every debit that others have settled. */
  constructor(sql: Sql, counted: (debit: JournalEntry) => void) {
    this.#sql = sql;
    this.#counted = counted;
  }

  /** The newest debit that the rows hold. */
  get seen(): DebitNumber {
    return this.#seen;
  }

  /** Rises whenever a row changes that is not stored as it is. */
  get version(): number {
    return this.#version;
  }

  /** The accounts whose stored row lacks debits, in any order. */
  eachUnbooked(visit: (accountRef: Ref) => void): void {
    this.#rows.each((row) => {
      if (this.#rows.get(row, UNBOOKED) === 1) visit(this.#rows.get(row, ACCOUNT));
    });
  }

  /** Those accounts in ascending order. */
  unbookedRefs(): Float64Array {
    const refs = new Float64Array(this.#unbooked);
    let found = 0;
    this.eachUnbooked((ref) => {
      refs[found++] = ref;
    });
    return refs.sort();
  }

  isUnbooked(accountRef: Ref): boolean {
    const row = this.#rows.find(accountRef);
    return row !== null && this.#rows.get(row, UNBOOKED) === 1;
  }

  forget(): void {
    this.#books = -1;
  }

  /** Brings the rows to what the transaction sees. `foldedByOthers`: rows that are remembered as lacking debits may have been stored. */
  follow(state: JournalState, foldedByOthers: boolean): void {
    const { books, foldedThrough, newest } = state;
    const changed = changedSince(this.#sql, this.#books, books);
    // Debits that others have folded already may have been pruned: rows that lack them cannot be made up for.
    if (changed === null || foldedThrough > this.#seen) {
      this.#rows.clear();
      this.#arrivals.clear();
      this.#unbooked = 0;
      this.#version += 1;
      this.#seen = foldedThrough;
    } else {
      if (foldedByOthers) this.#noteStored(foldedThrough);
      for (const ref of changed) this.#readAgain(ref);
    }
    this.#books = books;
    if (newest > this.#seen) this.#add(newest);
    if (this.#rows.size - this.#unbooked > MOST_REMEMBERED) this.#forgetStored();
  }

  #noteStored(foldedThrough: DebitNumber): void {
    if (this.#unbooked === 0) return;
    this.#rows.each((row) => {
      if (this.#rows.get(row, THROUGH) <= foldedThrough) this.#booked(row);
    });
  }

  #forgetStored(): void {
    this.#rows.retain((row) => this.#rows.get(row, UNBOOKED) === 1);
    for (const ref of this.#arrivals.keys()) if (this.#rows.find(ref) === null) this.#arrivals.delete(ref);
  }

  /** A row that was changed was stored with all debits of then; those after it are few. */
  #readAgain(ref: Ref): void {
    const known = this.#rows.find(ref);
    if (known === null) return;
    const row = this.#read(ref);
    if (row === null) this.#remove(known);
    const through = row === null ? 0 : this.#rows.get(row, THROUGH);
    for (const debit of this.#debitsAfter(through, 'AND number <= ? AND account_ref = ?', this.#seen, ref)) this.#addDebit(debit);
    this.#version += 1;
  }

  #remove(row: RowPlace): void {
    this.#booked(row);
    this.#arrivals.delete(this.#rows.get(row, ACCOUNT));
    this.#rows.retain((other) => other !== row);
  }

  #debitsAfter(after: DebitNumber, more = '', ...values: number[]): JournalEntry[] {
    const columns = 'number, at, account_ref, key_ref, service_ref, cost, balance_after, arrival';
    const text = `SELECT ${columns} FROM debits WHERE number > ? ${more} ORDER BY number`;
    return this.#sql
      .rows<JournalColumns>(text, after, ...values)
      .map(([number, at, accountRef, keyRef, serviceRef, cost, balanceAfter, arrival]) => {
        return { number, at, accountRef, keyRef, serviceRef, cost, balanceAfter, arrival };
      });
  }

  #add(newest: DebitNumber): void {
    for (const debit of this.#debitsAfter(this.#seen)) {
      this.#addDebit(debit);
      this.#counted(debit);
    }
    this.#seen = newest;
  }

  #addDebit(debit: JournalEntry): void {
    const { number, accountRef } = debit;
    const day = dayOf(debit.at);
    const rows = this.#rows;
    let row = this.#row(accountRef);
    // Whoever opened the account's new day wrote the row itself.
    if (row !== null && rows.get(row, DAY) !== day && rows.get(row, THROUGH) < number) row = this.#read(accountRef);
    if (row !== null && rows.get(row, THROUGH) >= number) return;
    if (row !== null && rows.get(row, DAY) !== day) throw new RangeError('a debit of another day than its account is on');
    if (row !== null && rows.get(row, SERVICE) === 0 && debit.arrival === null) {
      // Most debits, and a server that takes turns with another reads thousands at once.
      rows.set(row, SPENT, rows.get(row, SPENT) + debit.cost);
      rows.set(row, THROUGH, number);
      this.#lacks(row);
      return;
    }
    this.settled(accountRef, row === null ? this.#opened(debit, day) : withDebit(this.#runningOf(row), debit), number);
  }

  /** A day begins without a row when it displaces nothing: its grant is what the first debit left, and took, without the adjustments. */
  #opened({ accountRef, serviceRef, cost, balanceAfter, arrival }: JournalEntry, day: UtcDay): RunningDay {
    const adjusted = this.#sql.number('SELECT sum(amount) AS n FROM adjustments WHERE account_ref = ? AND day = ?', accountRef, day);
    const balance = { day, granted: balanceAfter + cost - adjusted, adjusted, spent: cost };
    return { balance, arrivals: new Map(arrival === null ? [] : [[serviceRef, arrival]]) };
  }

  #row(accountRef: Ref): RowPlace | null {
    return this.#rows.find(accountRef) ?? this.#read(accountRef);
  }

  #read(accountRef: Ref): RowPlace | null {
    const text = 'SELECT day, granted, adjusted, spent, arrivals, through FROM running_days WHERE account_ref = ?';
    const found = this.#sql.row<[number, number, number, number, string, number]>(text, accountRef);
    if (found === undefined) return null;
    const [day, granted, adjusted, spent, arrivals, through] = found;
    const row = this.#set(accountRef, { balance: { day, granted, adjusted, spent }, arrivals: parseArrivals(arrivals) }, through);
    this.#booked(row);
    return row;
  }

  #set(accountRef: Ref, { balance, arrivals }: RunningDay, through: DebitNumber): RowPlace {
    const rows = this.#rows;
    const row = rows.find(accountRef) ?? rows.add(accountRef);
    rows.set(row, DAY, balance.day);
    rows.set(row, GRANTED, balance.granted);
    rows.set(row, ADJUSTED, balance.adjusted);
    rows.set(row, SPENT, balance.spent);
    rows.set(row, THROUGH, through);
    if (arrivals.size > 1) this.#arrivals.set(accountRef, arrivals);
    else if (rows.get(row, SERVICE) === SEVERAL) this.#arrivals.delete(accountRef);
    rows.set(row, SERVICE, arrivals.size > 1 ? SEVERAL : 0);
    if (arrivals.size === 1) {
      for (const [serviceRef, arrival] of arrivals) {
        rows.set(row, SERVICE, serviceRef);
        rows.set(row, ARRIVAL, arrival);
      }
    }
    return row;
  }

  #lacks(row: RowPlace): void {
    if (this.#rows.get(row, UNBOOKED) === 0) this.#unbooked += 1;
    this.#rows.set(row, UNBOOKED, 1);
    this.#version += 1;
  }

  #booked(row: RowPlace): void {
    if (this.#rows.get(row, UNBOOKED) === 0) return;
    this.#rows.set(row, UNBOOKED, 0);
    this.#unbooked -= 1;
    this.#version += 1;
  }

  #runningOf(row: RowPlace): RunningDay {
    const rows = this.#rows;
    const [day, granted, adjusted, spent] = [rows.get(row, DAY), rows.get(row, GRANTED), rows.get(row, ADJUSTED), rows.get(row, SPENT)];
    return { balance: { day, granted, adjusted, spent }, arrivals: this.#arrivalsOf(row) };
  }

  #arrivalsOf(row: RowPlace): ReadonlyMap<Ref, ArrivalMicros> {
    const serviceRef = this.#rows.get(row, SERVICE);
    if (serviceRef === 0) return NO_ARRIVALS;
    if (serviceRef === SEVERAL) return this.#arrivals.get(this.#rows.get(row, ACCOUNT)) ?? NO_ARRIVALS;
    return new Map([[serviceRef, this.#rows.get(row, ARRIVAL)]]);
  }

  /** The account's row as the transaction sees it, or null when the account never spent. Only after `follow`. */
  get(accountRef: Ref): RunningDay | null {
    const row = this.#row(accountRef);
    return row === null ? null : this.#runningOf(row);
  }

  /** Takes over what a batch has left, which follows from its debits; the last of them is `through`. */
  settled(accountRef: Ref, running: RunningDay, through: DebitNumber): void {
    this.#lacks(this.#set(accountRef, running, through));
  }

  /** The batch is taken over as a whole: its last debit is `through`. */
  reached(through: DebitNumber): void {
    this.#seen = Math.max(this.#seen, through);
  }

  /** Stores a row that does not follow from debits alone. `through` is the last debit that it holds. */
  store(accountRef: Ref, running: RunningDay, through: DebitNumber): void {
    this.#set(accountRef, running, through);
    this.book([accountRef]);
  }

  /** Tells every process that the row was changed as no debit tells. */
  announce(accountRef: Ref): void {
    announceChange(this.#sql, accountRef);
    this.#books += 1;
  }

  /** Adds to the stored rows whatever they lack. */
  book(accountRefs: Iterable<Ref>): void {
    const values: (number | string)[] = [];
    for (const ref of accountRefs) {
      const row = this.#rows.find(ref);
      if (row === null) continue;
      const { balance, arrivals } = this.#runningOf(row);
      const { day, granted, adjusted, spent } = balance;
      values.push(ref, day, granted, adjusted, spent, arrivalsText(arrivals), this.#rows.get(row, THROUGH));
      this.#booked(row);
    }
    RUNNING_DAYS.run(this.#sql, values);
  }
}

/** As `settle` leaves a row: with the new arrival, and without those that have passed. */
function withDebit({ balance, arrivals }: RunningDay, { at, serviceRef, cost, arrival }: JournalEntry): RunningDay {
  const ahead = new Map([...arrivals].filter(([, other]) => other > at * 1_000));
  if (arrival !== null) ahead.set(serviceRef, arrival);
  return { balance: { ...balance, spent: balance.spent + cost }, arrivals: ahead };
}
