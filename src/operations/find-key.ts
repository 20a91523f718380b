import { digestApiKey } from '../domain/api-key.ts';
import { KeyctlError } from '../domain/error.ts';
import { keyStatus, type Key } from '../domain/entities.ts';
import { didYouMean } from '../domain/nearest.ts';
import type { ReadTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';

/** How a key is named: by words on the command line, or by the secret itself, from stdin. */
export type KeyReference = { readonly kind: 'words'; readonly text: string } | { readonly kind: 'secret'; readonly secret: string };

const LEAST_PREFIX = 6;
const MOST_CANDIDATES = 10;
const MOST_NAMES = 500;

/**
 * Finds a key: a full id, else `<account>/<name>` or a name that is unique, else a unique prefix of an id (6 characters or
 * more), else the secret. A full id and a secret find deleted keys too; names and prefixes do not.
 * Throws `not_found` (without repeating the text: it may be a secret in the wrong place) or `ambiguous` with the candidates.
 */
export async function findKey(tx: ReadTransaction, reference: KeyReference): Promise<Key> {
  if (reference.kind === 'secret') {
    const key = await tx.keys.byDigest(digestApiKey(reference.secret));
    if (key !== null) return key;
    throw new KeyctlError('not_found', 'No key of this store has that secret.', { hint: 'It may belong to another installation.' });
  }
  const found = (await tx.keys.byId(reference.text)) ?? (await findLive(tx, reference.text));
  if (found !== null) return found;
  throw new KeyctlError('not_found', 'There is no such key.', {
    hint: `${await didYouMeanKey(tx, reference.text)}See: keyctl list --status all`,
  });
}

/** Among those that begin with the same letter; of a million keys only so many are looked at. */
async function didYouMeanKey(tx: ReadTransaction, text: string): Promise<string> {
  const slash = text.indexOf('/');
  const account = slash === -1 ? null : await tx.accounts.byName(text.slice(0, slash));
  if (slash !== -1 && account === null) return '';
  const name = text.slice(slash + 1);
  const keys = await tx.keys.liveByNamePrefix(name.slice(0, 1), account?.ref ?? null, MOST_NAMES);
  return didYouMean(
    text,
    keys.map((key) => text.slice(0, slash + 1) + key.name),
  );
}

async function findLive(tx: ReadTransaction, text: string): Promise<Key | null> {
  const slash = text.indexOf('/');
  if (slash !== -1) {
    const account = await tx.accounts.byName(text.slice(0, slash));
    const name = text.slice(slash + 1).normalize('NFC');
    return account === null ? null : ((await tx.keys.liveByName(name, account.ref))[0] ?? null);
  }
  const named = await tx.keys.liveByName(text.normalize('NFC'), null);
  if (named.length > 0) return onlyOne(tx, named, 'Several accounts have a key of that name.');
  if (text.length < LEAST_PREFIX) return null;
  const prefixed = await tx.keys.liveByIdPrefix(text, MOST_CANDIDATES + 1);
  return prefixed.length === 0 ? null : onlyOne(tx, prefixed, 'Several keys have an id that begins so.');
}

async function onlyOne(tx: ReadTransaction, keys: readonly Key[], message: string): Promise<Key> {
  const [only, another] = keys;
  if (only !== undefined && another === undefined) return only;
  const candidates: string[] = [];
  for (const key of keys.slice(0, MOST_CANDIDATES)) {
    const account = await tx.accounts.byRef(key.accountRef);
    candidates.push(`${account?.name ?? ''}/${key.name} (${key.id})`);
  }
  const more = keys.length > MOST_CANDIDATES ? ' and more' : '';
  throw new KeyctlError('ambiguous', message, { hint: `Name one of them: ${candidates.join(', ')}${more}.` });
}

/** A deleted key can be looked at but not changed: `not_found`, as for a name that is gone. */
export function checkNotDeleted(key: Key, now: Instant): Key {
  if (keyStatus(key, now) !== 'deleted') return key;
  throw new KeyctlError('not_found', 'That key is deleted.', { hint: `It can still be seen with: keyctl view ${key.id}` });
}
