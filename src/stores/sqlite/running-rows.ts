import type { DebitNumber, NewDebit } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { ArrivalMicros } from '../../domain/rate-limit.ts';
import type { RunningDay } from '../../domain/settle.ts';
import { dayOf, type UtcDay } from '../../domain/utc-day.ts';
import { announceChange, changedSince } from './book-changes.ts';
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

/**
 * One row, changed in place: thousands of rows that are replaced with every batch outlive the young generation, and collecting them cost
 * more than deciding.
 */
interface Row {
  day: UtcDay;
  granted: number;
  adjusted: number;
  spent: number;
  /** The arrival time of one service, which is all that most accounts have; 0 and 0 for none. */
  serviceRef: Ref;
  arrival: ArrivalMicros;
  /** All arrival times, when there are several. */
  arrivals: ReadonlyMap<Ref, ArrivalMicros> | null;
  /** The last debit that it holds. */
  through: DebitNumber;
  /** The last debit that the stored row holds; 0 without one. */
  stored: DebitNumber;
}

/** How many rows are remembered that are stored as well; one more, and they are forgotten, which is correct and only slower. */
const MOST_REMEMBERED = 20_000;

type JournalColumns = [number, number, Ref, Ref | null, Ref, number, number, number | null];

/**
 * The running days as they are: the stored rows and the debits that are still to be added to them. What is remembered is exact as long as
 * nothing but debits was written since, which `follow` looks up in every transaction; it adds those that others have written.
 */
export class RunningRows {
  readonly #sql: Sql;
  readonly #counted: (debit: JournalEntry) => void;
  readonly #rows = new Map<Ref, Row>();
  readonly #unbooked = new Set<Ref>();
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

  /** Accounts whose stored row lacks debits. */
  get unbooked(): ReadonlySet<Ref> {
    return this.#unbooked;
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
      this.#unbooked.clear();
      this.#version += 1;
      this.#seen = foldedThrough;
    } else {
      if (foldedByOthers) this.#noteStored(foldedThrough);
      for (const ref of changed) this.#readAgain(ref);
    }
    this.#books = books;
    if (newest > this.#seen) this.#add(newest);
    if (this.#rows.size - this.#unbooked.size > MOST_REMEMBERED) this.#forgetStored();
  }

  #noteStored(foldedThrough: DebitNumber): void {
    for (const ref of this.#unbooked) {
      const row = this.#rows.get(ref);
      if (row === undefined || row.through > foldedThrough) continue;
      row.stored = row.through;
      this.#unbooked.delete(ref);
      this.#version += 1;
    }
  }

  #forgetStored(): void {
    for (const ref of this.#rows.keys()) if (!this.#unbooked.has(ref)) this.#rows.delete(ref);
  }

  /** A row that was changed was stored with all debits of then; those after it are few. */
  #readAgain(ref: Ref): void {
    if (!this.#rows.delete(ref)) return;
    const through = this.#read(ref)?.through ?? 0;
    for (const debit of this.#debitsAfter(through, 'AND number <= ? AND account_ref = ?', this.#seen, ref)) this.#addDebit(debit);
    this.#version += 1;
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
    let row = this.#row(accountRef);
    // Whoever opened the account's new day wrote the row itself.
    if (row !== undefined && row.day !== day && row.through < number) row = this.#read(accountRef);
    if (row !== undefined && row.through >= number) return;
    if (row !== undefined && row.day !== day) throw new RangeError('a debit of another day than its account is on');
    if (row !== undefined && row.serviceRef === 0 && row.arrivals === null && debit.arrival === null) {
      // Most debits, and a server that takes turns with another reads thousands at once.
      if (row.through === row.stored) this.#unbooked.add(accountRef);
      row.spent += debit.cost;
      row.through = number;
      this.#version += 1;
      return;
    }
    this.settled(accountRef, row === undefined ? this.#opened(debit, day) : withDebit(runningOf(row), debit), number);
  }

  /** A day begins without a row when it displaces nothing: its grant is what the first debit left, and took, without the adjustments. */
  #opened({ accountRef, serviceRef, cost, balanceAfter, arrival }: JournalEntry, day: UtcDay): RunningDay {
    const adjusted = this.#sql.number('SELECT sum(amount) AS n FROM adjustments WHERE account_ref = ? AND day = ?', accountRef, day);
    const balance = { day, granted: balanceAfter + cost - adjusted, adjusted, spent: cost };
    return { balance, arrivals: new Map(arrival === null ? [] : [[serviceRef, arrival]]) };
  }

  #row(accountRef: Ref): Row | undefined {
    return this.#rows.get(accountRef) ?? this.#read(accountRef);
  }

