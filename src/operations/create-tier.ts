import { KeyctlError } from '../domain/error.ts';
import type { Actor, Store } from '../domain/store.ts';
import { dayOf } from '../domain/utc-day.ts';
import { tierNamed } from './balance-on.ts';
import { applyLimits, type LimitEdit } from './apply-limits.ts';
import { auditedTier, viewTier, type TierView } from './describe-tiers.ts';

export interface CreateTier {
  readonly name: string;
  readonly dailyCredits: number;
  readonly limits: readonly LimitEdit[];
}

/** Makes a tier; without a rate it has no limit. Throws `already_exists`, or `not_found` for a limit on an unknown service. */
export function createTier(store: Store, wanted: CreateTier, actor: Actor): Promise<TierView> {
  return store.write(async (tx, now) => {
    const { name, dailyCredits } = wanted;
    if ((await tx.tiers.all()).some((tier) => tier.name === name)) {
      throw new KeyctlError('already_exists', `A tier named ${name} exists already.`, { hint: `Change it with: keyctl tier edit ${name}` });
    }
    const limits = await applyLimits(tx, new Map(), wanted.limits);
    const today = dayOf(now);
    await tx.tiers.insert(name, dailyCredits, today);
    await tx.tiers.setLimits(name, limits);
    const view = viewTier(await tierNamed(tx, name), today, 0);
    await tx.audit.append({
      ...{ at: now, actor, action: 'tier.create', targetKind: 'tier', targetId: name, targetName: name },
      before: null,
      after: auditedTier(view),
    });
    return view;
  });
}
