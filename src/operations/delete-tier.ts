import { KeyctlError } from '../domain/error.ts';
import type { Actor, Store } from '../domain/store.ts';
import { dayOf } from '../domain/utc-day.ts';
import { auditedTier, viewTier } from './describe-tiers.ts';
import { findTier } from './find-tier.ts';

/** Deletes a tier. Throws `not_found`, or `conflict` while any account has or awaits it. */
export function deleteTier(store: Store, name: string, actor: Actor): Promise<void> {
  return store.write(async (tx, now) => {
    const tier = await findTier(tx, name);
    const today = dayOf(now);
    const holders = await tx.accounts.countHavingOrAwaiting(tier.name, today);
    if (holders > 0) {
      const many = holders === 1 ? 'An account has or awaits' : `${String(holders)} accounts have or await`;
      throw new KeyctlError('conflict', `${many} the tier ${tier.name}.`, {
        hint: `Give them another first: keyctl tier set; see: keyctl account list --tier ${tier.name}`,
      });
    }
    const before = auditedTier(viewTier(tier, today, holders));
    await tx.tiers.delete(tier.name, now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'tier.delete', targetKind: 'tier', targetId: tier.name, targetName: tier.name },
      before,
      after: null,
    });
  });
}
