import { usageError } from './error.ts';
import type { UtcDay } from './utc-day.ts';

/** The page that keyctl follows: "credit charges for each request are always equal to 100 credits". */
export const DEFAULT_COST = 100;
export const MAX_CREDITS = 1e15;
export const MAX_COST = 1e9;

/** One account's books for one UTC day. Always granted + adjusted - spent >= 0; all are whole credits. */
export interface Balance {
  readonly day: UtcDay;
  readonly granted: number;
  readonly adjusted: number;
  readonly spent: number;
}

export function remaining(balance: Balance): number {
  return balance.granted + balance.adjusted - balance.spent;
}

/**
 * A day's books before anything was spent. An operator may have taken credits for that day before its
 * tier went down, so the grant is never less than what was taken: the books cannot begin below zero.
 */
export function openBalance(day: UtcDay, allowance: number, adjusted: number): Balance {
  return { day, granted: Math.max(allowance, -adjusted), adjusted, spent: 0 };
}

/** A new allowance that holds at once: what is already spent stays spent, and nothing goes below zero. */
export function regrant(balance: Balance, allowance: number): Balance {
  return { ...balance, granted: Math.max(allowance, balance.spent - balance.adjusted) };
}

/** Reads a whole number of credits from a flag; commas and underscores are not accepted, nor are floats or exponents. */
export function parseCredits(what: string, text: string, most: number = MAX_CREDITS): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw usageError(`${what} must be a whole number from 0 to ${String(most)}.`, 'Write digits only: 300000.');
}

/** Reads a signed amount such as `+5000` or `-200`; a typographic minus sign is read as well; zero is refused, since it would change nothing. */
export function parseAmount(text: string): number {
  const plain = text.replace(/^\u2212/, '-');
  const value = /^[+-]?\d{1,16}$/.test(plain) ? Number(plain) : Number.NaN;
  if (Math.abs(value) <= MAX_CREDITS && value !== 0) return value;
  throw usageError('The amount must be a whole number of credits, not zero.', 'Write +5000 to give or -5000 to take.');
}
