import type { Instant } from '../domain/utc-day.ts';
import { creditsConsumed, type Verdict } from '../domain/verdict.ts';
import { rateLimitFields } from './rate-limit-fields.ts';

/**
 * What a verdict says in headers, for proxies that see nothing else. Each of them is there in every answer, empty where unknown:
 * a proxy that copies them onto the request would otherwise leave a client's own header of that name standing.
 */
export interface VerdictHeaders {
  readonly code: string;
  /** The true status, also where the answer's own had to be another. */
  readonly status: number;
  readonly account?: string | null;
  readonly keyId?: string | null;
  readonly environment?: string | null;
  readonly tier?: string | null;
  readonly limitedBy?: string | null;
  readonly debitId?: string | null;
  readonly requestId?: string | null;
  readonly creditsConsumed?: number;
  readonly creditsAvailable?: number | null;
}

const UNSPEAKABLE = /[^\x20-\x7e]/;

/**
 * The headers as lines, each ended as HTTP ends it. They are one text from the beginning, since every answer has all of them.
 * SECURITY: every value is ASCII without controls, since names, ids and numbers are checked where they enter. A store that somebody
 * else wrote into is no reason to split an answer in two: throws `RangeError` for any other.
 */
export function headersOf(told: VerdictHeaders): string {
  return (
    `X-Keyctl-Code: ${told.code}\r\nX-Keyctl-Status: ${String(told.status)}\r\nX-Keyctl-Account: ${text(told.account)}\r\n` +
    `X-Keyctl-Key-Id: ${text(told.keyId)}\r\nX-Keyctl-Environment: ${text(told.environment)}\r\nX-Keyctl-Tier: ${text(told.tier)}\r\n` +
    `X-Keyctl-Limited-By: ${told.limitedBy ?? ''}\r\nX-Keyctl-Debit-Id: ${told.debitId ?? ''}\r\nX-Request-Id: ${text(told.requestId)}\r\n` +
    `X-Credits-Consumed: ${String(told.creditsConsumed ?? 0)}\r\nX-Credits-Available: ${String(told.creditsAvailable ?? '')}\r\n` +
    'Cache-Control: no-store\r\n'
  );
}

/** All headers that tell a verdict, `Retry-After` and the rate limits included, as lines. `status` is the true one. */
export function verdictHeaders(verdict: Verdict, status: number, now: Instant): string {
  const { code, account, keyId, environment, tier, debitId, requestId, credits, retryAfter } = verdict;
  const headers = headersOf({
    code,
    status,
    account,
    keyId,
    environment,
    tier,
    debitId,
    requestId,
    limitedBy: credits?.limitedBy ?? null,
    creditsConsumed: creditsConsumed(verdict),
    creditsAvailable: credits?.remaining ?? null,
  });
  return headers + rateLimitFields(verdict, now) + (retryAfter === null ? '' : header('Retry-After', String(retryAfter)));
}

function text(value: string | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (UNSPEAKABLE.test(value)) throw new RangeError('a value that no header can hold');
  return value;
}

/** One header as a line. */
export function header(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}
