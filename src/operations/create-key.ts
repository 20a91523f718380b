import { digestApiKey, maskApiKey, mintApiKey } from '../domain/api-key.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Account } from '../domain/entities.ts';
import { newId, type RandomBytes } from '../domain/random.ts';
import type { Actor, NewKey, Store, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { auditedFields } from './change-key.ts';
import { describeKey, type KeyView } from './describe-keys.ts';
import { findAccountOrOnly } from './find-account.ts';
import { checkServicesExist, findEnvironment } from './find-environment.ts';

/** Everything already parsed and checked as text; what has to be looked up is looked up here. */
export interface CreateKey {
  readonly name: string;
  /** A name or id; undefined for the only account. */
  readonly account: string | undefined;
  /** A name or a code. */
  readonly environment: string;
  readonly expiresAt: Instant | null;
  readonly services: readonly string[];
  readonly allowedIps: readonly string[];
  readonly dailyCap: number | null;
  readonly note: string | null;
}

/**
 * Makes a key and returns it with its secret, which exists nowhere else from then on.
 * `deliver` gets the secret inside the transaction: when it fails (a file that cannot be written), there is no key.
 * Throws `not_found`, `already_exists` or `usage`.
 */
export async function createKey(
  store: Store,
  wanted: CreateKey,
  actor: Actor,
  randomBytes: RandomBytes,
  deliver: (apiKey: string) => void = () => undefined,
): Promise<{ readonly apiKey: string; readonly key: KeyView }> {
  return store.write(async (tx, now) => {
    const account = await findAccountOrOnly(tx, wanted.account);
    const environment = await findEnvironment(tx, wanted.environment);
    await checkServicesExist(tx, wanted.services);
    await checkKeyNameFree(tx, account, wanted.name);
    const apiKey = mintApiKey((await tx.config.prefixes()).at(-1) ?? '', environment.code, randomBytes);
    const key = await tx.keys.insert({
      ...blankKey(account, apiKey, now, randomBytes),
      name: wanted.name,
      environment: environment.name,
      note: wanted.note,
      expiresAt: wanted.expiresAt,
      services: wanted.services,
      allowedIps: wanted.allowedIps,
      dailyCap: wanted.dailyCap,
    });
    const view = await describeKey(tx, key, now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'key.create', targetKind: 'key', targetId: key.id, targetName: `${account.name}/${key.name}` },
      before: null,
      after: auditedFields(auditedKey(view)),
    });
    deliver(apiKey);
    return { apiKey, key: view };
  });
}

/** A new key's row around its secret's digest, with nothing chosen yet. */
export function blankKey(account: Account, apiKey: string, now: Instant, randomBytes: RandomBytes): NewKey {
  return {
    ...{ id: newId('key', randomBytes), accountRef: account.ref, digest: digestApiKey(apiKey), mask: maskApiKey(apiKey), createdAt: now },
    ...{ name: '', environment: '', note: null, expiresAt: null, disabledAt: null, disabledReason: null, deletedAt: null },
    ...{ rotatedFrom: null, rotatedTo: null, services: [], allowedIps: [], dailyCap: null, capGroup: null },
  };
}

/** Throws `already_exists` when a live key of the account has the name. */
export async function checkKeyNameFree(tx: WriteTransaction, account: Account, name: string): Promise<void> {
  if ((await tx.keys.liveByName(name, account.ref)).length === 0) return;
  throw new KeyctlError('already_exists', `The account ${account.name} has a key named ${JSON.stringify(name)} already.`, {
    hint: 'Choose another name, or replace that key: keyctl rotate <key> --grace 24h',
  });
}

/** What the audit trail keeps of a key: its settings, not its traffic. */
export function auditedKey(view: KeyView): Record<string, unknown> {
  const { name, account, environment, mask, note, expiresAt, services, allowedIps, dailyCap, status } = view;
  return { name, account, environment, mask, note, expiresAt, services, allowedIps, dailyCap, status };
}
