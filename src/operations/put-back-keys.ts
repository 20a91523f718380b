import { sameDoors, stricter } from '../domain/doors.ts';
import type { Key, Ref } from '../domain/entities.ts';
import type { Actor, KeyPatch, ReadTransaction, WriteTransaction } from '../domain/store.ts';
import { dayOf, type Instant } from '../domain/utc-day.ts';
import { accountOf, changeKey } from './change-key.ts';
import { countTowardsCap } from './edit-key.ts';

const PAGE = 500;

/** A key that a backup has, as it is now, and what of it is to be as in the backup. */
export interface KeyBack {
  readonly key: Key;
  readonly patch: KeyPatch;
  /** A door of it was closed since, and stays closed. */
  readonly staysClosed: boolean;
}

/**
 * Compares the keys of a store with those of a backup that it went on from. A key is to have the backup's name and note, and whatever
 * doors are closed in either. One that was rotated since keeps its name, which its successor took over.
 */
export async function* compareKeys(current: ReadTransaction, backup: ReadTransaction): AsyncGenerator<KeyBack> {
  let after: Ref = 0;
  for (;;) {
    const page: readonly Key[] = await backup.keys.page(ALL, { after, limit: PAGE });
    for (const then of page) {
      const now = await current.keys.byId(then.id);
      // An import that was taken back since is not brought in again.
      if (now !== null) yield compare(now, then);
    }
    after = page.at(-1)?.ref ?? after;
    if (page.length < PAGE) return;
  }
}

const ALL = { now: 0 };

function compare(now: Key, then: Key): KeyBack {
  const keepsName = now.rotatedTo !== then.rotatedTo || now.deletedAt !== null;
  const patch = { ...stricter(now, then), note: then.note, ...(keepsName ? {} : { name: then.name }) };
  return { key: now, patch: differing(now, patch), staysClosed: !sameDoors(stricter(then, now), then) };
}

function differing(key: Key, patch: KeyPatch): KeyPatch {
  const names = (Object.keys(patch) as (keyof KeyPatch)[]).filter((name) => JSON.stringify(key[name]) !== JSON.stringify(patch[name]));
  return Object.fromEntries(names.map((name) => [name, patch[name]]));
}

/** Writes a key back. A name that another key has by now is left for later; returns it then. */
export async function putBackKey(
  tx: WriteTransaction,
  { key, patch }: Pick<KeyBack, 'key' | 'patch'>,
  { actor, now }: { readonly actor: Actor; readonly now: Instant },
): Promise<string | null> {
  const { name, ...rest } = patch;
  const taken = name !== undefined && (await tx.keys.liveByName(name, key.accountRef)).length > 0;
  const change = { action: 'key.restore', actor, now, account: await accountOf(tx, key) };
  const { key: after, changed } = await changeKey(tx, key, taken || name === undefined ? rest : patch, change);
  if (changed && after.dailyCap !== null && key.dailyCap === null) {
    await countTowardsCap(tx, after, await tx.keys.byCapGroup(after.capGroup), dayOf(now));
  }
  return taken ? name : null;
}
