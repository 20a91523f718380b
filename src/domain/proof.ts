import type { Balance } from './credits.ts';
import type { DebitNumber } from './debit.ts';
import type { Ref } from './entities.ts';
import type { Page, RefRange } from './page.ts';
import type { UtcDay } from './utc-day.ts';

// The part of the store's port that proves the books: what it keeps in several places, side by side, as it is stored, and nothing that is
// looked up in one of them to be told for another.

/**
 * What usage counts of an account's day. `mark` is the sum over all requests of a number that follows from hour, key and service: two ways
 * to count the same requests that differ in any of them hardly ever agree in it.
 */
export interface Used {
  readonly requests: number;
  readonly mark: number;
  /** Less refunds. */
  readonly credits: number;
}

/** Everything that is stored of an account's day but the debits themselves. */
export interface DayFacts {
  readonly accountRef: Ref;
  /** Null where there is no such account. */
  readonly account: { readonly name: string; readonly tier: string } | null;
  /** The books; sound are those of an account that has them once, or not at all. */
  readonly books: readonly Balance[];
  /** The sum of the day's adjustments, and of those among them that took credits (zero or less). */
  readonly adjusted: number;
  readonly taken: number;
  /** The credits by the day's usage; null for an account without books. */
  readonly usedByDay: number | null;
  /** The same by its hours, which are kept for a shorter time. Both hold the debits that are still to be folded. */
  readonly usedByHour: Used;
}

/** The debits of one account, or of one chain of keys with a cap, on one day. */
export interface DebitSum {
  /** Of the account, or of the chain's first key. */
  readonly ref: Ref;
  readonly debits: number;
  /** As that of usage. */
  readonly mark: number;
  /** What they cost, and how much of that was refunded. */
  readonly cost: number;
  readonly refunded: number;
}

/** The next debits of a day, summed up. */
export interface DebitSums {
  /** The last debit that was looked at; `done` where the snapshot has none after it. */
  readonly through: DebitNumber;
  readonly done: boolean;
  /** How many were of the day. */
  readonly debits: number;
  readonly accounts: readonly DebitSum[];
  /** Of chains that have a cap, or had one on that day. */
  readonly caps: readonly DebitSum[];
  /** How many name a key or a service that there is not. */
  readonly strangers: number;
  /** By how much the clock that wrote a debit was behind the newest one before it, at most, in microseconds. */
  readonly behindMicros: number;
}

/** What is counted towards the cap of a chain of keys on a day. */
export interface CapSpending {
  readonly capGroup: Ref;
  readonly spent: number;
  /** Whether a live key of the chain has the cap now. */
  readonly capped: boolean;
}

/** A remembered request id that does not agree with the debit that it stands for. */
export interface StrayRequestId {
  readonly accountRef: Ref;
  readonly debit: DebitNumber;
  /** There is no such debit. Else it is another's, or of another price, or its refund is not known. */
  readonly missing: boolean;
}

/** Where a walk over the request ids has come to. */
export interface RequestIdPlace {
  readonly accountRef: Ref;
  readonly requestId: string;
}

export interface ProofRows {
  /** Every day of which there are books, usage, spending towards a cap, or debits that are still to be folded; ascending. */
  days(): Promise<readonly UtcDay[]>;
  /** What is stored of a day for the accounts of a range, ascending; accounts of whom nothing is stored are left out. */
  factsIn(day: UtcDay, refs: RefRange): Promise<readonly DayFacts[]>;
  /** Sums up the debits of a day after one, in their order; looks at no more than `limit`. */
  debitsOf(day: UtcDay, after: DebitNumber | null, limit: number): Promise<DebitSums>;
  /** All debits of a day of some accounts or of some chains, in one pass: for a second look at few of them. */
  debitsOfSome(day: UtcDay, by: 'account' | 'cap', refs: readonly Ref[]): Promise<readonly DebitSum[]>;
  /** What is counted towards caps on a day, ascending by the chains. */
  capsOn(day: UtcDay, page: Page): Promise<readonly CapSpending[]>;
  /** Those of the chains that have a live key with a cap. */
  cappedAmong(capGroups: readonly Ref[]): Promise<ReadonlySet<Ref>>;
  /** Looks at the next request ids, at most `limit`, and returns those at odds with a debit of `since` or later. */
  strayRequestIds(
    after: RequestIdPlace | null,
    limit: number,
    since: DebitNumber,
  ): Promise<{ readonly looked: number; readonly last: RequestIdPlace | null; readonly strays: readonly StrayRequestId[] }>;
}