  #read(accountRef: Ref): Row | undefined {
    const text = 'SELECT day, granted, adjusted, spent, arrivals, through FROM running_days WHERE account_ref = ?';
    const found = this.#sql.row<[number, number, number, number, string, number]>(text, accountRef);
    if (found === undefined) return undefined;
    const [day, granted, adjusted, spent, arrivals, through] = found;
    const row = newRow({ balance: { day, granted, adjusted, spent }, arrivals: parseArrivals(arrivals) }, through);
    row.stored = through;
    this.#rows.set(accountRef, row);
    if (this.#unbooked.delete(accountRef)) this.#version += 1;
    return row;
  }

  /** The account's row as the transaction sees it, or null when the account never spent. Only after `follow`. */
  get(accountRef: Ref): RunningDay | null {
    const row = this.#row(accountRef);
    return row === undefined ? null : runningOf(row);
  }

  /** Takes over what a batch has left, which follows from its debits; the last of them is `through`. */
  settled(accountRef: Ref, running: RunningDay, through: DebitNumber): void {
    const row = this.#rows.get(accountRef);
    if (row === undefined) {
      this.#rows.set(accountRef, newRow(running, through));
      this.#unbooked.add(accountRef);
    } else {
      if (row.through === row.stored) this.#unbooked.add(accountRef);
      setRow(row, running, through);
    }
    this.#version += 1;
  }

  /** The batch is taken over as a whole: its last debit is `through`. */
  reached(through: DebitNumber): void {
    this.#seen = Math.max(this.#seen, through);
  }

  /** Stores a row that does not follow from debits alone. `through` is the last debit that it holds. */
  store(accountRef: Ref, running: RunningDay, through: DebitNumber): void {
    this.#rows.set(accountRef, newRow(running, through));
    this.book(accountRef);
  }

  /** Tells every process that the row was changed as no debit tells. */
  announce(accountRef: Ref): void {
    announceChange(this.#sql, accountRef);
    this.#books += 1;
  }

  /** Adds to the stored row whatever it lacks. */
  book(accountRef: Ref): void {
    const row = this.#rows.get(accountRef);
    if (row === undefined) return;
    const { day, granted, adjusted, spent } = row;
    this.#sql.run(
      `INSERT INTO running_days VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account_ref) DO UPDATE SET day = excluded.day,
       granted = excluded.granted, adjusted = excluded.adjusted, spent = excluded.spent, arrivals = excluded.arrivals, through = excluded.through`,
      ...[accountRef, day, granted, adjusted, spent, arrivalsText(row), row.through],
    );
    row.stored = row.through;
    if (this.#unbooked.delete(accountRef)) this.#version += 1;
  }
}

/** As `settle` leaves a row: with the new arrival, and without those that have passed. */
function withDebit({ balance, arrivals }: RunningDay, { at, serviceRef, cost, arrival }: JournalEntry): RunningDay {
  const ahead = new Map([...arrivals].filter(([, other]) => other > at * 1_000));
  if (arrival !== null) ahead.set(serviceRef, arrival);
  return { balance: { ...balance, spent: balance.spent + cost }, arrivals: ahead };
}

const NO_ARRIVALS: ReadonlyMap<Ref, ArrivalMicros> = new Map();

function newRow(running: RunningDay, through: DebitNumber): Row {
  const row = { day: 0, granted: 0, adjusted: 0, spent: 0, serviceRef: 0, arrival: 0, arrivals: null, through: 0, stored: 0 };
  setRow(row, running, through);
  return row;
}

function setRow(row: Row, { balance, arrivals }: RunningDay, through: DebitNumber): void {
  row.day = balance.day;
  row.granted = balance.granted;
  row.adjusted = balance.adjusted;
  row.spent = balance.spent;
  row.serviceRef = 0;
  row.arrivals = arrivals.size > 1 ? arrivals : null;
  if (arrivals.size === 1) for ([row.serviceRef, row.arrival] of arrivals);
  row.through = through;
}

function runningOf({ day, granted, adjusted, spent, serviceRef, arrival, arrivals }: Row): RunningDay {
  const one = serviceRef === 0 ? NO_ARRIVALS : new Map([[serviceRef, arrival]]);
  return { balance: { day, granted, adjusted, spent }, arrivals: arrivals ?? one };
}

/** Arrival times as JSON `{"<service ref>": microseconds}`; most accounts have none ahead of now, or one. */
function parseArrivals(text: string): ReadonlyMap<Ref, ArrivalMicros> {
  if (text === '{}') return NO_ARRIVALS;
  const entries = Object.entries(JSON.parse(text) as Record<string, number>);
  return new Map(entries.map(([ref, arrival]) => [Number(ref), arrival]));
}

function arrivalsText({ serviceRef, arrival, arrivals }: Row): string {
  if (arrivals !== null) return JSON.stringify(Object.fromEntries(arrivals));
  return serviceRef === 0 ? '{}' : `{"${String(serviceRef)}":${String(arrival)}}`;
}
