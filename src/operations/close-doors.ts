import { stricter, type Doors } from '../domain/doors.ts';
import type { Actor, KeyPatch, ReadTransaction, Store, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { putBackAccount } from './put-back-accounts.ts';
import { putBackKey } from './put-back-keys.ts';

const PAGE = 500;

/** A door as somebody else than the store knows it, by the id of the key or the account. */
export type Door =
  | { readonly kind: 'key'; readonly id: string; readonly doors: Partial<Doors> }
  | { readonly kind: 'account'; readonly id: string; readonly suspendedAt: Instant | null };

export interface ClosedDoors {
  keys: number;
  accounts: number;
}

/** Closes what is closed elsewhere, and opens nothing. What the store does not know is passed over. Once more, it changes nothing. */
export async function closeDoors(
  tx: WriteTransaction,
  doors: AsyncIterable<Door> | Iterable<Door>,
  by: { readonly actor: Actor; readonly now: Instant },
): Promise<ClosedDoors> {
  const closed: ClosedDoors = { keys: 0, accounts: 0 };
  for await (const door of doors) {
    if (door.kind === 'key') closed.keys += await closeKey(tx, door, by);
    else closed.accounts += await closeAccount(tx, door, by);
  }
  return closed;
}

/** Doors that a store would close in another, to say so beforehand. */
export async function countDoors(tx: ReadTransaction, doors: AsyncIterable<Door> | Iterable<Door>): Promise<ClosedDoors> {
  const closed: ClosedDoors = { keys: 0, accounts: 0 };
  for await (const door of doors) {
    if (door.kind === 'key') closed.keys += (await keyPatch(tx, door)) === null ? 0 : 1;
    else closed.accounts += (await accountToSuspend(tx, door)) === null ? 0 : 1;
  }
  return closed;
}

async function keyPatch(tx: ReadTransaction, { id, doors }: Door & { kind: 'key' }): Promise<KeyPatch | null> {
  const key = await tx.keys.byId(id);
  if (key === null) return null;
  const patch = stricter(key, doors);
  const same = (Object.keys(patch) as (keyof Doors)[]).every((field) => JSON.stringify(key[field]) === JSON.stringify(patch[field]));
  return same ? null : patch;
}

async function closeKey(tx: WriteTransaction, door: Door & { kind: 'key' }, by: { actor: Actor; now: Instant }): Promise<0 | 1> {
  const [key, patch] = [await tx.keys.byId(door.id), await keyPatch(tx, door)];
  if (key === null || patch === null) return 0;
  await putBackKey(tx, { key, patch }, by);
  return 1;
}

async function accountToSuspend(tx: ReadTransaction, { id, suspendedAt }: Door & { kind: 'account' }): Promise<number | null> {
  const account = await tx.accounts.byId(id);
  return account === null || account.suspendedAt !== null ? null : suspendedAt;
}

async function closeAccount(tx: WriteTransaction, door: Door & { kind: 'account' }, by: { actor: Actor; now: Instant }): Promise<0 | 1> {
  const [account, suspendedAt] = [await tx.accounts.byId(door.id), await accountToSuspend(tx, door)];
  if (account === null || suspendedAt === null) return 0;
  await putBackAccount(tx, { account, patch: { suspendedAt }, tier: null }, by);
  return 1;
}

/** Every door of a store. */
export async function* doorsOfStore(store: Store): AsyncGenerator<Door> {
  for (let after = 0; ;) {
    const from: number = after;
    const page = await store.read((tx) => tx.keys.page({ now: 0 }, { after: from, limit: PAGE }));
    for (const key of page) yield { kind: 'key', id: key.id, doors: key };
    after = page.at(-1)?.ref ?? after;
    if (page.length < PAGE) break;
  }
  for (let after = 0; ;) {
    const from: number = after;
    const page = await store.read((tx) => tx.accounts.page({}, { after: from, limit: PAGE }));
    for (const { id, suspendedAt } of page) yield { kind: 'account', id, suspendedAt };
    after = page.at(-1)?.ref ?? after;
    if (page.length < PAGE) return;
  }
}
