import type { Instant } from '../../src/domain/utc-day.ts';
import { dayAt, type Model, type ModelAccount, type ModelCharge, type ModelKey, type ModelRate, type ModelService } from './model.ts';

/** A request in the model's words. */
export interface Question {
  /** A key's secret or a key that the shell has found, an account that it charges, or what is none. */
  readonly who: ModelKey | ModelAccount | 'missing' | 'malformed' | 'unknown';
  readonly service: string;
  readonly environment: string | null;
  readonly cost: number | null;
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly rule: 'json' | 'header';
  readonly dryRun: boolean;
  readonly fromShell: boolean;
}

/** A verdict but for its words. `debit` is the number of the debit that it made or repeats. */
export interface Answer {
  readonly code: string;
  readonly status: number;
  readonly keyId: string | null;
  readonly keyName: string | null;
  readonly account: string | null;
  readonly environment: string | null;
  readonly tier: string | null;
  readonly service: string | null;
  readonly cost: number | null;
  readonly credits: { readonly limit: number; readonly remaining: number; readonly resetsAt: Instant; readonly limitedBy: string } | null;
  readonly rate: { readonly limit: number; readonly burst: number; readonly remaining: number; readonly resetsAt: Instant } | null;
  readonly retryAfter: number | null;
  readonly debit: number | null;
  readonly requestId: string | null;
  readonly replayed: boolean;
}

/** The checks in the contract's order, and the status of each. */
const STATUS: Readonly<Record<string, number>> = {
  ...{ unknown_service: 404, missing_api_key: 401, invalid_api_key: 401, api_key_disabled: 403, api_key_expired: 401 },
  ...{ account_suspended: 403, environment_mismatch: 403, ip_not_allowed: 403, service_not_allowed: 403 },
  ...{ request_id_conflict: 409, insufficient_credits: 402, request_limit_reached: 429, ok: 200 },
};
const ANONYMOUS: ReadonlySet<string> = new Set(['unknown_service', 'missing_api_key', 'invalid_api_key']);

const DAY_MS = 86_400_000;
const WINDOW_MS = { json: DAY_MS, header: 60_000 };
const REPLAYS = { json: Number.POSITIVE_INFINITY, header: 3 };

interface Parties {
  readonly key: ModelKey | null;
  readonly account: ModelAccount | null;
  readonly service: ModelService | undefined;
  readonly cost: number;
}

function partiesOf(model: Model, question: Question): Parties {
  const { who } = question;
  const service = model.service(question.service);
  const key = typeof who === 'object' && 'chain' in who ? who : null;
  const account = typeof who === 'object' && !('chain' in who) ? who : (key?.account ?? null);
  return { key, account, service, cost: question.cost ?? service?.cost ?? 0 };
}

/** GCRA as the contract writes it. */
function gcra({ perSecond, burst }: ModelRate, arrival: number, now: Instant) {
  const T = Math.floor(1e6 / perSecond);
  const ahead = Math.min(Math.max(arrival - now * 1_000, 0), burst * T);
  return {
    admitted: ahead <= (burst - 1) * T,
    next: now * 1_000 + ahead + T,
    wait: ahead - (burst - 1) * T,
    remaining: Math.floor((burst * T - ahead) / T),
    ahead,
    isCut: arrival - now * 1_000 > burst * T,
  };
}

function limitOf(model: Model, account: ModelAccount, service: string): ModelRate | null {
  const { limits } = model.tierOn(account, model.today);
  return limits.get(service) ?? limits.get('*') ?? null;
}

function priorOf(model: Model, account: ModelAccount, requestId: string | null): ModelCharge | null {
  const prior = requestId === null ? undefined : account.requestIds.get(requestId);
  return prior !== undefined && model.now < prior.expiresAt ? prior : null;
}

function codeOf(model: Model, question: Question, { key, account, service, cost }: Parties): string {
  const { environment, fromShell, ip } = question;
  if (service === undefined) return 'unknown_service';
  if (question.who === 'missing') return 'missing_api_key';
  if (account === null || (key !== null && key.deletedAt !== null)) return 'invalid_api_key';
  if (key !== null && key.disabledAt !== null) return 'api_key_disabled';
  if (key !== null && key.expiresAt !== null && model.now >= key.expiresAt) return 'api_key_expired';
  if (account.suspended) return 'account_suspended';
  if (key !== null && [environment, service.environment].some((wanted) => wanted !== null && wanted !== key.environment))
    return 'environment_mismatch';
  // The ranges of the test are all 10.0.0.0/8.
  if (key !== null && !fromShell && key.allowedIps.length > 0 && ip?.startsWith('10.') !== true) return 'ip_not_allowed';
  if (key !== null && key.services.length > 0 && !key.services.includes(service.name)) return 'service_not_allowed';
  const prior = priorOf(model, account, question.requestId);
  if (prior !== null) {
    const { debit, replaysLeft } = prior;
    const same = debit.key === key && debit.service === service && debit.cost === cost;
    return same && debit.refundedAt === null && replaysLeft > 0 ? 'ok' : 'request_id_conflict';
  }
  if (cost > allowance(model, account, key).left) return 'insufficient_credits';
  const limit = limitOf(model, account, service.name);
  if (!fromShell && limit !== null && !gcra(limit, account.arrivals.get(service.ref) ?? 0, model.now).admitted)
    return 'request_limit_reached';
  return 'ok';
}

