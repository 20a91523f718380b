import { creditsOn, type CreditsFrom, type Tier } from '../domain/entities.ts';
import type { RateLimit } from '../domain/rate-limit.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, formatDay, type Instant, type UtcDay } from '../domain/utc-day.ts';

/** A tier as operators see it today. */
export interface TierView {
  readonly name: string;
  readonly dailyCredits: number;
  /** The next change of its credits, or null. */
  readonly pendingDailyCredits: CreditsFrom | null;
  readonly limits: readonly (RateLimit & { readonly service: string })[];
  /** How many accounts have it today. */
  readonly accounts: number;
}

export const TIER_FIELDS = ['name', 'dailyCredits', 'limits', 'accounts', 'pendingDailyCredits'] as const;

/** By today's credits, then name. */
export async function describeTiers(tx: ReadTransaction, tiers: readonly Tier[], now: Instant): Promise<readonly TierView[]> {
  const day = dayOf(now);
  const accounts = await tx.accounts.countByTier(day);
  return tiers
    .map((tier) => viewTier(tier, day, accounts.get(tier.name) ?? 0))
    .sort((one, other) => one.dailyCredits - other.dailyCredits || (one.name < other.name ? -1 : 1));
}

export async function describeTier(tx: ReadTransaction, tier: Tier, now: Instant): Promise<TierView> {
  const [view] = await describeTiers(tx, [tier], now);
  if (view === undefined) throw new RangeError('a tier without its description');
  return view;
}

/** The tier on a day, with a number of accounts that is known already; counting them walks through all accounts. */
export function viewTier(tier: Tier, day: UtcDay, accounts: number): TierView {
  return {
    name: tier.name,
    dailyCredits: creditsOn(tier, day),
    pendingDailyCredits: pendingCredits(tier, day),
    limits: [...tier.limits].map(([service, { requestsPerSecond, burst }]) => ({ service, requestsPerSecond, burst })),
    accounts,
  };
}

/** The next change of a tier's credits after the day, or null. */
function pendingCredits(tier: Pick<Tier, 'credits'>, day: UtcDay): CreditsFrom | null {
  return tier.credits.find((entry) => entry.from > day) ?? null;
}

/** The tier as the contract's JSON has it, and the change that waits. */
export function tierJson({ name, dailyCredits, limits, accounts, pendingDailyCredits: pending }: TierView): Record<string, unknown> {
  return { name, dailyCredits, limits, accounts, pendingDailyCredits: pendingJson(pending) };
}

/** What the audit trail keeps of a tier. */
export function auditedTier({ name, dailyCredits, limits, pendingDailyCredits: pending }: TierView): Record<string, unknown> {
  return { name, dailyCredits, limits, pendingDailyCredits: pendingJson(pending) };
}

function pendingJson(pending: CreditsFrom | null): Record<string, unknown> | null {
  return pending === null ? null : { dailyCredits: pending.credits, from: formatDay(pending.from) };
}
