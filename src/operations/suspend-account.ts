import type { Actor, Store } from '../domain/store.ts';
import { auditedAccount, describeAccount, type AccountView } from './describe-accounts.ts';
import { findAccount } from './find-account.ts';

export interface SuspendAccount {
  readonly account: string;
  /** True suspends: every key of the account is denied from the next request on. False lets it go on. */
  readonly suspended: boolean;
  readonly reason: string | null;
}

/** Suspends an account or lets it go on; one that is so already is left as it is. Throws `not_found`. */
export function suspendAccount(
  store: Store,
  wanted: SuspendAccount,
  actor: Actor,
): Promise<{ readonly changed: boolean; readonly account: AccountView }> {
  return store.write(async (tx, now) => {
    const account = await findAccount(tx, wanted.account);
    const before = await describeAccount(tx, account, now);
    if ((account.suspendedAt !== null) === wanted.suspended) return { changed: false, account: before };
    await tx.accounts.update(account.ref, { suspendedAt: wanted.suspended ? now : null });
    const after: AccountView = { ...before, status: wanted.suspended ? 'suspended' : 'active' };
    await tx.audit.append({
      at: now,
      actor,
      action: wanted.suspended ? 'account.suspend' : 'account.resume',
      ...{ targetKind: 'account', targetId: account.id, targetName: account.name },
      before: auditedAccount(before),
      after: { ...auditedAccount(after), ...(wanted.reason === null ? {} : { reason: wanted.reason }) },
    });
    return { changed: true, account: after };
  });
}
