import { creditsOn, limitFor, tierOn, type Account, type Tier } from '../domain/entities.ts';
import { usageError } from '../domain/error.ts';
import type { RateLimit } from '../domain/rate-limit.ts';
import type { Plan, Terms } from '../domain/replay.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { EVERY_SERVICE } from './apply-limits.ts';
import { findTier } from './find-tier.ts';

/** Numbers to try beside the tiers that there are; what is undefined is that of each account's own tier. */
export interface Hypothetical {
  readonly dailyCredits: number | undefined;
  /** Requests per second of every service, as many of them at once; null for no limit. */
  readonly rate: number | null | undefined;
}

/** A plan with its numbers, for who reads what became of it. Null where they are those of each account's own tier. */
export interface NumberedPlan extends Plan {
  readonly hypothetical: boolean;
  readonly dailyCredits: number | null;
  readonly limits: readonly (RateLimit & { readonly service: string })[] | null;
}

const HYPOTHETICAL = 'hypothetical';

/** The plans that are tried, the fewest daily credits first: the tiers that are named, or, where nothing is named, all of them. Throws `not_found`. */
export async function replayPlans(
  tx: ReadTransaction,
  names: readonly string[],
  hypothetical: Hypothetical | null,
  now: Instant,
): Promise<readonly NumberedPlan[]> {
  const all = await tx.tiers.all();
  const today = dayOf(now);
  if (new Set(names).size < names.length) throw usageError('A tier is named twice.', 'Give each --tier once.');
  const named: Tier[] = [];
  for (const name of names) named.push(await findTier(tx, name));
  const tiers = named.length === 0 && hypothetical === null ? all : named;
  const plans = tiers.map((tier) => tierPlan(tier, today));
  if (hypothetical !== null) plans.push(hypotheticalPlan(hypothetical, new Map(all.map((tier) => [tier.name, tier])), today));
  return plans.sort((one, other) => creditsOf(one) - creditsOf(other) || rateOf(one) - rateOf(other) || (one.name < other.name ? -1 : 1));
}

function creditsOf({ dailyCredits }: NumberedPlan): number {
  return dailyCredits ?? Infinity;
}

function rateOf({ limits }: NumberedPlan): number {
  return limits?.find(({ service }) => service === EVERY_SERVICE)?.requestsPerSecond ?? Number.MAX_SAFE_INTEGER;
}

function tierPlan(tier: Tier, today: UtcDay): NumberedPlan {
  const terms = termsOf(tier, today);
  const limits = [...tier.limits].map(([service, { requestsPerSecond, burst }]) => ({ service, requestsPerSecond, burst }));
  return { name: tier.name, hypothetical: false, dailyCredits: terms.dailyCredits, limits, termsOf: () => terms };
}

function termsOf(tier: Tier, today: UtcDay): Terms {
  return { tier: tier.name, dailyCredits: creditsOn(tier, today), limit: ({ name }) => limitFor(tier, name) };
}

function hypotheticalPlan({ dailyCredits, rate }: Hypothetical, tiers: ReadonlyMap<string, Tier>, today: UtcDay): NumberedPlan {
  const limit = rate === undefined || rate === null ? null : { requestsPerSecond: rate, burst: rate };
  return {
    ...{ name: HYPOTHETICAL, hypothetical: true, dailyCredits: dailyCredits ?? null },
    limits: rate === undefined ? null : limit === null ? [] : [{ service: EVERY_SERVICE, ...limit }],
    termsOf: (account: Account): Terms => {
      const own = tiers.get(tierOn(account, today));
      if (own === undefined) throw new RangeError('an account without its tier');
      const terms = termsOf(own, today);
      return {
        tier: HYPOTHETICAL,
        dailyCredits: dailyCredits ?? terms.dailyCredits,
        limit: rate === undefined ? terms.limit : () => limit,
      };
    },
  };
}
