import { keyStatus, type Key } from '../domain/entities.ts';
import type { Actor, KeyPatch, Store, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { accountOf, changeKey } from './change-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import type { KeyReference } from './find-key.ts';
import { findLiveKeys } from './find-keys.ts';

export interface DisableKeys {
  readonly references: readonly KeyReference[];
  readonly reason: string | null;
  /** Leave predecessors in their grace alone. */
  readonly only: boolean;
}

export interface DisabledKey {
  readonly key: KeyView;
  /** It was disabled before; the first instant and reason stand. */
  readonly already: boolean;
  /** It was not named: it is a predecessor of a named key, still in its grace. */
  readonly predecessor: boolean;
}

/**
 * Disables keys, all or none, and with each its predecessors that are still in their grace: whoever says "disable prod" because prod
 * leaked means everything that passes as prod. Named ones come first. Throws `not_found` or `ambiguous`.
 */
export function disableKeys(store: Store, { references, reason, only }: DisableKeys, actor: Actor): Promise<readonly DisabledKey[]> {
  return store.write(async (tx, now) => {
    const named = await findLiveKeys(tx, references, now);
    const predecessors = only ? [] : await predecessorsInGrace(tx, named, now);
    const disabled: DisabledKey[] = [];
    for (const key of [...named, ...predecessors]) {
      const change = { action: 'key.disable', actor, now, account: await accountOf(tx, key) };
      const { key: after } = await changeKey(tx, key, disabling(key, reason, now), change);
      disabled.push({
        key: await describeKey(tx, after, now),
        already: key.disabledAt !== null,
        predecessor: predecessors.includes(key),
      });
    }
    return disabled;
  });
}

function disabling(key: Key, reason: string | null, now: Instant): KeyPatch {
  return { disabledAt: key.disabledAt ?? now, disabledReason: key.disabledReason ?? reason };
}

/** Walks each chain of rotations backwards to its end: a middle one may have ended while an older one lives on. */
async function predecessorsInGrace(tx: WriteTransaction, named: readonly Key[], now: Instant): Promise<readonly Key[]> {
  const seen = new Set(named.map(({ id }) => id));
  const found: Key[] = [];
  for (const key of named) {
    let id = key.rotatedFrom;
    while (id !== null && !seen.has(id)) {
      seen.add(id);
      const predecessor = await tx.keys.byId(id);
      if (predecessor !== null && keyStatus(predecessor, now) === 'active') found.push(predecessor);
      id = predecessor?.rotatedFrom ?? null;
    }
  }
  return found;
}
