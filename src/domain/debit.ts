import type { Ref } from './entities.ts';
import type { ArrivalMicros } from './rate-limit.ts';
import type { Instant } from './utc-day.ts';

/**
 * A debit's number is the microsecond at which it was settled, made unique by counting on: numbers rise with time, so that
 * the debits of a period are one range of the primary key. Below 2^53 until the year 2255.
 */
export type DebitNumber = number;

/** The last five digits are written apart from the others: V8 writes small integers in base 36 ten times as fast as those beyond 2^31. */
const LOW_DIGITS = 36 ** 5;

/** `deb_` and the number in base 36. */
export function debitId(number: DebitNumber): string {
  const [high, low] = [Math.floor(number / LOW_DIGITS), number % LOW_DIGITS];
  return high === 0 ? `deb_${low.toString(36)}` : `deb_${high.toString(36)}${low.toString(36).padStart(5, '0')}`;
}

export function parseDebitId(text: string): DebitNumber | null {
  if (!/^deb_[0-9a-z]{1,11}$/.test(text)) return null;
  const number = Number.parseInt(text.slice(4), 36);
  return Number.isSafeInteger(number) && debitId(number) === text ? number : null;
}

/** The lowest number that a debit settled at or after the instant can have. */
export function firstDebitNumber(at: Instant): DebitNumber {
  return at * 1_000;
}

/** One charge, as it is appended. */
export interface NewDebit {
  readonly number: DebitNumber;
  readonly at: Instant;
  readonly accountRef: Ref;
  /** Null for a charge on the account itself, from the shell. */
  readonly keyRef: Ref | null;
  readonly serviceRef: Ref;
  readonly cost: number;
  readonly balanceAfter: number;
  readonly requestId: string | null;
  /** Where it left the account's rate limit for the service, in microseconds; null when it did not count towards it. */
  readonly arrival: ArrivalMicros | null;
}

/** Where a request id came from, which decides how long it is remembered and how often it may be repeated. */
export type RequestIdRule = 'header' | 'json';

export const REQUEST_ID_WINDOW_MS: Record<RequestIdRule, number> = { header: 60_000, json: 86_400_000 };
/** The header's id is the proxy's, repeated only by its own retries; more is somebody who found a way around. */
export const REQUEST_ID_REPLAYS: Record<RequestIdRule, number | null> = { header: 3, json: null };
/** A debit can be refunded over HTTP for this long; from the shell as long as it is kept. */
export const REFUND_WINDOW_MS = 86_400_000;

/** An admitted charge that a request id stands for. */
export interface PriorCharge {
  readonly number: DebitNumber;
  readonly keyRef: Ref | null;
  readonly serviceRef: Ref;
  readonly cost: number;
  readonly expiresAt: Instant;
  /** How many more replays it allows; null for any number. */
  readonly replaysLeft: number | null;
  readonly refunded: boolean;
}
