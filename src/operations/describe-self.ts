import { remaining } from '../domain/credits.ts';
import { CHECKS, type Facts, type Request } from '../domain/decide.ts';
import { tierOn, type Account, type Key } from '../domain/entities.ts';
import type { Presenter } from '../domain/presented-key.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, formatDay, formatInstant, nextReset, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { anonymousVerdict, type DenialCode, type Verdict } from '../domain/verdict.ts';
import { balanceOn, tierNamed } from './balance-on.ts';

/** What a key may know about itself, as JSON shows it. Credits are whole numbers, times ISO 8601 in UTC. */
export interface Self {
  readonly account: string;
  readonly keyId: string;
  readonly keyName: string;
  readonly environment: string;
  readonly expiresAt: string | null;
  readonly tier: string;
  readonly credits: {
    readonly day: string;
    readonly granted: number;
    readonly adjusted: number;
    readonly spent: number;
    readonly remaining: number;
    readonly resetsAt: string;
  };
  /** The key's own daily cap inside the account's allowance, or null. */
  readonly cap: { readonly limit: number; readonly spent: number; readonly remaining: number } | null;
  readonly limits: readonly { readonly service: string; readonly requestsPerSecond: number; readonly burst: number }[];
}

export type SelfAnswer = { readonly denied: null; readonly self: Self } | { readonly denied: Verdict; readonly self: null };

/** The checks that ask who somebody is. What a service or a server insists on is no reason to hide a balance from its owner. */
const IDENTITY = new Set<DenialCode>(['invalid_api_key', 'api_key_disabled', 'api_key_expired', 'account_suspended', 'ip_not_allowed']);

/**
 * Tells the holder of a key its tier, credits and limits, or why the key does not count. Charges and counts nothing.
 * `ip` is the client's address where it is known.
 */
export function describeSelf(store: Store, subject: Presenter, ip: string | null): Promise<SelfAnswer> {
  if (subject.kind === 'missing') return Promise.resolve(refused('missing_api_key'));
  if (subject.kind === 'malformed') return Promise.resolve(refused('invalid_api_key'));
  return store.read(async (tx, now) => {
    const key = await tx.keys.byDigest(subject.digest);
    const account = key === null ? null : await tx.accounts.byRef(key.accountRef);
    if (key === null || account === null) return refused('invalid_api_key');
    const failed = failedCheck(subject, ip, key, account, now);
    if (failed === null) return { denied: null, self: await describe(tx, key, account, now) };
    if (failed === 'invalid_api_key') return refused(failed);
    return refused(failed, { keyId: key.id, keyName: key.name, account: account.name, environment: key.environment });
  });
}

function refused(code: DenialCode, known: Partial<Verdict> = {}): SelfAnswer {
  return { denied: { ...anonymousVerdict(code, null), ...known }, self: null };
}

/** A request for nothing, so that the checks of `decide` can be asked about the asker alone. */
const NOTHING = {
  service: '',
  environment: null,
  cost: null,
  requestId: null,
  requestIdRule: 'header',
  dryRun: true,
  fromShell: false,
} as const;
const NO_FACTS = { service: null, tier: null, limit: null, balance: null, capSpent: 0, arrival: 0, prior: null, nextDebit: 0 } as const;

function failedCheck(subject: Presenter, ip: string | null, key: Key, account: Account, now: Instant): DenialCode | null {
  const request: Request = { ...NOTHING, subject, ip };
  const facts: Facts = { ...NO_FACTS, key, account };
  return CHECKS.find(([code, passes]) => IDENTITY.has(code) && !passes(request, facts, now))?.[0] ?? null;
}

async function describe(tx: ReadTransaction, key: Key, account: Account, now: Instant): Promise<Self> {
  const day = dayOf(now);
  const tier = await tierNamed(tx, tierOn(account, day));
  const balance = await balanceOn(tx, account, day);
  return {
    account: account.name,
    keyId: key.id,
    keyName: key.name,
    environment: key.environment,
    expiresAt: key.expiresAt === null ? null : formatInstant(key.expiresAt),
    tier: tier.name,
    credits: {
      day: formatDay(day),
      granted: balance.granted,
      adjusted: balance.adjusted,
      spent: balance.spent,
      remaining: remaining(balance),
      resetsAt: formatInstant(nextReset(now)),
    },
    cap: await capOf(tx, key, day),
    limits: [...tier.limits].map(([service, limit]) => ({ service, ...limit })),
  };
}

async function capOf(tx: ReadTransaction, key: Key, day: UtcDay): Promise<Self['cap']> {
  if (key.dailyCap === null) return null;
  const spent = await tx.credits.capSpent(key.capGroup, day);
  return { limit: key.dailyCap, spent, remaining: Math.max(0, key.dailyCap - spent) };
}
