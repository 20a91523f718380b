import type { Balance } from './credits.ts';
import type { Ref } from './entities.ts';
import type { Page, RefRange } from './page.ts';
import type { StoredSpending } from './settle.ts';
import type { Instant, UtcDay } from './utc-day.ts';

// The part of the store's port that keeps the books: what accounts were granted, given and spent, day by day.

/** Credits that an operator gave or took on one account and day. */
export interface Adjustment {
  readonly id: string;
  readonly at: Instant;
  readonly accountRef: Ref;
  readonly day: UtcDay;
  readonly amount: number;
  readonly reason: string;
  readonly actor: string;
}

/** The books of a day, summed up over all accounts that spent, or were adjusted, on it. */
export interface DaySums {
  readonly accounts: number;
  readonly granted: number;
  readonly adjusted: number;
  readonly spent: number;
}

/** A closed day with its proved sums. */
export interface ClosedDay extends DaySums {
  readonly day: UtcDay;
  readonly closedAt: Instant;
}

/** An account's stored books, by whose they are. */
export interface AccountBooks {
  readonly accountRef: Ref;
  readonly balance: Balance;
}

export interface UsedBooks extends AccountBooks {
  /** Credits that the day's usage counts for the account; the folded debits only. */
  readonly used: number;
}

export interface CreditRows {
  spending(accountRef: Ref, day: UtcDay): Promise<StoredSpending>;
  /** The stored books of many accounts on one day; idle accounts have none. */
  balances(accountRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, Balance>>;
  /** An account's stored books of a day and all later ones, ascending; only a clock that ran ahead has left books of later days. */
  balancesFrom(accountRef: Ref, day: UtcDay): Promise<readonly Balance[]>;
  /** The days, from one on, of which any account has stored books; ascending. */
  storedDays(from: UtcDay): Promise<readonly UtcDay[]>;
  /** Stored books of a day, by account, with the credits that usage counts for it. */
  booksOf(day: UtcDay, page: Page): Promise<readonly UsedBooks[]>;
  /** The same of a range of accounts, which bounds what is looked at even where hardly any account has books of the day. */
  booksIn(day: UtcDay, refs: RefRange): Promise<readonly UsedBooks[]>;
  /** The sums of the books that are stored of a day now, whether or not it is closed. */
  sumsOf(day: UtcDay): Promise<DaySums>;
  /** The accounts that spent the most on a day, or the largest share of what they could: most first. */
  busiest(day: UtcDay, limit: number, by?: 'spent' | 'share'): Promise<readonly AccountBooks[]>;
  /** How many accounts have stored books on a day, by the tier that they had then. */
  countOpenedByTier(day: UtcDay): Promise<ReadonlyMap<string, number>>;
  /** Newest first; `before` is the last number of the page before. */
  adjustments(
    accountRef: Ref | null,
    limit: number,
    before?: number | null,
  ): Promise<readonly (Adjustment & { readonly number: number })[]>;
  /** Accounts with adjustments, but without stored books, for a day from one up to, not including, another. */
  adjustedIdle(from: UtcDay, until: UtcDay): Promise<readonly { readonly accountRef: Ref; readonly day: UtcDay }[]>;
  capSpent(capGroup: Ref, day: UtcDay): Promise<number>;
  /** The last day that was closed; every day before it is closed as well. */
  closedThrough(): Promise<UtcDay>;
  closedDays(from: UtcDay): Promise<readonly ClosedDay[]>;
  /** The last account whose books are counted in the sums of a day that is still to be closed; 0 before the first. */
  countedThrough(day: UtcDay): Promise<Ref>;
}

export interface CreditWrites extends CreditRows {
  /** Stores an account's books of a day, wherever that day's row is; corrects the sums that they are counted in. */
  write(accountRef: Ref, balance: Balance): Promise<void>;
  insertAdjustment(adjustment: Adjustment): Promise<void>;
  setCapSpent(capGroup: Ref, day: UtcDay, spent: number): Promise<void>;
  /** Counts the next accounts' books of a day in its sums. From then on whatever changes these books corrects the sums. */
  countBooks(day: UtcDay, refs: RefRange): Promise<void>;
  /** Closes a day with the sums that were counted, or with zeros. Closing a closed day again changes nothing. */
  closeDay(day: UtcDay, at: Instant): Promise<void>;
}
