import { usageError } from '../domain/error.ts';
import { creditsOn, type CreditsFrom, type Tier } from '../domain/entities.ts';
import type { RateLimit } from '../domain/rate-limit.ts';
import type { Actor, ReadTransaction, Store, WriteTransaction } from '../domain/store.ts';
import { dayOf, type UtcDay } from '../domain/utc-day.ts';
import { applyLimits, sameLimits, type LimitEdit } from './apply-limits.ts';
import { auditedTier, viewTier, type TierView } from './describe-tiers.ts';
import { findTier } from './find-tier.ts';
import { regrantTier } from './regrant-books.ts';

export interface EditTier {
  readonly name: string;
  readonly dailyCredits: number | undefined;
  readonly limits: readonly LimitEdit[];
  /** The daily credits hold at once instead of from the next 00:00 UTC. Limits always change at once. */
  readonly now: boolean;
}

export interface TierEditPlan {
  readonly before: Tier;
  /** The tier with its new limits and its new history of credits. */
  readonly after: Tier;
  /** The first day, today or later, on which the credits become others, or null. */
  readonly creditsFrom: UtcDay | null;
  readonly limitsChange: boolean;
}

export interface TierEdited {
  readonly tier: TierView;
  readonly changed: boolean;
  /** Whether a change of credits that waited is dropped by this one. */
  readonly cancelled: CreditsFrom | null;
  readonly creditsFrom: UtcDay | null;
}

/** Changes a tier's daily credits or limits. Throws `not_found`, or `usage` when nothing is to be changed. */
export async function editTier(store: Store, wanted: EditTier, actor: Actor): Promise<TierEdited> {
  // The accounts are counted before, and not while the store is locked for the edit.
  const accounts = await store.read((tx, now) => tx.accounts.countByTier(dayOf(now)));
  return store.write(async (tx, now) => {
    const today = dayOf(now);
    const plan = await planTierEdit(tx, wanted, today);
    const { before, after, creditsFrom } = plan;
    const view = (tier: Tier): TierView => viewTier(tier, today, accounts.get(tier.name) ?? 0);
    const waited = view(before).pendingDailyCredits;
    if (creditsFrom === null && !plan.limitsChange) return { tier: view(before), changed: false, cancelled: null, creditsFrom };
    if (plan.limitsChange) await tx.tiers.setLimits(after.name, after.limits);
    await writeCredits(tx, before, after);
    const booksGranted = creditsFrom === null ? 0 : await regrantTier(tx, before, after, creditsFrom);
    await tx.audit.append({
      ...{ at: now, actor, action: 'tier.edit', targetKind: 'tier', targetId: after.name, targetName: after.name },
      before: auditedTier(view(before)),
      after: { ...auditedTier(view(after)), booksGranted },
    });
    const cancelled = waited !== null && creditsOn(after, waited.from) !== waited.credits ? waited : null;
    return { tier: view(after), changed: true, cancelled, creditsFrom };
  });
}

/** What an edit comes to, for doing it and for showing it first. */
export async function planTierEdit(tx: ReadTransaction, wanted: EditTier, today: UtcDay): Promise<TierEditPlan> {
  if (wanted.dailyCredits === undefined && wanted.limits.length === 0) {
    throw usageError('There is nothing to change.', 'Give --daily-credits, --rate, --burst or --limit.');
  }
  const before = await findTier(tx, wanted.name);
  const limits: ReadonlyMap<string, RateLimit> = await applyLimits(tx, before.limits, wanted.limits);
  const credits = wanted.dailyCredits === undefined ? before.credits : creditsAfter(before, wanted.dailyCredits, wanted.now, today);
  const after: Tier = { ...before, limits, credits };
  return { before, after, creditsFrom: firstDifference(before, after, today), limitsChange: !sameLimits(before.limits, limits) };
}

/**
 * The history of credits with the edit in it. An edit from the next 00:00 UTC replaces one that waits for it, and cancels it when it names
 * today's credits. An edit for today leaves one that waits where it is: it was decided for another day.
 */
function creditsAfter(tier: Tier, credits: number, atOnce: boolean, today: UtcDay): readonly CreditsFrom[] {
  const from = atOnce ? today : today + 1;
  const kept = tier.credits.filter((entry) => entry.from < from);
  const waiting = atOnce ? tier.credits.filter((entry) => entry.from > from) : [];
  const history: CreditsFrom[] = [...kept, { from, credits }, ...waiting];
  // An entry that repeats the one before it says nothing, and would be shown as a change that waits. The past keeps its entries.
  return history.filter((entry, index) => entry.from < today || index === 0 || history[index - 1]?.credits !== entry.credits);
}

function firstDifference(before: Tier, after: Tier, today: UtcDay): UtcDay | null {
  const days = [...before.credits, ...after.credits].map((entry) => Math.max(entry.from, today)).sort((one, other) => one - other);
  return days.find((day) => creditsOn(before, day) !== creditsOn(after, day)) ?? null;
}

/** Writes the new history from the first entry that differs: the entry before it is set again, which drops all that come later. */
async function writeCredits(tx: WriteTransaction, before: Tier, after: Tier): Promise<void> {
  const { length } = after.credits;
  const differs = after.credits.findIndex((entry, index) => {
    const old = before.credits[index];
    return old?.from !== entry.from || old.credits !== entry.credits;
  });
  if (differs === -1 && before.credits.length === length) return;
  const first = Math.max(0, (differs === -1 ? length : differs) - 1);
  for (const entry of after.credits.slice(first)) await tx.tiers.setCredits(after.name, entry.from, entry.credits);
}
