import { randomBytes } from 'node:crypto';
import type { Request } from '../../src/domain/decide.ts';
import type { Store } from '../../src/domain/store.ts';
import { createKey, type CreateKey } from '../../src/operations/create-key.ts';
import type { KeyView } from '../../src/operations/describe-keys.ts';
import type { KeyReference } from '../../src/operations/find-key.ts';
import { rotateKey, type RotatedKey } from '../../src/operations/rotate-key.ts';
import { presentedKey } from '../../src/domain/presented-key.ts';
import { keyForms } from '../../src/operations/key-forms.ts';
import { ACTOR } from '../harness.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A key of the account `default` with nothing chosen but its name. */
export function makeKey(
  store: Store,
  name: string,
  chosen: Partial<CreateKey> = {},
): Promise<{ readonly apiKey: string; readonly key: KeyView }> {
  const blank = { environment: 'production', expiresAt: null, services: [], allowedIps: [], dailyCap: null, note: null };
  return createKey(store, { ...blank, account: 'default', name, ...chosen }, ACTOR, randomBytes);
}

export function words(text: string): KeyReference {
  return { kind: 'words', text };
}

export function rotate(store: Store, key: string, graceMs: number): Promise<RotatedKey> {
  return rotateKey(store, { reference: words(key), graceMs }, ACTOR, randomBytes);
}

/** Makes an account on a tier, in the store's own words. */
export async function makeAccount(store: Store, name: string, tier = 'free'): Promise<void> {
  await store.write(async (tx, now) => {
    await tx.accounts.insert({ id: `acct_${name}`, name, externalId: null, createdAt: now, suspendedAt: null }, tier);
  });
}

/** Sends so many requests with a secret, as the endpoint would but at no rate, and returns the codes. */
export async function spend(store: Store, apiKey: string, count: number): Promise<readonly string[]> {
  const subject = await store.read(async (tx) => presentedKey(apiKey, await keyForms(tx)));
  const request: Request = {
    ...{ subject, service: 'default', environment: null, cost: null, ip: null, requestId: null, requestIdRule: 'json' },
    ...{ dryRun: false, fromShell: true },
  };
  const verdicts = await store.settle(Array.from({ length: count }, () => request));
  return verdicts.map((verdict) => verdict.code);
}

export function count(codes: readonly string[], code: string): number {
  return codes.filter((found) => found === code).length;
}

/** The actions in the audit trail, oldest first. */
export async function actions(store: Store): Promise<readonly string[]> {
  const entries = await store.read((tx) => tx.audit.page({}, null, 100));
  return entries.map((entry) => entry.action).reverse();
}
