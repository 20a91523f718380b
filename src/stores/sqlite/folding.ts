import type { DebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { RunningRows, type JournalEntry, type JournalState } from './running-rows.ts';
import type { Sql } from './sql.ts';
import { storedThrough, Uses, writeUses, type SortedUses } from './uses.ts';

/** One pass over everything that was not stored when it began, cut into transactions. */
interface Round {
  readonly through: DebitNumber;
  readonly accounts: Float64Array;
  readonly uses: SortedUses;
  done: number;
}

type FoldedColumns = [number, Instant, Ref, Ref | null, Ref, number];

/** A round begins when its first debit has waited for so long, or so many wait. */
const MOST_WAITING_MS = 4_000;
const MOST_WAITING = 30_000;
/** Where another connection has just folded, it is left to do so, unless it has not been heard of for this long. */
const LEFT_TO_OTHERS_MS = 2_000;
/** Where nobody has counted the debits, reading so many takes about as long as writing one row. */
const DEBITS_PER_ROW = 4;

/**
 * Brings debits into the rows that they belong to: running days and usage. A process that settles counts its debits as it goes and
 * writes each row once, however many debits it got; whoever comes to debits that it has not counted reads them, in their order.
 */
export class Folding {
  readonly rows: RunningRows;
  readonly #sql: Sql;
  #uses = new Uses();
  /** Those of the round. */
  #foldedUses = new Uses();
  /** The uses, and those of the round, hold every debit that is not stored up to this one. */
  #counted: DebitNumber = 0;
  /** That is the newest one, so that those that come next can be counted as they come. */
  #upToDate = false;
  #folds = -1;
  /** What `#folds` was after the last fold of this connection, or when another's was last taken note of. */
  #ownFolds = -1;
  #foldedThrough: DebitNumber = 0;
  #round: Round | null = null;
  #waiting = 0;
  #waitingSince: Instant = 0;
  #othersUntil: Instant = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.rows = new RunningRows(sql, (debit) => {
      this.count(debit);
    });
  }

  /** Whether whoever settles now should fold some rows in the same transaction. */
  isDue(now: Instant): boolean {
    if (this.#folds !== this.#ownFolds) {
      this.#ownFolds = this.#folds;
      this.#othersUntil = now + LEFT_TO_OTHERS_MS;
    }
    if (this.#waiting > MOST_WAITING) return true;
    if (now < this.#othersUntil && this.#othersUntil <= now + LEFT_TO_OTHERS_MS) return false;
    return this.#round !== null || (this.#waiting > 0 && Math.abs(now - this.#waitingSince) >= MOST_WAITING_MS);
  }

  forget(): void {
    this.rows.forget();
    this.#forgetCounts();
  }

  #forgetCounts(): void {
    this.#uses.clear();
    this.#round = null;
    this.#counted = 0;
    this.#upToDate = false;
  }

  /** Whether it has been followed before, so that what was debited since has to be read. */
  get hasFollowed(): boolean {
    return this.#folds >= 0;
  }

  /** Reads where the journal stands and brings the rows to it; to be called in every transaction, before anything else. */
  follow(): void {
    const text = 'SELECT books, folds, folded_through, (SELECT max(number) FROM debits) FROM state';
    const [books, folds, foldedThrough, newest] = this.#sql.row<[number, number, number, number | null]>(text) ?? [0, 0, 0, 0];
    this.followTo({ books, folds, foldedThrough, newest: newest ?? 0 });
  }

  /** The same for a caller who has read it. */
  followTo(state: JournalState): void {
    const foldedByOthers = state.folds !== this.#folds;
    if (foldedByOthers) {
      this.#forgetCounts();
      this.#folds = state.folds;
    }
    this.#foldedThrough = state.foldedThrough;
    if (!this.#upToDate) this.#counted = Math.max(this.#counted, state.foldedThrough);
    this.rows.follow(state, foldedByOthers);
    this.#upToDate ||= this.#counted >= this.rows.seen;
  }

  /** Takes note of a debit that has just been settled, or that another process has. */
  count(debit: JournalEntry): void {
    if (this.#waiting === 0) this.#waitingSince = debit.at;
    this.#waiting += 1;
    if (!this.#upToDate || debit.number <= this.#counted) return;
    this.#uses.add(debit);
    this.#counted = debit.number;
  }

  /** Folds the next debits in their order, at most `limit`, and returns how many those were. Only after `follow`. */
  foldNext(limit: number): number {
    this.#forgetCounts();
    this.#counted = this.#foldedThrough;
    const { read, last } = this.#countNext(limit);
    this.#waiting = read < limit ? 0 : this.#waiting - read;
    if (read === 0) return 0;
    const uses = this.#uses.sorted().slice();
    this.rows.book(new Set(uses.map(({ accountRef }) => accountRef).filter((ref) => this.rows.isUnbooked(ref))));
    writeUses(this.#sql, uses);
    this.#forgetCounts();
    this.#moveTo(last);
    this.#counted = last;
    this.#upToDate = last >= this.rows.seen;
    return read;
  }

  /** Counts the next debits that are not yet counted, but for those that their usage holds already. */
  #countNext(limit: number): { read: number; last: DebitNumber } {
    const debits = this.#sql.rows<FoldedColumns>(
      'SELECT number, at, account_ref, key_ref, service_ref, cost FROM debits WHERE number > ? ORDER BY number LIMIT ?',
      ...[this.#counted, limit],
    );
    for (const [number, at, accountRef, keyRef, serviceRef, cost] of debits) {
      this.#uses.add({ number, at, accountRef, keyRef, serviceRef, cost }, (use) => storedThrough(this.#sql, use));
      this.#counted = number;
    }
    this.#upToDate = this.#counted >= this.rows.seen;
    return { read: debits.length, last: this.#counted };
  }

  /**
   * Goes on with writing what this process has counted, about `rows` rows of either kind; first it counts what it has not. Returns how many
   * it wrote or read; fewer than `rows` mean that whatever was waiting when the first of these calls was made is stored. Only after `follow`.
   */
  foldOn(rows: number): number {
    if (!this.#upToDate) {
      this.#countNext(DEBITS_PER_ROW * rows);
      return rows;
    }
    const round = (this.#round ??= this.#begin());
    const { accounts, uses, through } = round;
    const until = round.done + rows;
    this.rows.book(accounts.subarray(round.done, until));
    writeUses(this.#sql, uses.slice(round.done, until));
    round.done = until;
    if (until < Math.max(accounts.length, uses.length)) {
      this.#moveTo(this.#foldedThrough);
      return rows;
    }
    this.#round = null;
    if (through > this.#foldedThrough) this.#moveTo(through);
    return 0;
  }

  #begin(): Round {
    const accounts = this.rows.unbookedRefs();
    const uses = this.#uses.sorted();
    [this.#uses, this.#foldedUses] = [this.#foldedUses, this.#uses];
    this.#uses.clear();
    this.#waiting = 0;
    return { through: this.rows.seen, accounts, uses, done: 0 };
  }

  /** Every fold is told to the other processes, whose counts hold debits that are stored by now. */
  #moveTo(through: DebitNumber): void {
    this.#sql.run('UPDATE state SET folded_through = ?, folds = folds + 1', through);
    this.#folds += 1;
    this.#ownFolds = this.#folds;
    this.#foldedThrough = through;
  }
}
