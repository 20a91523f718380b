import { grouped } from '../../domain/grouped.ts';
import { formatDay } from '../../domain/utc-day.ts';
import { EVERY_SERVICE } from '../../operations/apply-limits.ts';
import { TIER_FIELDS, tierJson, type TierView } from '../../operations/describe-tiers.ts';
import type { Output } from '../../terminal/output.ts';
import { painter } from '../../terminal/painter.ts';
import { facts } from '../../terminal/style.ts';

/** What a command did to a tier: the tier in JSON, a sentence otherwise. */
export function showTier(out: Output, tier: TierView, sentence: string): void {
  out.show(tierJson(tier), () => sentence, TIER_FIELDS);
}

/** Everything about one tier. */
export function showTierFacts(out: Output, tier: TierView): void {
  showTier(out, tier, out.json ? '' : describe(tier, out));
}

function describe(tier: TierView, { color, places }: Pick<Output, 'color' | 'places'>): string {
  const paint = painter(color);
  const waits = waitingText(tier);
  const lines: (readonly [string, string])[] = [
    ['Tier', paint.bold(tier.name)],
    ['Daily credits', grouped(tier.dailyCredits) + (waits === '' ? '' : `; ${waits}`)],
    ['Limits', limitsText(tier)],
    ['Accounts', grouped(tier.accounts)],
  ];
  return facts(lines, paint, places);
}

/** `500000 from 2026-11-23`, or nothing. */
export function waitingText({ pendingDailyCredits: pending }: TierView): string {
  return pending === null ? '' : `${grouped(pending.credits)} from ${formatDay(pending.from)}`;
}

/** The same inside a sentence. */
export function rateText(tier: TierView): string {
  return tier.limits.length === 0 ? 'no rate limit' : `rate limit ${limitsText(tier)}`;
}

/** `10/s, search 20/s:40`: the default of every service first, then those with one of their own; `none` for no limit. */
export function limitsText({ limits }: TierView): string {
  if (limits.length === 0) return 'none';
  return limits
    .map(({ service, requestsPerSecond, burst }) => {
      const limit = `${String(requestsPerSecond)}/s${burst === requestsPerSecond ? '' : `:${String(burst)}`}`;
      return service === EVERY_SERVICE ? limit : `${service} ${limit}`;
    })
    .join(', ');
}
