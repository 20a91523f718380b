import { remaining, type Balance } from './credits.ts';
import { debitId, type DebitNumber, type PriorCharge, type RequestIdRule } from './debit.ts';
import { keyStatus, type Account, type Ref, type Service, type VerifiedKey } from './entities.ts';
import { ipInRanges } from './ip-range.ts';
import { rateState, type ArrivalMicros, type RateLimit, type RateState } from './rate-limit.ts';
import { nextReset, type Instant } from './utc-day.ts';
import { VERDICT_MESSAGE, VERDICT_STATUS, type DenialCode, type LimitedBy, type Verdict } from './verdict.ts';

/** Who asks: the digest of a presented secret, nothing usable, or somebody the shell has already resolved. */
export type Subject =
  | { readonly kind: 'digest'; readonly digest: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'key'; readonly ref: Ref }
  | { readonly kind: 'account'; readonly ref: Ref };

/** "May this key pass, and charge it": everything that the asker knows. */
export interface Request {
  readonly subject: Subject;
  readonly service: string;
  /** The environment that the server or the question insists on, or null. */
  readonly environment: string | null;
  /** A trusted caller's own price in credits, or null for the service's. */
  readonly cost: number | null;
  /** The client's address where it is known. */
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly requestIdRule: RequestIdRule;
  /** Decide, but take nothing and count nothing. */
  readonly dryRun: boolean;
  /** The shell's `charge` comes from no address and at no rate. */
  readonly fromShell: boolean;
}

/** What the store knows about the request's parts, read under the same lock. */
export interface Facts {
  readonly service: Service | null;
  /** Null when no such key exists, when it is deleted, or when an account is charged without a key. */
  readonly key: VerifiedKey | null;
  readonly account: Account | null;
  /** The name of the tier that holds on the day of `now`. */
  readonly tier: string | null;
  /** That tier's limit for the service, or null for none. */
  readonly limit: RateLimit | null;
  /** The account's books on the day of `now`. */
  readonly balance: Balance | null;
  /** What the key's chain of rotations has spent of its cap today. */
  readonly capSpent: number;
  readonly arrival: ArrivalMicros;
  /** What the request id was charged for within its window, or null. */
  readonly prior: PriorCharge | null;
  /** The number that a debit would get. */
  readonly nextDebit: DebitNumber;
}

/**
 * What to write when a verdict is taken: nothing for a denial or a dry run. `cut` is the one exception, for a request that the rate
 * limit refuses after the clock stepped back: the arrival time is cut, or the wait that the verdict promises would never end.
 */
export type Change =
  | {
      readonly kind: 'debit';
      readonly cost: number;
      readonly balance: Balance;
      readonly arrival: ArrivalMicros | null;
      readonly capSpent: number;
    }
  | { readonly kind: 'replay' }
  | { readonly kind: 'cut'; readonly arrival: ArrivalMicros };

export interface Decision {
  readonly verdict: Verdict;
  readonly change: Change | null;
}

type Passes = (request: Request, facts: Facts, now: Instant) => boolean;

/**
 * The checks in their order; the first that fails is the verdict. Each assumes that those before it passed.
 * `invalid_api_key` covers malformed, unknown and deleted alike, so that nobody learns which.
 */
export const CHECKS: readonly (readonly [DenialCode, Passes])[] = [
  ['unknown_service', (_, facts) => facts.service !== null],
  ['missing_api_key', (request) => request.subject.kind !== 'missing'],
  ['invalid_api_key', (request, facts) => request.subject.kind === 'account' || (facts.key !== null && facts.key.deletedAt === null)],
  ['api_key_disabled', (_, { key }) => key === null || key.disabledAt === null],
  ['api_key_expired', (_, { key }, now) => key === null || keyStatus(key, now) !== 'expired'],
  ['account_suspended', (_, { account }) => account?.suspendedAt === null],
  [
    'environment_mismatch',
    (request, { key, service }) => environmentFits(key, request.environment) && environmentFits(key, service?.environment ?? null),
  ],
  [
    'ip_not_allowed',
    (request, { key }) => request.fromShell || key === null || key.allowedIps.length === 0 || ipInRanges(key.allowedIps, request.ip),
  ],
  [
    'service_not_allowed',
    (_, { key, service }) => key === null || service === null || key.services.length === 0 || key.services.includes(service.name),
  ],
  ['request_id_conflict', (request, facts) => facts.prior === null || replays(facts.prior, request, facts)],
  ['insufficient_credits', (request, facts) => facts.prior !== null || priceOf(request, facts) <= allowanceLeft(facts).left],
  ['request_limit_reached', (request, facts, now) => facts.prior !== null || request.fromShell || (rateOf(facts, now)?.admitted ?? true)],
];

function environmentFits(key: VerifiedKey | null, environment: string | null): boolean {
  return key === null || environment === null || key.environment === environment;
}

export function priceOf(request: Request, facts: Facts): number {
  return request.cost ?? facts.service?.cost ?? 0;
}

