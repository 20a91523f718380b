import { keyStatus } from '../domain/entities.ts';
import type { Actor, Store } from '../domain/store.ts';
import { accountOf, changeKey } from './change-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import { checkNotDeleted, findKey, type KeyReference } from './find-key.ts';

export interface DeletedKey {
  readonly key: KeyView;
  /** The key before it in its chain of rotations, when it still passes. */
  readonly livePredecessor: KeyView | null;
}

/** Deletes a key for good: its name is free, its debits stay, and its full id still finds it. Throws `not_found` or `ambiguous`. */
export function deleteKey(store: Store, reference: KeyReference, actor: Actor): Promise<DeletedKey> {
  return store.write(async (tx, now) => {
    const key = checkNotDeleted(await findKey(tx, reference), now);
    const change = { action: 'key.delete', actor, now, account: await accountOf(tx, key) };
    const { key: deleted } = await changeKey(tx, key, { deletedAt: now }, change);
    const predecessor = key.rotatedFrom === null ? null : await tx.keys.byId(key.rotatedFrom);
    return {
      key: await describeKey(tx, deleted, now),
      livePredecessor: predecessor !== null && keyStatus(predecessor, now) === 'active' ? await describeKey(tx, predecessor, now) : null,
    };
  });
}
