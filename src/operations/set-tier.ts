import { creditsOn, pendingTier, tierOn, type Account, type Tier, type TierFrom } from '../domain/entities.ts';
import type { Actor, ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, formatDay, type UtcDay } from '../domain/utc-day.ts';
import { allowanceOn, tierNamed } from './balance-on.ts';
import { auditedAccount, describeAccount, type AccountView } from './describe-accounts.ts';
import { findAccountOrOnly } from './find-account.ts';
import { findTier } from './find-tier.ts';
import { regrantAccount, touch, type Allowances, type Touched } from './regrant-books.ts';

/** When a change of tier begins: today for at least as many credits and tomorrow for fewer, or as the operator says. */
export type TierTiming = 'by-credits' | 'now' | 'at-reset';

export interface SetTier {
  /** A name or id; undefined for the only account. */
  readonly account: string | undefined;
  readonly tier: string;
  readonly timing: TierTiming;
}

/** What a `tier set` comes to. `dropped` is the change to another tier that waited and is dropped for it. */
export type TierChange =
  /** The account has the tier, or the very change waits already. */
  | { readonly kind: 'none'; readonly waiting: TierFrom | null }
  /** The account has the tier, and goes on having it. */
  | { readonly kind: 'cancelled'; readonly dropped: TierFrom }
  | { readonly kind: 'set'; readonly from: UtcDay; readonly dropped: TierFrom | null };

interface Plan {
  readonly account: Account;
  /** The account with the history that the change gives it. */
  readonly changed: Account;
  readonly change: TierChange;
}

/** Gives an account another tier. Throws `not_found`, or `usage` when there are several accounts and none is named. */
export function setTier(
  store: Store,
  wanted: SetTier,
  actor: Actor,
): Promise<{ readonly account: AccountView; readonly previous: string; readonly change: TierChange }> {
  return store.write(async (tx, now) => {
    const today = dayOf(now);
    const { account, changed, change } = await plan(tx, wanted, today);
    const before = await describeAccount(tx, account, now);
    if (change.kind === 'none') return { account: before, previous: before.tier, change };
    if (change.kind === 'cancelled') await tx.accounts.dropTiersAfter(account.ref, today);
    else await tx.accounts.setTier(account.ref, change.from, wanted.tier, now);
    await regrantAccount(tx, account, firstDay(change), (day) => allowances(tx, account, changed, day));
    const after = await describeAccount(tx, changed, now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'tier.set', targetKind: 'account', targetId: account.id, targetName: account.name },
      before: { ...auditedAccount(before), granted: before.credits.granted },
      after: { ...auditedAccount(after), granted: after.credits.granted, from: formatDay(firstDay(change)) },
    });
    return { account: after, previous: before.tier, change };
  });
}

/** What `setTier` would do; `touched` is null where it would change nothing. */
export function previewSetTier(
  store: Store,
  wanted: SetTier,
): Promise<{ readonly tier: string; readonly change: TierChange; readonly touched: Touched | null }> {
  return store.read(async (tx, now) => {
    const today = dayOf(now);
    const { account, changed, change } = await plan(tx, wanted, today);
    if (change.kind === 'none') return { tier: wanted.tier, change, touched: null };
    const from = firstDay(change);
    const [touched = null] = await touch(tx, [account], { today, from }, await allowances(tx, account, changed, from));
    return { tier: wanted.tier, change, touched };
  });
}

async function allowances(tx: ReadTransaction, account: Account, changed: Account, day: UtcDay): Promise<Allowances> {
  return { before: await allowanceOn(tx, account, day), after: await allowanceOn(tx, changed, day) };
}

function firstDay(change: Exclude<TierChange, { kind: 'none' }>): UtcDay {
  return change.kind === 'set' ? change.from : change.dropped.from;
}

async function plan(tx: ReadTransaction, { account: reference, tier: name, timing }: SetTier, today: UtcDay): Promise<Plan> {
  const account = await findAccountOrOnly(tx, reference);
  const wanted = await findTier(tx, name);
  const change = decideChange(account, await tierNamed(tx, tierOn(account, today)), wanted, timing, today);
  switch (change.kind) {
    case 'none':
      return { account, changed: account, change };
    case 'cancelled':
      return { account, changed: { ...account, tiers: account.tiers.filter((entry) => entry.from <= today) }, change };
    case 'set': {
      const kept = account.tiers.filter((entry) => entry.from < change.from);
      return { account, changed: { ...account, tiers: [...kept, { from: change.from, tier: wanted.name }] }, change };
    }
  }
}

function decideChange(account: Account, current: Tier, wanted: Tier, timing: TierTiming, today: UtcDay): TierChange {
  const waiting = pendingTier(account, today);
  if (wanted.name === current.name) return waiting === null ? { kind: 'none', waiting } : { kind: 'cancelled', dropped: waiting };
  const atOnce = timing === 'now' || (timing === 'by-credits' && creditsOn(wanted, today) >= creditsOn(current, today));
  const from = atOnce ? today : today + 1;
  const last = account.tiers.at(-1);
  if (waiting !== null && last === waiting && waiting.tier === wanted.name && waiting.from === from) return { kind: 'none', waiting };
  return { kind: 'set', from, dropped: waiting?.tier === wanted.name ? null : waiting };
}