function replays(prior: PriorCharge, request: Request, facts: Facts): boolean {
  return (
    prior.keyRef === (facts.key?.ref ?? null) &&
    prior.serviceRef === facts.service?.ref &&
    prior.cost === priceOf(request, facts) &&
    !prior.refunded &&
    prior.replaysLeft !== 0
  );
}

/** The tighter of the account's allowance and the key's cap: its size, and what is left of it. */
export function allowanceLeft(facts: Facts): { by: LimitedBy; limit: number; left: number } {
  const { balance, key } = facts;
  const account = balance === null ? 0 : remaining(balance);
  const cap = key?.dailyCap ?? null;
  if (cap !== null && Math.max(0, cap - facts.capSpent) < account)
    return { by: 'key', limit: cap, left: Math.max(0, cap - facts.capSpent) };
  return { by: 'account', limit: balance === null ? 0 : balance.granted + balance.adjusted, left: account };
}

export function rateOf(facts: Facts, now: Instant): RateState | null {
  return facts.limit === null ? null : rateState(facts.limit, facts.arrival, now * 1_000);
}

/** The first check that fails, or null for an admission: the decision alone, for who asks millions of times and reads no verdict. */
export function firstFailing(request: Request, facts: Facts, now: Instant): DenialCode | null {
  for (const [code, passes] of CHECKS) if (!passes(request, facts, now)) return code;
  return null;
}

/** The one place where keyctl decides: pure, total, and the same for `serve`, `charge`, `verify`, `explain` and `simulate`. */
export function decide(request: Request, facts: Facts, now: Instant): Decision {
  const code = firstFailing(request, facts, now);
  if (code !== null) return { verdict: denial(code, request, facts, now), change: cutOf(code, request, facts, now) };
  return facts.prior === null ? admission(request, facts, now) : replay(facts.prior, request, facts, now);
}

function cutOf(code: DenialCode, request: Request, facts: Facts, now: Instant): Change | null {
  const arrival = code === 'request_limit_reached' && !request.dryRun ? (rateOf(facts, now)?.cut ?? null) : null;
  return arrival === null ? null : { kind: 'cut', arrival };
}

/** What an admitted request takes. */
export function debitOf(request: Request, facts: Facts, now: Instant): Change & { readonly kind: 'debit' } {
  const cost = priceOf(request, facts);
  const before = facts.balance;
  if (before === null) throw new RangeError('an admission needs a balance');
  const balance = { day: before.day, granted: before.granted, adjusted: before.adjusted, spent: before.spent + cost };
  const arrival = request.fromShell ? null : (rateOf(facts, now)?.next ?? null);
  return { kind: 'debit', cost, balance, arrival, capSpent: facts.capSpent + cost };
}

function admission(request: Request, facts: Facts, now: Instant): Decision {
  if (request.dryRun) return { verdict: describe('ok', request, facts, now), change: null };
  const change = debitOf(request, facts, now);
  const { balance, capSpent, arrival } = change;
  const after = { ...facts, balance, capSpent, arrival: arrival ?? facts.arrival };
  return { verdict: describe('ok', request, after, now, debitId(facts.nextDebit)), change };
}

function replay(prior: PriorCharge, request: Request, facts: Facts, now: Instant): Decision {
  return {
    verdict: { ...describe('ok', request, facts, now), debitId: debitId(prior.number), replayed: true },
    change: request.dryRun ? null : { kind: 'replay' },
  };
}

function denial(code: DenialCode, request: Request, facts: Facts, now: Instant): Verdict {
  const known = code !== 'unknown_service' && code !== 'missing_api_key' && code !== 'invalid_api_key';
  const verdict = describe(
    code,
    request,
    known ? facts : { ...facts, key: null, account: null, balance: null, limit: null, tier: null },
    now,
  );
  if (code === 'insufficient_credits') return { ...verdict, retryAfter: Math.ceil((nextReset(now) - now) / 1_000) };
  if (code !== 'request_limit_reached') return verdict;
  return { ...verdict, retryAfter: Math.ceil((rateOf(facts, now)?.waitMicros ?? 0) / 1_000_000) };
}

function describe(code: DenialCode | 'ok', request: Request, facts: Facts, now: Instant, debit: string | null = null): Verdict {
  const { key, account, service, limit } = facts;
  const allowance = allowanceLeft(facts);
  const rate = rateOf(facts, now);
  return {
    valid: code === 'ok',
    code,
    status: VERDICT_STATUS[code],
    message: VERDICT_MESSAGE[code],
    keyId: key?.id ?? null,
    keyName: key?.name ?? null,
    account: account?.name ?? null,
    environment: key?.environment ?? null,
    tier: facts.tier,
    service: service?.name ?? null,
    cost: service === null ? null : priceOf(request, facts),
    credits:
      facts.balance === null
        ? null
        : { limit: allowance.limit, remaining: allowance.left, resetsAt: nextReset(now), limitedBy: allowance.by },
    rate:
      rate === null || limit === null
        ? null
        : {
            limit: limit.requestsPerSecond,
            burst: limit.burst,
            remaining: rate.remaining,
            resetsAt: now + Math.ceil(rate.refillMicros / 1_000),
          },
    retryAfter: null,
    debitId: debit,
    requestId: request.requestId,
    replayed: false,
  };
}