/** The tighter of the account's day and the cap of the key's chain. */
function allowance(model: Model, account: ModelAccount, key: ModelKey | null): { limit: number; left: number; by: string } {
  const { granted, adjusted, spent } = model.books(account, model.today);
  const left = granted + adjusted - spent;
  const cap = key?.chain.cap ?? null;
  const ofCap = cap === null || key === null ? left : Math.max(0, cap - model.capSpent(key.chain, model.today));
  return cap !== null && ofCap < left ? { limit: cap, left: ofCap, by: 'key' } : { limit: granted + adjusted, left, by: 'account' };
}

/** Takes what an admission takes, and returns the debit's number; null where nothing is taken. */
function take(model: Model, question: Question, code: string, { key, account, service, cost }: Parties): number | null {
  if (account === null || service === undefined || question.dryRun) return null;
  const limit = question.fromShell ? null : limitOf(model, account, service.name);
  const rate = limit === null ? null : gcra(limit, account.arrivals.get(service.ref) ?? 0, model.now);
  if (code === 'request_limit_reached' && rate !== null && limit !== null && rate.isCut) {
    model.open(account, model.today);
    forgetPassed(account, model.now);
    account.arrivals.set(service.ref, model.now * 1_000 + rate.ahead);
  }
  if (code !== 'ok') return null;
  const { requestId, rule } = question;
  const number = Math.max((model.debits.at(-1)?.number ?? 0) + 1, model.now * 1_000, model.nextNumber);
  model.open(account, model.today);
  const balanceAfter = model.remaining(account, model.today) - cost;
  const debit = { number, at: model.now, account, key, service, cost, balanceAfter, requestId, refundedAt: null, pruned: false };
  model.debits.push(debit);
  forgetPassed(account, model.now);
  if (rate !== null) account.arrivals.set(service.ref, rate.next);
  if (requestId !== null) {
    account.requestIds.set(requestId, { debit, expiresAt: model.now + WINDOW_MS[rule], replaysLeft: REPLAYS[rule] });
  }
  return number;
}

/** An arrival that has passed says the same as none, and is not remembered for a clock that steps back later. */
function forgetPassed(account: ModelAccount, now: Instant): void {
  for (const [service, arrival] of account.arrivals) if (arrival <= now * 1_000) account.arrivals.delete(service);
}

/** Decides one request, and takes what it takes. */
export function ask(model: Model, question: Question): Answer {
  const parties = partiesOf(model, question);
  const code = codeOf(model, question, parties);
  const prior = code === 'ok' && parties.account !== null ? priorOf(model, parties.account, question.requestId) : null;
  if (prior !== null && !question.dryRun) prior.replaysLeft -= 1;
  const debit = prior === null ? take(model, question, code, parties) : prior.debit.number;
  return { ...described(model, question, code, parties), debit, replayed: prior !== null };
}

function described(model: Model, question: Question, code: string, parties: Parties): Omit<Answer, 'debit' | 'replayed'> {
  const { service, cost } = parties;
  const known = !ANONYMOUS.has(code);
  const account = known ? parties.account : null;
  const key = known ? parties.key : null;
  const { now, today } = model;
  const limit = account === null || service === undefined ? null : limitOf(model, account, service.name);
  const rate = limit === null || account === null ? null : gcra(limit, account.arrivals.get(service?.ref ?? 0) ?? 0, now);
  const left = account === null ? null : allowance(model, account, key);
  const midnight = (today + 1) * DAY_MS;
  const waits: Readonly<Record<string, number>> = {
    insufficient_credits: Math.ceil((midnight - now) / 1_000),
    request_limit_reached: Math.ceil((rate?.wait ?? 0) / 1e6),
  };
  return {
    ...{ code, status: STATUS[code] ?? 0, keyId: key?.id ?? null, keyName: key?.name ?? null, account: account?.name ?? null },
    ...{ environment: key?.environment ?? null, tier: account === null ? null : model.tierOn(account, dayAt(now)).name },
    ...{ service: service?.name ?? null, cost: service === undefined ? null : cost, requestId: question.requestId },
    credits: left === null ? null : { limit: left.limit, remaining: left.left, resetsAt: midnight, limitedBy: left.by },
    rate:
      limit === null || rate === null
        ? null
        : { limit: limit.perSecond, burst: limit.burst, remaining: rate.remaining, resetsAt: now + Math.ceil(rate.ahead / 1_000) },
    retryAfter: waits[code] ?? null,
  };
}
