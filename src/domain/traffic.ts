import type { DebitNumber } from './debit.ts';
import type { Ref } from './entities.ts';
import type { Instant, UtcDay, UtcHour } from './utc-day.ts';
import type { DenialCode } from './verdict.ts';

// The part of the store's port that tells what was asked: debits, denials, and the usage that sums them up.

export interface Debit {
  readonly number: DebitNumber;
  readonly at: Instant;
  readonly accountRef: Ref;
  readonly account: string;
  readonly keyRef: Ref | null;
  readonly keyId: string | null;
  readonly keyName: string | null;
  readonly service: string;
  readonly serviceRef: Ref;
  readonly cost: number;
  readonly balanceAfter: number;
  readonly requestId: string | null;
  readonly refundedAt: Instant | null;
}

export interface TrafficFilter {
  readonly accountRef?: Ref;
  readonly keyRef?: Ref;
  readonly since?: Instant;
  readonly until?: Instant;
}

export interface DebitFilter extends TrafficFilter {
  readonly requestId?: string;
}

export interface DebitRows {
  byNumber(number: DebitNumber): Promise<Debit | null>;
  /** Newest first; `before` is the last number of the page before. */
  page(filter: DebitFilter, before: DebitNumber | null, limit: number): Promise<readonly Debit[]>;
  /** Oldest first, from the debit after `after` on: for following. */
  since(filter: DebitFilter, after: DebitNumber, limit: number): Promise<readonly Debit[]>;
  /** How many there are, counted up to `most`. */
  count(filter: DebitFilter, most: number): Promise<number>;
  newestAt(): Promise<Instant | null>;
  /**
   * The newest debits from an instant on, at most `most` of them, summed up: in all, and by key for the `keys` that made the most, most
   * first. A clock that stepped back may leave a few out.
   */
  pace(since: Instant, most: number, keys: number): Promise<DebitPace>;
}

/** What was admitted in the last moments. */
export interface DebitPace {
  readonly requests: number;
  readonly credits: number;
  /** The time of the oldest debit that is counted; null where there is none. */
  readonly since: Instant | null;
  /** `keyRef` is null for what was charged without a key. */
  readonly keys: readonly { readonly accountRef: Ref; readonly keyRef: Ref | null; readonly requests: number; readonly credits: number }[];
}

export interface DebitWrites extends DebitRows {
  /** Marks a debit refunded, and the request id that it was made with; takes its credits out of the usage if they were counted there already. */
  refund(debit: Debit, at: Instant): Promise<void>;
}

/** Denied requests of one minute that are alike. Nulls where the key, and so the account, is unknown. */
export interface Denial {
  /** Rises in the order in which denials were stored, which is not exactly that of their times. */
  readonly number: number;
  readonly at: Instant;
  readonly accountRef: Ref | null;
  readonly account: string | null;
  readonly keyId: string | null;
  readonly keyName: string | null;
  readonly service: string | null;
  readonly code: DenialCode;
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly count: number;
}

/** What a process counted in memory and now stores. `at` is the latest of the `count` requests. */
export interface CountedDenial {
  readonly at: Instant;
  readonly keyId: string | null;
  readonly account: string | null;
  readonly service: string | null;
  readonly code: DenialCode;
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly count: number;
}

export interface DenialFilter extends DebitFilter {
  readonly code?: DenialCode;
}

export const USAGE_BUCKETS = ['hour', 'day', 'account', 'key', 'service', 'code'] as const;
export type UsageBucket = (typeof USAGE_BUCKETS)[number];

export interface UsageQuery {
  readonly from: Instant;
  readonly to: Instant;
  /** Which table answers: hours are kept for weeks, days for years. */
  readonly table: 'hour' | 'day';
  readonly by: UsageBucket;
  readonly accountRef?: Ref;
  readonly keyRef?: Ref;
  readonly service?: string;
}

export interface UsageSum {
  /** An hour or day number; else the ref of an account, key or service (0: none). */
  readonly bucket: number;
  readonly requests: number;
  readonly credits: number;
  readonly denied: Readonly<Partial<Record<DenialCode, number>>>;
}

/** What a key did on a day, and when it was last used, over all time. */
export interface KeyUse {
  readonly requests: number;
  readonly credits: number;
  readonly lastUsedAt: Instant | null;
}

/** What a key did in one UTC hour. */
export interface KeyHour {
  readonly keyRef: Ref;
  readonly hour: UtcHour;
  /** Those admitted. */
  readonly requests: number;
  readonly denied: number;
}

export interface UsageRows {
  /** Sums of folded usage, of the debits past the cursor, and of denials. Ascending by bucket; buckets without traffic are left out. */
  sums(query: UsageQuery): Promise<readonly UsageSum[]>;
  /** The day's traffic of keys and when they were last used. */
  ofKeys(keyRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, KeyUse>>;
  /** What keys did in the hours from `from` through `until`; hours in which a key did nothing are left out. */
  ofKeysByHour(keyRefs: readonly Ref[], from: UtcHour, until: UtcHour): Promise<readonly KeyHour[]>;
  /** Newest first; `before` is the last denial of the page before. */
  denials(filter: DenialFilter, limit: number, before?: Pick<Denial, 'at' | 'number'> | null): Promise<readonly Denial[]>;
  /** In the order in which they were stored, from the one after `after` on: for following. */
  denialsSince(filter: DenialFilter, after: number, limit: number): Promise<readonly Denial[]>;
  /** How many rows of denials there are, counted up to `most`. */
  countDenials(filter: DenialFilter, most: number): Promise<number>;
  /** Whether debits of before the instant may still be past the cursor. Beside a clock that stepped back it may say so needlessly. */
  unfoldedBefore(at: Instant): Promise<boolean>;
}

export interface UsageWrites extends UsageRows {
  /** Moves the cursor over at most `limit` debits, adding them to hourly and daily usage. Returns how many there were. */
  fold(limit: number): Promise<number>;
  /**
   * Goes on with storing whatever this process has settled: writes about `rows` rows, of many debits each, and returns how many. Fewer
   * mean that what was waiting at the first of these calls is stored.
   */
  foldOn(rows: number): Promise<number>;
  addDenials(denials: readonly CountedDenial[]): Promise<void>;
}
