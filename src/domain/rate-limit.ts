/** A tier's limit for one service: `requestsPerSecond` sustained, `burst` at once. */
export interface RateLimit {
  readonly requestsPerSecond: number;
  readonly burst: number;
}

/** Theoretical arrival time of GCRA: microseconds since the epoch. 0 is a bucket that was never used. */
export type ArrivalMicros = number;

const MICROS_PER_SECOND = 1_000_000;
export const MAX_REQUESTS_PER_SECOND = 1_000_000;
export const MAX_BURST = 1_000_000;

/** The time one request takes up, in whole microseconds (rounded down, so that the rate is never less than promised). */
export function emissionInterval(limit: RateLimit): number {
  return Math.floor(MICROS_PER_SECOND / limit.requestsPerSecond);
}

export interface RateState {
  readonly admitted: boolean;
  /** The arrival time to store if the request is admitted. */
  readonly next: ArrivalMicros;
  /** Microseconds until a request would be admitted; 0 when this one is. */
  readonly waitMicros: number;
  /** Requests that could pass at once, before this one. */
  readonly remaining: number;
  /** Microseconds until the whole burst is back, before this one. */
  readonly refillMicros: number;
  /** The arrival time to store although the request is refused: after a clock stepped back, so that the wait does end. Else null. */
  readonly cut: ArrivalMicros | null;
}

/**
 * The generic cell rate algorithm (ITU-T I.371), as virtual scheduling: admitted while TAT - now <= (burst - 1) x T.
 * A TAT further ahead than burst x T can only come from a clock that stepped back, and is cut to that. The cut has to be
 * stored even by a refusal: otherwise every request until the clock caught up would be told to wait the same time again.
 */
export function rateState(limit: RateLimit, stored: ArrivalMicros, nowMicros: number): RateState {
  const interval = emissionInterval(limit);
  const most = limit.burst * interval;
  const ahead = Math.min(Math.max(stored - nowMicros, 0), most);
  const wait = Math.max(0, ahead - (limit.burst - 1) * interval);
  return {
    admitted: wait === 0,
    next: nowMicros + ahead + interval,
    waitMicros: wait,
    remaining: Math.floor((most - ahead) / interval),
    refillMicros: ahead,
    cut: stored - nowMicros > most ? nowMicros + most : null,
  };
}
