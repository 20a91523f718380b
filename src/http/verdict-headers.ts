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

/** The headers as names and values in turn. Every value is ASCII: names, ids and numbers are checked where they enter. */
export function headersOf(told: VerdictHeaders): string[] {
  return [
    'X-Keyctl-Code',
    told.code,
    'X-Keyctl-Status',
    String(told.status),
    'X-Keyctl-Account',
    told.account ?? '',
    'X-Keyctl-Key-Id',
    told.keyId ?? '',
    'X-Keyctl-Environment',
    told.environment ?? '',
    'X-Keyctl-Tier',
    told.tier ?? '',
    'X-Keyctl-Limited-By',
    told.limitedBy ?? '',
    'X-Keyctl-Debit-Id',
    told.debitId ?? '',
    'X-Request-Id',
    told.requestId ?? '',
    'X-Credits-Consumed',
    String(told.creditsConsumed ?? 0),
    'X-Credits-Available',
    String(told.creditsAvailable ?? ''),
    'Cache-Control',
    'no-store',
  ];
}

/** All headers that tell a verdict, `Retry-After` and the rate limits included. `status` is the true one. */
export function verdictHeaders(verdict: Verdict, status: number, now: Instant): string[] {
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
  headers.push(...rateLimitFields(verdict, now));
  if (retryAfter !== null) headers.push('Retry-After', String(retryAfter));
  return headers;
}
