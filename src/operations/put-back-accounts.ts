import { creditsOn, tierOn, type Account, type Ref } from '../domain/entities.ts';
import type { Actor, ReadTransaction, WriteTransaction } from '../domain/store.ts';
import { dayOf, formatDay, formatInstant, type Instant } from '../domain/utc-day.ts';

const PAGE = 500;

/** An account that a backup has, as it is now, and what of it is to be as in the backup. */
export interface AccountBack {
  readonly account: Account;
  readonly patch: Partial<Pick<Account, 'name' | 'externalId' | 'suspendedAt'>>;
  /** The tier that it goes back to from tomorrow, or null for the one that it has. */
  readonly tier: string | null;
  /** It was suspended since, or its tier lowered, and stays so. */
  readonly staysClosed: boolean;
}

/**
 * Compares the accounts of a store with those of a backup that it went on from. An account is to have the backup's name and external id; it
 * is suspended where it is in either, and has the lesser of the two tiers, but not before tomorrow: today's books stay what they are.
 */
export async function* compareAccounts(current: ReadTransaction, backup: ReadTransaction, now: Instant): AsyncGenerator<AccountBack> {
  const tomorrow = dayOf(now) + 1;
  const creditsOf = async (tier: string): Promise<number> => {
    const found = (await backup.tiers.byName(tier)) ?? (await current.tiers.byName(tier));
    if (found === null) throw new RangeError('an account without its tier');
    return creditsOn(found, tomorrow);
  };
  let after: Ref = 0;
  for (;;) {
    const page: readonly Account[] = await backup.accounts.page({}, { after, limit: PAGE });
    for (const then of page) {
      const account = await current.accounts.byId(then.id);
      if (account === null) continue;
      const [held, former] = [tierOn(account, tomorrow), tierOn(then, tomorrow)];
      const lower = held !== former && (await creditsOf(former)) <= (await creditsOf(held));
      yield {
        account,
        patch: patchOf(account, then),
        tier: lower ? former : null,
        staysClosed: (account.suspendedAt !== null && then.suspendedAt === null) || (held !== former && !lower),
      };
    }
    after = page.at(-1)?.ref ?? after;
    if (page.length < PAGE) return;
  }
}

function patchOf(now: Account, then: Account): AccountBack['patch'] {
  return {
    ...(now.name === then.name ? {} : { name: then.name }),
    ...(now.externalId === then.externalId ? {} : { externalId: then.externalId }),
    ...(now.suspendedAt === null && then.suspendedAt !== null ? { suspendedAt: then.suspendedAt } : {}),
  };
}

/** Writes an account back. A name or external id that another account has by now is left as it is, and named in what is returned. */
export async function putBackAccount(
  tx: WriteTransaction,
  { account, patch, tier }: Omit<AccountBack, 'staysClosed'>,
  { actor, now }: { readonly actor: Actor; readonly now: Instant },
): Promise<Pick<AccountBack['patch'], 'name' | 'externalId'>> {
  const { name, externalId } = patch;
  const left = {
    ...(name !== undefined && (await tx.accounts.byName(name)) !== null ? { name } : {}),
    ...(typeof externalId === 'string' && (await tx.accounts.byExternalId(externalId)) !== null ? { externalId } : {}),
  };
  const wanted = Object.fromEntries(Object.entries(patch).filter(([field]) => !(field in left))) as AccountBack['patch'];
  if (Object.keys(wanted).length === 0 && tier === null) return left;
  const tomorrow = dayOf(now) + 1;
  await tx.accounts.update(account.ref, wanted);
  if (tier !== null) await tx.accounts.setTier(account.ref, tomorrow, tier, now);
  const fields = Object.keys(wanted) as (keyof AccountBack['patch'])[];
  await tx.audit.append({
    ...{ at: now, actor, action: 'account.restore', targetKind: 'account', targetId: account.id, targetName: wanted.name ?? account.name },
    before: { ...audited(fields, account), ...(tier === null ? {} : { tier: tierOn(account, tomorrow) }) },
    after: { ...audited(fields, { ...account, ...wanted }), ...(tier === null ? {} : { tier, from: formatDay(tomorrow) }) },
  });
  return left;
}

function audited(fields: readonly (keyof AccountBack['patch'])[], account: Account): Record<string, unknown> {
  const { name, externalId, suspendedAt } = account;
  const shown = { name, externalId, suspendedAt: suspendedAt === null ? null : formatInstant(suspendedAt) };
  return Object.fromEntries(fields.map((field) => [field, shown[field]]));
}
