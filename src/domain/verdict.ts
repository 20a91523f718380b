import { formatInstant, type Instant } from './utc-day.ts';

/** The checks that can deny, in the order in which they are made, then what is left. Codes and statuses are the contract's. */
export const VERDICT_STATUS = {
  unknown_service: 404,
  missing_api_key: 401,
  invalid_api_key: 401,
  api_key_disabled: 403,
  api_key_expired: 401,
  account_suspended: 403,
  environment_mismatch: 403,
  ip_not_allowed: 403,
  service_not_allowed: 403,
  request_id_conflict: 409,
  insufficient_credits: 402,
  request_limit_reached: 429,
  ok: 200,
  store_unavailable: 503,
} as const satisfies Record<string, number>;

export type VerdictCode = keyof typeof VERDICT_STATUS;
export type DenialCode = Exclude<VerdictCode, 'ok'>;

export const VERDICT_MESSAGE: Record<VerdictCode, string> = {
  unknown_service: 'No such service is configured.',
  missing_api_key: 'Send exactly one API key.',
  invalid_api_key: 'The API key is not valid.',
  api_key_disabled: 'The API key is disabled.',
  api_key_expired: 'The API key has expired.',
  account_suspended: 'The account is suspended.',
  environment_mismatch: 'The API key belongs to another environment.',
  ip_not_allowed: 'The API key may not be used from this address.',
  service_not_allowed: 'The API key may not call this service.',
  request_id_conflict: 'The request id was already used for another charge, was refunded, or was repeated too often.',
  insufficient_credits: "The day's credits are spent; they come back at 00:00 UTC.",
  request_limit_reached: 'Too many requests; slow down.',
  ok: 'Admitted.',
  store_unavailable: 'The verification service cannot answer now; try again.',
};

/** Which of the two allowances is the tighter one. */
export type LimitedBy = 'account' | 'key';

/** The answer to "may this key pass?". Denied or admitted, it is a value. Unknown parts are null. */
export interface Verdict {
  readonly valid: boolean;
  readonly code: VerdictCode;
  readonly status: number;
  readonly message: string;
  readonly keyId: string | null;
  readonly keyName: string | null;
  readonly account: string | null;
  readonly environment: string | null;
  readonly tier: string | null;
  readonly service: string | null;
  /** The price of the request in credits, whether or not it was taken. */
  readonly cost: number | null;
  /** After this request, of the tighter of account and key. */
  readonly credits: {
    readonly limit: number;
    readonly remaining: number;
    readonly resetsAt: Instant;
    readonly limitedBy: LimitedBy;
  } | null;
  readonly rate: {
    readonly limit: number;
    readonly burst: number;
    readonly remaining: number;
    /** When the whole burst is back. */
    readonly resetsAt: Instant;
  } | null;
  /** Whole seconds, rounded up: who waits that long passes. */
  readonly retryAfter: number | null;
  readonly debitId: string | null;
  readonly requestId: string | null;
  readonly replayed: boolean;
}

/** Credits that this very request took from the account. */
export function creditsConsumed(verdict: Verdict): number {
  return verdict.debitId !== null && !verdict.replayed ? (verdict.cost ?? 0) : 0;
}

/** A verdict about nobody: what is said when no key, account or service is known. */
export function anonymousVerdict(code: DenialCode, requestId: string | null, retryAfter: number | null = null): Verdict {
  return {
    valid: false,
    code,
    status: VERDICT_STATUS[code],
    message: VERDICT_MESSAGE[code],
    keyId: null,
    keyName: null,
    account: null,
    environment: null,
    tier: null,
    service: null,
    cost: null,
    credits: null,
    rate: null,
    retryAfter,
    debitId: null,
    requestId,
    replayed: false,
  };
}

/** The verdict as JSON shows it: instants in ISO 8601. */
export function verdictJson(verdict: Verdict): Record<string, unknown> {
  return {
    ...verdict,
    credits: verdict.credits === null ? null : { ...verdict.credits, resetsAt: formatInstant(verdict.credits.resetsAt) },
    rate: verdict.rate === null ? null : { ...verdict.rate, resetsAt: formatInstant(verdict.rate.resetsAt) },
  };
}
