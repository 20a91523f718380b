import { MS_PER_DAY, MS_PER_SECOND, type Instant } from '../domain/utc-day.ts';
import type { Verdict } from '../domain/verdict.ts';

/** The largest integer of a structured field (RFC 9651, section 3.3.1); an allowance of small requests may be more. */
const MOST = 999_999_999_999_999;
const SECONDS_PER_DAY = MS_PER_DAY / MS_PER_SECOND;

function secondsUntil(at: Instant, now: Instant): number {
  return Math.max(0, Math.ceil((at - now) / MS_PER_SECOND));
}

/** How many requests of a price fit into so many credits. */
function requests(credits: number, cost: number): number {
  return Math.min(MOST, Math.max(0, Math.floor(credits / cost)));
}

/** The part of a verdict that tells how much is left. */
export type Limits = Pick<Verdict, 'credits' | 'cost' | 'rate' | 'code' | 'retryAfter'>;

/**
 * `RateLimit-Policy` and `RateLimit` in the syntax of draft-ietf-httpapi-ratelimit-headers-11, as lines; nothing
 * where the account is unknown. The draft has no unit for credits, so that "daily" counts requests of this request's price, and is
 * left out where the price is nothing. "rate" is what the tier's burst allows; its `t` is when the whole burst is back, or,
 * when it is what denied the request, the same second as `Retry-After`, since that must not come before the window's end.
 */
export function rateLimitFields(verdict: Limits, now: Instant): string {
  let policies = '';
  let limits = '';
  const { credits, cost, rate, code, retryAfter } = verdict;
  if (credits !== null && cost !== null && cost > 0) {
    policies = `"daily";q=${String(requests(credits.limit, cost))};w=${String(SECONDS_PER_DAY)}`;
    limits = `"daily";r=${String(requests(credits.remaining, cost))};t=${String(secondsUntil(credits.resetsAt, now))}`;
  }
  if (rate !== null) {
    const denied = code === 'request_limit_reached' && retryAfter !== null;
    const next = limits === '' ? '' : ', ';
    policies += `${next}"rate";q=${String(rate.burst)};w=${String(Math.ceil(rate.burst / rate.limit))}`;
    limits += `${next}"rate";r=${String(rate.remaining)};t=${String(denied ? retryAfter : secondsUntil(rate.resetsAt, now))}`;
  }
  return limits === '' ? '' : `RateLimit-Policy: ${policies}\r\nRateLimit: ${limits}\r\n`;
}
