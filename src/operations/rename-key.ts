import type { Actor, Store } from '../domain/store.ts';
import { accountOf, changeKey } from './change-key.ts';
import { checkKeyNameFree } from './create-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import { checkNotDeleted, findKey, type KeyReference } from './find-key.ts';

export interface RenamedKey {
  readonly key: KeyView;
  readonly formerName: string;
}

/**
 * Gives a key another name, which `checkKeyName` has passed. To its own name it is no change.
 * Throws `not_found`, `ambiguous`, or `already_exists` when a live key of the account has the name.
 */
export function renameKey(store: Store, reference: KeyReference, name: string, actor: Actor): Promise<RenamedKey> {
  return store.write(async (tx, now) => {
    const key = checkNotDeleted(await findKey(tx, reference), now);
    const account = await accountOf(tx, key);
    if (name !== key.name) await checkKeyNameFree(tx, account, name);
    const { key: renamed } = await changeKey(tx, key, { name }, { action: 'key.rename', actor, now, account });
    return { key: await describeKey(tx, renamed, now), formerName: key.name };
  });
}
