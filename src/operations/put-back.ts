import { KeyctlError } from '../domain/error.ts';
import type { Watch } from '../domain/store-backup.ts';
import type { Actor, ReadTransaction, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { compareAccounts, putBackAccount, type AccountBack } from './put-back-accounts.ts';
import { compareCatalogue, putBackPart, type CatalogueBack } from './put-back-catalogue.ts';
import { compareKeys, putBackKey, type KeyBack } from './put-back-keys.ts';
import { relate } from './relate-stores.ts';

/** What goes back to what it was in a backup, and what does not. */
export interface PutBack {
  readonly keys: number;
  readonly accounts: number;
  readonly tiers: number;
  readonly services: number;
  readonly environments: number;
  readonly settings: number;
  /** Doors that were closed since, and stay closed. */
  readonly staysClosed: { readonly keys: number; readonly accounts: number };
  /** What was made since, and stays. */
  readonly madeSince: { readonly keys: number; readonly accounts: number };
  /** Names of the backup that somebody else has by now. */
  readonly namesTaken: readonly string[];
}

interface By {
  readonly actor: Actor;
  readonly now: Instant;
}

/** After so many keys and accounts it is told how far it is. */
const TOLD_EVERY = 500;

type Part = { readonly kind: 'key'; readonly back: KeyBack } | { readonly kind: 'account'; readonly back: AccountBack };

/** What `putBack` would do. */
export async function previewPutBack(current: ReadTransaction, backup: ReadTransaction, now: Instant): Promise<PutBack> {
  const catalogue = await compareCatalogue(current, backup, now);
  const tally = new Tally();
  for await (const part of parts(current, backup, now)) tally.take(part);
  return tally.result(catalogue, await madeSince(current, backup), []);
}

/**
 * Puts the names, notes, limits, prices and settings of a backup back into the store that went on from it. Whatever was done by traffic or
 * given to customers since stays, and so does every door that was closed. Throws `conflict` for a store that did not go on from the backup.
 */
export async function putBack(tx: WriteTransaction, backup: ReadTransaction, by: By, watch: Watch): Promise<PutBack> {
  if ((await relate(tx, backup)) !== 'went-on') {
    throw new KeyctlError('conflict', 'The store is not what it was a moment ago.', { hint: 'Look at it, then start again.' });
  }
  // First the catalogue: an account may go back to a tier that has to be there again.
  const catalogue = await compareCatalogue(tx, backup, by.now);
  for (const part of catalogue) await putBackPart(tx, part, by);
  const tally = new Tally();
  const left: Part[] = [];
  const total = (await backup.accounts.count({})) + (await backup.keys.count({ now: 0 }));
  for await (const part of parts(tx, backup, by.now)) {
    const done = tally.take(part);
    if (done % TOLD_EVERY === 0) watch({ text: 'Making the new store', done, total });
    if (!(await apply(tx, part, by))) left.push(part);
  }
  return tally.result(catalogue, await madeSince(tx, backup), await putBackNames(tx, left, by));
}

async function* parts(current: ReadTransaction, backup: ReadTransaction, now: Instant): AsyncGenerator<Part> {
  for await (const back of compareAccounts(current, backup, now)) yield { kind: 'account', back };
  for await (const back of compareKeys(current, backup)) yield { kind: 'key', back };
}

/** False when a name was taken. */
async function apply(tx: WriteTransaction, part: Part, by: By): Promise<boolean> {
  if (part.kind === 'key') return (await putBackKey(tx, part.back, by)) === null;
  return Object.keys(await putBackAccount(tx, part.back, by)).length === 0;
}

/**
 * A name may be free only after another one was given back; two that were exchanged since stay exchanged. Returns the names that stay
 * taken.
 */
async function putBackNames(tx: WriteTransaction, left: readonly Part[], by: By): Promise<readonly string[]> {
  const still: Part[] = [];
  for (const part of left) if (!(await apply(tx, await nameOnly(tx, part), by))) still.push(part);
  if (still.length > 0 && still.length < left.length) return putBackNames(tx, still, by);
  return still.map(({ back }) => back.patch.name ?? '').filter((name) => name !== '');
}

/** As it is by now, with nothing but its name to be changed. */
async function nameOnly(tx: ReadTransaction, part: Part): Promise<Part> {
  if (part.kind === 'key') {
    const { name } = part.back.patch;
    const key = (await tx.keys.byRef(part.back.key.ref)) ?? part.back.key;
    return { kind: 'key', back: { ...part.back, key, patch: name === undefined ? {} : { name } } };
  }
  const { name, externalId } = part.back.patch;
  const account = (await tx.accounts.byRef(part.back.account.ref)) ?? part.back.account;
  const patch = {
    ...(name === undefined || name === account.name ? {} : { name }),
    ...(externalId === undefined || externalId === account.externalId ? {} : { externalId }),
  };
  return { kind: 'account', back: { ...part.back, account, patch, tier: null } };
}

class Tally {
  #parts = 0;
  readonly #changed = { key: 0, account: 0 };
  readonly #closed = { key: 0, account: 0 };

  /** Returns how many that were. */
  take({ kind, back }: Part): number {
    const changes = Object.keys(back.patch).length > 0 || ('tier' in back && back.tier !== null);
    if (changes) this.#changed[kind] += 1;
    if (back.staysClosed) this.#closed[kind] += 1;
    this.#parts += 1;
    return this.#parts;
  }

  result(catalogue: readonly CatalogueBack[], made: PutBack['madeSince'], namesTaken: readonly string[]): PutBack {
    const count = (kind: CatalogueBack['kind']): number => catalogue.filter((part) => part.kind === kind).length;
    return {
      ...{ keys: this.#changed.key, accounts: this.#changed.account },
      ...{ tiers: count('tier'), services: count('service'), environments: count('environment'), settings: count('config') },
      staysClosed: { keys: this.#closed.key, accounts: this.#closed.account },
      ...{ madeSince: made, namesTaken },
    };
  }
}

/** None is ever taken away, but by taking back an import. */
async function madeSince(current: ReadTransaction, backup: ReadTransaction): Promise<PutBack['madeSince']> {
  const keys = (await current.keys.count({ now: 0 })) - (await backup.keys.count({ now: 0 }));
  const accounts = (await current.accounts.count({})) - (await backup.accounts.count({}));
  return { keys: Math.max(0, keys), accounts: Math.max(0, accounts) };
}
