import { randomBytes } from 'node:crypto';
import { digestApiKey, mintApiKey } from '../../src/domain/api-key.ts';
import type { Request } from '../../src/domain/decide.ts';
import type { Account, Key } from '../../src/domain/entities.ts';
import { newId } from '../../src/domain/random.ts';
import type { NewKey, Store } from '../../src/domain/store.ts';
import { blankKey } from '../../src/operations/create-key.ts';
import { temporaryStore, type TemporaryStore } from '../harness.ts';
import { storeInPostgres } from '../postgres/store.ts';

/** A kind of store that the contract suite runs over: the same sentences must hold for each. */
export interface StoreKind {
  readonly name: string;
  /** How many random cases `npm test` has time for. */
  readonly runs: number;
  /** A new store with what every store begins with. */
  open(now: string): Promise<TemporaryStore>;
}

export const STORE_KINDS: readonly StoreKind[] = [
  { name: 'SQLite', runs: 20, open: (now) => temporaryStore(now) },
  { name: 'PostgreSQL', runs: 6, open: (now) => storeInPostgres({ now: Date.parse(now) }) },
];

/** An account of its own with one key, so that the cases of a suite do not meet. */
export async function addAccount(store: Store, name: string, tier = 'free'): Promise<Account> {
  return store.write((tx, now) =>
    tx.accounts.insert({ id: newId('acct', randomBytes), name, externalId: null, createdAt: now, suspendedAt: null }, tier),
  );
}

export async function addKey(store: Store, account: Account, changed: Partial<NewKey> = {}): Promise<Key & { readonly apiKey: string }> {
  const apiKey = mintApiKey('kc', 'prod', randomBytes);
  const key = await store.write((tx, now) =>
    tx.keys.insert({
      ...blankKey(account, apiKey, now, randomBytes),
      name: 'prod',
      environment: 'production',
      ...changed,
    }),
  );
  return { ...key, apiKey };
}

/** A request by the key's secret for the default service, without an address and outside the rate limit. */
export function requestBy(key: { readonly apiKey: string }, changed: Partial<Request> = {}): Request {
  return {
    subject: { kind: 'digest', digest: digestApiKey(key.apiKey) },
    service: 'default',
    environment: null,
    cost: null,
    ip: null,
    requestId: null,
    requestIdRule: 'json',
    dryRun: false,
    fromShell: true,
    ...changed,
  };
}

export async function settleOne(store: Store, request: Request) {
  const [verdict] = await store.settle([request]);
  if (verdict === undefined) throw new RangeError('a settle without a verdict');
  return verdict;
}
