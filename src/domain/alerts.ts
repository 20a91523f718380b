import type { Balance } from './credits.ts';
import type { Key, Ref } from './entities.ts';
import type { RefRange } from './page.ts';
import type { Instant, UtcDay } from './utc-day.ts';

// The part of the store's port that tells somebody else: the webhook, what was told of already, and the outbox of messages.

/** Where messages go and what they are about. There is at most one. */
export interface Webhook {
  readonly url: string;
  /** Whether it may be plain HTTP beyond this host. */
  readonly allowsHttp: boolean;
  /** `whsec_…`, which the receiver has too. SECURITY: the one secret that the store holds as it is, since it signs. */
  readonly secret: string;
  /** The secret before it, which signs beside it until the receiver has the new one. */
  readonly former: { readonly secret: string; readonly until: Instant } | null;
  /** Whole percents of the day's credits, from 1 to 100, ascending. */
  readonly thresholds: readonly number[];
  /** How long before its end a key is told of, in milliseconds; null for never. */
  readonly expiryMs: number | null;
  /** The first day whose thresholds are told of; null while it is switched off. */
  readonly since: UtcDay | null;
}

/** Books of a day that have reached a threshold of which nobody was told. */
export interface ReachedBooks {
  readonly accountRef: Ref;
  readonly day: UtcDay;
}

export interface ReachedQuery {
  readonly refs: RefRange;
  /** Whether what was debited in the last seconds counts as well; without it a store that keeps that apart need not read it. */
  readonly exact: boolean;
  readonly days: readonly UtcDay[];
  readonly thresholds: readonly number[];
  /** About how many are found at most. */
  readonly limit: number;
}

export interface ReachedLatelyQuery extends Pick<ReachedQuery, 'days' | 'thresholds' | 'limit'> {
  readonly since: Instant;
  /** How many debits are looked at, the newest first. */
  readonly most: number;
}

export type AlertType = 'credits.threshold_reached' | 'key.expires_soon';

/** A message as it is noticed. The body is JSON and is sent as it stands, however often. */
export interface NewAlert {
  readonly id: string;
  readonly type: AlertType;
  readonly at: Instant;
  readonly body: string;
}

export type AlertStatus = 'waiting' | 'delivered' | 'given-up';

export interface Alert extends NewAlert {
  readonly number: number;
  readonly status: AlertStatus;
  /** How often it was tried to deliver it. */
  readonly attempts: number;
  /** When it is tried again, or, while somebody tries, when that is taken to have failed; null when it is over. */
  readonly dueAt: Instant | null;
  readonly lastAt: Instant | null;
  /** What came of the last attempt: `HTTP 503`, `timed out` … */
  readonly lastResult: string | null;
  /** When it was delivered or given up. */
  readonly endedAt: Instant | null;
}

/** What came of an attempt: it is over, or to be tried again. */
export type AlertOutcome =
  | { readonly status: 'delivered' | 'given-up'; readonly at: Instant; readonly result: string }
  | { readonly status: 'waiting'; readonly dueAt: Instant; readonly result: string };

export interface OutboxDepth {
  /** Both counted up to the bound that was asked for. */
  readonly waiting: number;
  readonly givenUp: number;
  /** When the oldest that waits was noticed. */
  readonly oldestAt: Instant | null;
  /** What came of the last attempt at any that waits; null where none was tried. */
  readonly lastResult: string | null;
}

export interface AlertRows {
  webhook(): Promise<Webhook | null>;
  /**
   * Finds, among the accounts of a range, books of the days that have reached a threshold higher than the one that was told of.
   * `through` is how far it came: to the end of the range, or where there were enough.
   */
  reached(query: ReachedQuery): Promise<{ readonly found: readonly ReachedBooks[]; readonly through: Ref }>;
  /** The same of those who were charged from an instant on. It may find a few who have not reached any, and leave out who never spent before. */
  reachedLately(query: ReachedLatelyQuery): Promise<readonly ReachedBooks[]>;
  /** The highest threshold of the account's day that was told of; 0 for none. */
  told(accountRef: Ref, day: UtcDay): Promise<number>;
  /** Active keys that end after `now` and by `until`, the first to end first, of whose end nobody was told. Those that were rotated have a successor. */
  expiring(now: Instant, until: Instant, limit: number): Promise<readonly Key[]>;
  /** Whether a message is due. */
  isDue(now: Instant): Promise<boolean>;
  /** Newest first; `before` is the last number of the page before. */
  page(status: AlertStatus | null, before: number | null, limit: number): Promise<readonly Alert[]>;
  depth(most: number): Promise<OutboxDepth>;
}

export interface AlertWrites extends AlertRows {
  setWebhook(webhook: Webhook): Promise<void>;
  setTold(accountRef: Ref, day: UtcDay, threshold: number): Promise<void>;
  /** Takes note that somebody was told of the key's end at that instant. */
  setToldExpiry(keyRef: Ref, expiresAt: Instant): Promise<void>;
  add(alert: NewAlert): Promise<void>;
  /**
   * Takes the messages that are due, the longest waiting first, counts an attempt for each, and makes them due again at `until`: by then
   * whoever took them has said what came of it, or is dead.
   */
  claim(now: Instant, until: Instant, limit: number): Promise<readonly Alert[]>;
  /** Says what came of an attempt. Changes nothing when somebody else has taken the message since. */
  record(number: number, attempts: number, outcome: AlertOutcome): Promise<void>;
  /** Makes all that wait due now. Returns how many. */
  hurry(now: Instant): Promise<number>;
  /** Makes messages that were given up wait again, as new ones: all of them, or the one of that id. Returns how many. */
  retry(id: string | null, now: Instant): Promise<number>;
}

/** Beyond it a hundred times the credits is no exact double. */
const MOST_EXACT = Number.MAX_SAFE_INTEGER / 100;

/** The highest threshold that a day's spending has reached, or 0. A day without an allowance has nothing to reach. */
export function thresholdReached({ granted, adjusted, spent }: Balance, thresholds: readonly number[]): number {
  const allowance = granted + adjusted;
  if (allowance <= 0) return 0;
  return thresholds.findLast((percent) => isReached(spent, percent, allowance)) ?? 0;
}

function isReached(spent: number, percent: number, allowance: number): boolean {
  if (allowance <= MOST_EXACT) return spent * 100 >= percent * allowance;
  return BigInt(spent) * 100n >= BigInt(percent) * BigInt(allowance);
}
