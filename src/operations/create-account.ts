import { DEFAULT_TIER } from '../domain/defaults.ts';
import { KeyctlError, usageError } from '../domain/error.ts';
import { newId, type RandomBytes } from '../domain/random.ts';
import type { Actor, Store, WriteTransaction } from '../domain/store.ts';
import { auditedAccount, describeAccount, type AccountView } from './describe-accounts.ts';
import { checkAccountNameFree } from './find-account.ts';
import { findTier } from './find-tier.ts';

export interface CreateAccount {
  readonly name: string;
  /** Undefined for the tier on which new accounts start. */
  readonly tier: string | undefined;
  readonly externalId: string | null;
}

/** Makes an account. Throws `already_exists` for a name or an external id that is taken, `not_found` for an unknown tier. */
export function createAccount(store: Store, wanted: CreateAccount, actor: Actor, randomBytes: RandomBytes): Promise<AccountView> {
  return store.write(async (tx, now) => {
    await checkAccountNameFree(tx, wanted.name);
    await checkExternalIdFree(tx, wanted.externalId);
    const tier = await startingTier(tx, wanted.tier);
    const { name, externalId } = wanted;
    const account = await tx.accounts.insert({ id: newId('acct', randomBytes), name, externalId, createdAt: now, suspendedAt: null }, tier);
    const view = await describeAccount(tx, account, now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'account.create', targetKind: 'account', targetId: view.id, targetName: name },
      before: null,
      after: auditedAccount(view),
    });
    return view;
  });
}

async function checkExternalIdFree(tx: WriteTransaction, externalId: string | null): Promise<void> {
  const other = externalId === null ? null : await tx.accounts.byExternalId(externalId);
  if (other === null) return;
  throw new KeyctlError('already_exists', `The account ${other.name} has that external id already.`, {
    hint: `See: keyctl account view ${other.name}`,
  });
}

async function startingTier(tx: WriteTransaction, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined) return (await findTier(tx, wanted)).name;
  const tiers = await tx.tiers.all();
  if (tiers.some(({ name }) => name === DEFAULT_TIER)) return DEFAULT_TIER;
  throw usageError(
    `--tier is missing: ${DEFAULT_TIER}, on which accounts start, was deleted.`,
    `Give --tier; there are: ${tiers.map(({ name }) => name).join(', ')}.`,
  );
}
