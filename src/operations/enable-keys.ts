import type { Actor, Store } from '../domain/store.ts';
import { accountOf, changeKey } from './change-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import type { KeyReference } from './find-key.ts';
import { findLiveKeys } from './find-keys.ts';

export interface EnabledKey {
  /** Its status may still be `expired`. */
  readonly key: KeyView;
  /** It was not disabled. */
  readonly already: boolean;
}

/** Takes back `disable`, all or none. An expired key stays expired. Throws `not_found` or `ambiguous`. */
export function enableKeys(store: Store, references: readonly KeyReference[], actor: Actor): Promise<readonly EnabledKey[]> {
  return store.write(async (tx, now) => {
    const enabled: EnabledKey[] = [];
    for (const key of await findLiveKeys(tx, references, now)) {
      const change = { action: 'key.enable', actor, now, account: await accountOf(tx, key) };
      const { key: after, changed } = await changeKey(tx, key, { disabledAt: null, disabledReason: null }, change);
      enabled.push({ key: await describeKey(tx, after, now), already: !changed });
    }
    return enabled;
  });
}
