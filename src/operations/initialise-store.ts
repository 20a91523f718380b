import { DEFAULT_ACCOUNT, DEFAULT_KEY_PREFIX } from '../domain/defaults.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Environment } from '../domain/entities.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Actor, Store, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { changeSetting } from './change-setting.ts';
import { createAccount } from './create-account.ts';
import { createEnvironment } from './create-environment.ts';
import { createKey } from './create-key.ts';
import { createTier, type CreateTier } from './create-tier.ts';
import type { KeyView } from './describe-keys.ts';
import { setTier } from './set-tier.ts';

/** What an installation begins with, beside what every store has. Everything is checked as text already. */
export interface Beginning {
  readonly prefix: string;
  readonly environments: readonly Environment[];
  readonly tiers: readonly CreateTier[];
  /** The first account: `default`, which there is, or another. */
  readonly account: string;
  readonly tier: string;
  readonly key: { readonly name: string; readonly environment: string };
}

/** Throws `conflict` for a store that somebody has used: what it holds was chosen by somebody. */
export async function checkUnused(store: Store): Promise<void> {
  const used = await store.read(async (tx) => (await tx.audit.page({}, null, 1)).length > 0);
  if (used) throw alreadyUsed(store.location);
}

export function alreadyUsed(location: string): KeyctlError {
  return new KeyctlError('conflict', `The store at ${location} is in use already; init only begins one.`, {
    hint: 'See what it holds with keyctl status; change it with keyctl config, env, tier, account and create. For another store give --db.',
  });
}

/** Makes all of it in one transaction, or nothing. Throws what the operations throw that it is made of. */
export function initialiseStore(
  store: Store,
  wanted: Beginning,
  actor: Actor,
  randomBytes: RandomBytes,
  deliver: (apiKey: string) => void,
): Promise<{ readonly apiKey: string; readonly key: KeyView }> {
  return store.write(async (tx, now) => {
    const inside = insideTransaction(store, tx, now);
    await checkUnused(inside);
    if (wanted.prefix !== DEFAULT_KEY_PREFIX) await changeSetting(inside, { name: 'key-prefix', value: wanted.prefix }, actor);
    for (const environment of wanted.environments) await createEnvironment(inside, environment, actor);
    for (const tier of wanted.tiers) await createTier(inside, tier, actor);
    const { account, tier } = wanted;
    if (account === DEFAULT_ACCOUNT) await setTier(inside, { account, tier, timing: 'now' }, actor);
    else await createAccount(inside, { name: account, tier, externalId: null }, actor, randomBytes);
    const rest = { expiresAt: null, services: [], allowedIps: [], dailyCap: null, note: null };
    return createKey(inside, { ...wanted.key, account, ...rest }, actor, randomBytes, deliver);
  });
}

/** The store as operations want it, with every act of theirs in the one transaction that is open. */
function insideTransaction(store: Store, tx: WriteTransaction, now: Instant): Store {
  return {
    location: store.location,
    read: (act) => act(tx, now),
    write: (act) => act(tx, now),
    writeBeside: (act) => act(tx, now),
    settle: (requests) => store.settle(requests),
    preview: (requests, at) => store.preview(requests, at),
    close: () => Promise.resolve(),
  };
}
