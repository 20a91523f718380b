import { mintApiKey } from '../domain/api-key.ts';
import { KeyctlError } from '../domain/error.ts';
import { keyStatus, type Key } from '../domain/entities.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Actor, KeyPatch, Store, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { accountOf, auditedFields, changeKey } from './change-key.ts';
import { auditedKey, blankKey } from './create-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import { findEnvironment } from './find-environment.ts';
import { checkNotDeleted, findKey, type KeyReference } from './find-key.ts';

const MOST_NAME_CHARACTERS = 100;

export interface RotatedKey {
  /** The successor's secret, which exists nowhere else. */
  readonly apiKey: string;
  readonly key: KeyView;
  /** The old key under its new name. */
  readonly predecessor: KeyView;
}

/**
 * Replaces a key by a new one that takes its name, settings and length of life. The old one goes on for `graceMs`, or is disabled now when
 * that is 0. One daily cap counts for both. `deliver` gets the secret inside the transaction, as in `createKey`.
 * Throws `not_found`, `ambiguous`, or `conflict` for a key that is disabled, expired or already rotated.
 */
export function rotateKey(
  store: Store,
  { reference, graceMs }: { readonly reference: KeyReference; readonly graceMs: number },
  actor: Actor,
  randomBytes: RandomBytes,
  deliver: (apiKey: string) => void = () => undefined,
): Promise<RotatedKey> {
  return store.write(async (tx, now) => {
    const old = checkNotDeleted(await findKey(tx, reference), now);
    await checkRotatable(tx, old, now);
    const account = await accountOf(tx, old);
    const environment = await findEnvironment(tx, old.environment);
    const apiKey = mintApiKey((await tx.config.prefixes()).at(-1) ?? '', environment.code, randomBytes);
    const blank = blankKey(account, apiKey, now, randomBytes);
    // The old one makes way first: two live keys of an account never have one name.
    const patch = { ...ending(old, now, graceMs), name: await formerName(tx, old), rotatedTo: blank.id };
    const { key: ended } = await changeKey(tx, old, patch, { action: 'key.rotate', actor, now, account });
    const { name, note, services, allowedIps, dailyCap, capGroup } = old;
    const successor = await tx.keys.insert({
      ...{ ...blank, environment: environment.name, name, note, services, allowedIps, dailyCap, capGroup },
      expiresAt: old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt),
      rotatedFrom: old.id,
    });
    const key = await describeKey(tx, successor, now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'key.create', targetKind: 'key', targetId: key.id, targetName: `${account.name}/${key.name}` },
      before: null,
      after: auditedFields({ ...auditedKey(key), rotatedFrom: old.id }),
    });
    const predecessor = await describeKey(tx, ended, now);
    deliver(apiKey);
    return { apiKey, key, predecessor };
  });
}

async function checkRotatable(tx: WriteTransaction, key: Key, now: Instant): Promise<void> {
  if (key.rotatedTo !== null) {
    const successor = await tx.keys.byId(key.rotatedTo);
    const hint =
      successor === null || successor.deletedAt !== null
        ? 'See: keyctl list'
        : `End it now: keyctl disable ${key.id}. Or rotate its successor: keyctl rotate ${successor.id}`;
    throw new KeyctlError('conflict', 'That key was rotated already.', { hint });
  }
  const status = keyStatus(key, now);
  if (status === 'disabled') {
    throw new KeyctlError('conflict', 'That key is disabled.', { hint: `Enable it first: keyctl enable ${key.id}, or create another.` });
  }
  if (status === 'expired') {
    const hint = `Give it time first: keyctl edit ${key.id} --expires 1d, or create another.`;
    throw new KeyctlError('conflict', 'That key has expired.', { hint });
  }
}

function ending(key: Key, now: Instant, graceMs: number): KeyPatch {
  const end = now + graceMs;
  const expiresAt = key.expiresAt === null ? end : Math.min(key.expiresAt, end);
  return graceMs === 0 ? { expiresAt, disabledAt: now, disabledReason: 'rotated' } : { expiresAt };
}

/** `<name>~1`, or the lowest number that is free among the account's live keys; a long name is cut so that it stays within its limit. */
async function formerName(tx: WriteTransaction, key: Key): Promise<string> {
  for (let number = 1; ; number += 1) {
    const suffix = `~${String(number)}`;
    const kept = [...key.name].slice(0, MOST_NAME_CHARACTERS - suffix.length).join('');
    // A joiner at the cut would have nothing left to join, and the name would not be printable.
    const name = kept.replace(/(?:\u200d|\ufe0f)+$/u, '') + suffix;
    if ((await tx.keys.liveByName(name, key.accountRef)).length === 0) return name;
  }
}
