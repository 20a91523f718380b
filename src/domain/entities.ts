import type { RateLimit } from './rate-limit.ts';
import type { Instant, UtcDay } from './utc-day.ts';

/**
 * The store's own number for a row: small, stable, never shown. Debits and usage refer to accounts,
 * keys and services by it, because ten million rows of text ids would be four times as large.
 */
export type Ref = number;

export interface Environment {
  readonly name: string;
  readonly code: string;
}

export interface Service {
  readonly ref: Ref;
  readonly name: string;
  /** What one request costs, in credits. */
  readonly cost: number;
  /** The one environment whose keys it admits, or null for any. */
  readonly environment: string | null;
}

export interface Account {
  readonly ref: Ref;
  readonly id: string;
  readonly name: string;
  readonly externalId: string | null;
  readonly createdAt: Instant;
  readonly suspendedAt: Instant | null;
  /** Its tiers over time, ascending by day; the first holds from the beginning of time. */
  readonly tiers: readonly TierFrom[];
}

export interface TierFrom {
  readonly from: UtcDay;
  readonly tier: string;
}

export interface Tier {
  readonly name: string;
  /** Its daily credits over time, ascending by day; the first holds from the beginning of time. */
  readonly credits: readonly CreditsFrom[];
  /** By service name; `*` is the default of every service. */
  readonly limits: ReadonlyMap<string, RateLimit>;
}

export interface CreditsFrom {
  readonly from: UtcDay;
  readonly credits: number;
}

export interface Key {
  readonly ref: Ref;
  readonly id: string;
  readonly accountRef: Ref;
  readonly name: string;
  readonly environment: string;
  /** SHA-256 of the secret, hex. */
  readonly digest: string;
  readonly mask: string;
  readonly note: string | null;
  readonly createdAt: Instant;
  readonly expiresAt: Instant | null;
  readonly disabledAt: Instant | null;
  readonly disabledReason: string | null;
  readonly deletedAt: Instant | null;
  /** Ids of the neighbours in a chain of rotations. */
  readonly rotatedFrom: string | null;
  readonly rotatedTo: string | null;
  /** The services it may call; empty means every one. */
  readonly services: readonly string[];
  /** The ranges it may come from; empty means anywhere. */
  readonly allowedIps: readonly string[];
  readonly dailyCap: number | null;
  /** The ref of the first key in its chain of rotations: one cap counts for all of them. */
  readonly capGroup: Ref;
}

/** What a verification has to know of a key. */
export type VerifiedKey = Omit<Key, 'digest' | 'mask' | 'note' | 'rotatedFrom'>;

export const KEY_STATUSES = ['active', 'disabled', 'expired', 'deleted'] as const;
export type KeyStatus = (typeof KEY_STATUSES)[number];

/** A key's status at an instant. Deleted outweighs disabled, which outweighs expired, as in verification. */
export function keyStatus(key: Pick<Key, 'deletedAt' | 'disabledAt' | 'expiresAt'>, now: Instant): KeyStatus {
  if (key.deletedAt !== null) return 'deleted';
  if (key.disabledAt !== null) return 'disabled';
  return key.expiresAt !== null && now >= key.expiresAt ? 'expired' : 'active';
}

/** The latest entry not after the day. A history's first entry holds from the beginning of time, so there always is one. */
function latest<Entry extends { from: UtcDay }>(history: readonly Entry[], day: UtcDay): Entry {
  let found = history[0];
  for (let index = 1; index < history.length; index += 1) {
    const entry = history[index];
    if (entry !== undefined && entry.from <= day) found = entry;
  }
  if (found === undefined) throw new RangeError('a history without entries');
  return found;
}

export function tierOn(account: Pick<Account, 'tiers'>, day: UtcDay): string {
  return latest(account.tiers, day).tier;
}

/** The next change of tier after the day, or null. */
export function pendingTier(account: Pick<Account, 'tiers'>, day: UtcDay): TierFrom | null {
  return account.tiers.find((entry) => entry.from > day) ?? null;
}

export function creditsOn(tier: Pick<Tier, 'credits'>, day: UtcDay): number {
  return latest(tier.credits, day).credits;
}

/** The limit that a tier puts on a service: its own, else the default of every service, else none. */
export function limitFor(tier: Pick<Tier, 'limits'>, service: string): RateLimit | null {
  return tier.limits.get(service) ?? tier.limits.get('*') ?? null;
}
