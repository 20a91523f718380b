import type { Balance } from '../domain/credits.ts';
import { keyStatus, tierOn, type Account, type Key } from '../domain/entities.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, type Instant } from '../domain/utc-day.ts';
import { balanceOn } from './balance-on.ts';
import { accountOf } from './change-key.ts';
import { describeKey, describeKeys, type KeyView } from './describe-keys.ts';
import { findKey, type KeyReference } from './find-key.ts';

/** A key with what stands around it. Credits are whole numbers of today, UTC. */
export interface KeyDetails {
  readonly key: KeyView;
  readonly account: Account;
  readonly tier: string;
  readonly balance: Balance;
  /** What its chain of rotations has spent of its daily cap today; null without a cap. */
  readonly capSpent: number | null;
  /** Its neighbours in the chain of rotations, deleted ones too. */
  readonly rotatedFrom: KeyView | null;
  readonly rotatedTo: KeyView | null;
  /** The keys before it in the chain that still pass, each in its grace, the newest first. */
  readonly predecessors: readonly KeyView[];
  readonly now: Instant;
}

/** Everything about one key, deleted ones by full id or secret too. Throws `not_found` or `ambiguous`. */
export function viewKey(store: Store, reference: KeyReference): Promise<KeyDetails> {
  return store.read(async (tx, now) => {
    const key = await findKey(tx, reference);
    const account = await accountOf(tx, key);
    const day = dayOf(now);
    return {
      ...{ key: await describeKey(tx, key, now), account, tier: tierOn(account, day), now },
      balance: await balanceOn(tx, account, day),
      capSpent: key.dailyCap === null ? null : await tx.credits.capSpent(key.capGroup, day),
      rotatedFrom: await neighbour(tx, key.rotatedFrom, now),
      rotatedTo: await neighbour(tx, key.rotatedTo, now),
      predecessors: await describeKeys(tx, await predecessorsInGrace(tx, key, now), now),
    };
  });
}

async function predecessorsInGrace(tx: ReadTransaction, key: Key, now: Instant): Promise<readonly Key[]> {
  if (key.rotatedFrom === null) return [];
  const chain = await tx.keys.byCapGroup(key.capGroup);
  return chain.filter((other) => other.ref < key.ref && keyStatus(other, now) === 'active').reverse();
}

async function neighbour(tx: ReadTransaction, id: string | null, now: Instant): Promise<KeyView | null> {
  const key = id === null ? null : await tx.keys.byId(id);
  return key === null ? null : describeKey(tx, key, now);
}
