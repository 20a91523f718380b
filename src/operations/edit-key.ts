import type { Key } from '../domain/entities.ts';
import type { Actor, KeyPatch, Store, WriteTransaction } from '../domain/store.ts';
import { settingDuration } from '../domain/settings.ts';
import { dayOf, startOfDay, type UtcDay } from '../domain/utc-day.ts';
import { accountOf, changeKey, type KeyChange } from './change-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import { checkServicesExist } from './find-environment.ts';
import { checkNotDeleted, findKey, type KeyReference } from './find-key.ts';

/** What to change, already checked as text; a field that is left out stays as it is. */
export type KeyEdit = Pick<KeyPatch, 'expiresAt' | 'services' | 'allowedIps' | 'dailyCap' | 'note'>;

export interface EditedKey {
  readonly key: KeyView;
  readonly changed: boolean;
  /** Other keys of its chain of rotations that got the same cap. */
  readonly sharingCap: readonly Key[];
}

/**
 * Changes a key's settings. A daily cap is that of the whole chain of rotations, and what the chain spent today counts towards it at once.
 * Throws `not_found` (a service too) or `ambiguous`.
 */
export function editKey(store: Store, reference: KeyReference, edit: KeyEdit, actor: Actor): Promise<EditedKey> {
  return store.write(async (tx, now) => {
    const key = checkNotDeleted(await findKey(tx, reference), now);
    if (edit.services !== undefined) await checkServicesExist(tx, edit.services);
    const change: KeyChange = { action: 'key.edit', actor, now, account: await accountOf(tx, key) };
    const sharingCap = edit.dailyCap === undefined ? [] : await shareCap(tx, key, edit.dailyCap, change);
    const { key: edited, changed } = await changeKey(tx, key, edit, change);
    return { key: await describeKey(tx, edited, now), changed: changed || sharingCap.length > 0, sharingCap };
  });
}

/** Gives the live keys of the chain the cap, and returns those but `key` itself that had another. */
async function shareCap(tx: WriteTransaction, key: Key, dailyCap: number | null, change: KeyChange): Promise<readonly Key[]> {
  const chain = await tx.keys.byCapGroup(key.capGroup);
  const shared: Key[] = [];
  for (const other of chain) {
    if (other.ref === key.ref || other.deletedAt !== null) continue;
    const { changed, key: capped } = await changeKey(tx, other, { dailyCap }, change);
    if (changed) shared.push(capped);
  }
  if (dailyCap !== null) await countTowardsCap(tx, key, chain, dayOf(change.now));
  return shared;
}

/**
 * Spending is counted towards a cap only while there is one; a cap that comes later finds the day's spending in the usage. So it does for
 * the other days that a clock stepping back or ahead may come to, as long as debits are kept.
 */
export async function countTowardsCap(tx: WriteTransaction, key: Key, chain: readonly Key[], today: UtcDay): Promise<void> {
  const kept = dayOf(startOfDay(today) - settingDuration(await tx.config.all(), 'keep-debits'));
  const refs = chain.map(({ ref }) => ref);
  for (const { day } of await tx.credits.balancesFrom(key.accountRef, kept)) {
    const usage = await tx.usage.ofKeys(refs, day);
    const spent = [...usage.values()].reduce((sum, { credits }) => sum + credits, 0);
    await tx.credits.setCapSpent(key.capGroup, day, spent);
  }
}
