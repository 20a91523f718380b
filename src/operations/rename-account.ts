import type { Actor, Store } from '../domain/store.ts';
import { auditedAccount, describeAccount, type AccountView } from './describe-accounts.ts';
import { checkAccountNameFree, findAccount } from './find-account.ts';

/** Gives an account another name; its id, keys and books stay. Throws `not_found`, or `already_exists` when the name is taken. */
export function renameAccount(
  store: Store,
  wanted: { readonly account: string; readonly name: string },
  actor: Actor,
): Promise<{ readonly before: string; readonly account: AccountView }> {
  return store.write(async (tx, now) => {
    const account = await findAccount(tx, wanted.account);
    const before = await describeAccount(tx, account, now);
    if (wanted.name === account.name) return { before: account.name, account: before };
    await checkAccountNameFree(tx, wanted.name);
    await tx.accounts.update(account.ref, { name: wanted.name });
    const after = { ...before, name: wanted.name };
    await tx.audit.append({
      ...{ at: now, actor, action: 'account.rename', targetKind: 'account', targetId: account.id, targetName: after.name },
      before: auditedAccount(before),
      after: auditedAccount(after),
    });
    return { before: account.name, account: after };
  });
}
