import { openBalance, remaining, type Balance } from '../domain/credits.ts';
import { creditsOn, pendingTier, tierOn, type Account, type Tier, type TierFrom } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, formatDay, formatInstant, startOfDay, type Instant } from '../domain/utc-day.ts';
import { tierNamed } from './balance-on.ts';

/** An account as operators see it: with today's tier and books, and the change of tier that waits. */
export interface AccountView extends Omit<Account, 'ref' | 'tiers' | 'suspendedAt'> {
  readonly tier: string;
  readonly pendingTier: TierFrom | null;
  readonly status: 'active' | 'suspended';
  readonly credits: Balance;
}

/** The fields of an account's JSON, in the contract's order. */
export const ACCOUNT_FIELDS = ['id', 'name', 'externalId', 'tier', 'pendingTier', 'status', 'createdAt', 'credits'] as const;

export async function describeAccounts(tx: ReadTransaction, accounts: readonly Account[], now: Instant): Promise<readonly AccountView[]> {
  const day = dayOf(now);
  const refs = accounts.map((account) => account.ref);
  const stored = await tx.credits.balances(refs, day);
  const tiers = new Map<string, Tier>();
  const views: AccountView[] = [];
  for (const { ref, tiers: history, suspendedAt, ...account } of accounts) {
    const name = tierOn({ tiers: history }, day);
    const tier = tiers.get(name) ?? (await tierNamed(tx, name));
    tiers.set(name, tier);
    // Idle accounts have no stored books; what was given or taken for the day counts all the same.
    const credits = stored.get(ref) ?? openBalance(day, creditsOn(tier, day), (await tx.credits.spending(ref, day)).adjusted);
    const status = suspendedAt === null ? 'active' : 'suspended';
    views.push({ ...account, tier: name, pendingTier: pendingTier({ tiers: history }, day), status, credits });
  }
  return views;
}

export async function describeAccount(tx: ReadTransaction, account: Account, now: Instant): Promise<AccountView> {
  const [view] = await describeAccounts(tx, [account], now);
  if (view === undefined) throw new RangeError('an account without its description');
  return view;
}

/** The account as the contract's JSON has it; credits are whole numbers, days and instants ISO 8601 in UTC. */
export function accountJson(view: AccountView): Record<string, unknown> {
  const { id, name, externalId, tier, status } = view;
  const { pendingTier: pending, credits } = view;
  return {
    ...{ id, name, externalId, tier },
    pendingTier: pending === null ? null : { tier: pending.tier, from: formatDay(pending.from) },
    status,
    createdAt: formatInstant(view.createdAt),
    credits: balanceJson(credits),
  };
}

/** The block of credits inside an account's JSON. */
export function balanceJson(balance: Balance): Record<string, unknown> {
  const { day, granted, adjusted, spent } = balance;
  return {
    day: formatDay(day),
    ...{ granted, adjusted, spent },
    remaining: remaining(balance),
    resetsAt: formatInstant(startOfDay(day + 1)),
  };
}

/** What the audit trail keeps of an account: its settings, not its traffic. */
export function auditedAccount(view: AccountView): Record<string, unknown> {
  const { name, externalId, tier, pendingTier: pending, status } = view;
  return { name, externalId, tier, pendingTier: pending === null ? null : { tier: pending.tier, from: formatDay(pending.from) }, status };
}
