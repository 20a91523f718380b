import { randomBytes } from 'node:crypto';
import type { Store } from '../../src/domain/store.ts';
import { changeSetting } from '../../src/operations/change-setting.ts';
import { createAccount } from '../../src/operations/create-account.ts';
import { createKey as makeKey } from '../../src/operations/create-key.ts';
import { createService } from '../../src/operations/create-service.ts';
import { createTier } from '../../src/operations/create-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import type { Ground, Place } from './grounds.ts';
import { Model, type ModelAccount, type ModelKey } from './model.ts';

const NOON = '2026-11-22T12:00:00.000Z';

const TIERS = [
  { name: 'small', dailyCredits: 300, limits: [] },
  { name: 'middle', dailyCredits: 1_000, limits: [{ service: '*', rate: 3, burst: 2 }] },
  {
    name: 'large',
    dailyCredits: 2_500,
    limits: [
      { service: '*', rate: 7, burst: 3 },
      { service: 'cheap', rate: 2, burst: 1 },
    ],
  },
] as const;
const SERVICES = [
  { name: 'cheap', cost: 7, environment: null },
  { name: 'staging', cost: 100, environment: 'qa' },
] as const;
const ACCOUNTS = { acme: 'small', globex: 'middle', initech: 'large' } as const;

/** What every sequence begins with: a place to copy, the secrets of its keys, and the same in a model. */
export interface Beginning {
  readonly copy: () => Promise<Place>;
  readonly secrets: ReadonlyMap<string, string>;
  /** A new one each time, since a sequence changes it. */
  readonly model: () => Promise<Model>;
  readonly cleanUp: () => Promise<void>;
}

/** Nothing but request ids is ever pruned in it: what pruning forgets is the business of other tests. */
export async function beginning(ground: Ground): Promise<Beginning> {
  const { store, settled } = await ground.begin({ now: Date.parse(NOON) });
  for (const name of ['keep-debits', 'keep-hourly-usage', 'keep-daily-usage']) await changeSetting(store, { name, value: '36500d' }, ACTOR);
  for (const service of SERVICES) await createService(store, service, ACTOR);
  for (const tier of TIERS) await createTier(store, tier, ACTOR);
  const secrets = new Map<string, string>();
  for (const [account, tier] of Object.entries(ACCOUNTS)) {
    await createAccount(store, { name: account, tier, externalId: null }, ACTOR, randomBytes);
    const blank = { environment: 'production', expiresAt: null, services: [], allowedIps: [], dailyCap: null, note: null };
    const { apiKey, key } = await makeKey(store, { ...blank, account, name: 'a' }, ACTOR, randomBytes);
    secrets.set(key.id, apiKey);
  }
  const model = await modelOf(store);
  await store.close();
  return { ...(await settled()), secrets, model: async () => model() };
}

/** A model of a store in which nobody has done anything yet. */
async function modelOf(store: Store): Promise<() => Model> {
  const rows = await store.read(async (tx, now) => ({
    now,
    services: await tx.catalogue.services(),
    tiers: await tx.tiers.all(),
    accounts: await tx.accounts.page({}, { after: 0, limit: 100 }),
    keys: await tx.keys.page({ now }, { after: 0, limit: 100 }),
  }));
  return () => {
    const model = new Model(rows.now);
    for (const service of rows.services) model.services.push({ ...service, deleted: false });
    for (const { name, credits, limits } of rows.tiers) {
      const entries = [...limits].map(([of, { requestsPerSecond, burst }]) => [of, { perSecond: requestsPerSecond, burst }] as const);
      model.tiers.push({ name, credits, limits: new Map(entries), deleted: false });
    }
    for (const { ref, name, createdAt, tiers } of rows.accounts) {
      const history = tiers.map((entry) => ({ ...entry, decidedAt: createdAt }));
      const fresh = { suspended: false, opened: new Map(), arrivals: new Map(), requestIds: new Map() };
      model.accounts.push({ ...fresh, ref, name, createdAt, tiers: history });
    }
    for (const { ref, id, name, accountRef, environment, createdAt } of rows.keys) {
      const account = model.accounts.find((found) => found.ref === accountRef);
      if (account === undefined) throw new RangeError('a key without its account');
      const blank = {
        rotatedFrom: null,
        rotatedTo: null,
        expiresAt: null,
        disabledAt: null,
        deletedAt: null,
        services: [],
        allowedIps: [],
      };
      model.keys.push({ ...blank, ref, id, name, account, environment, createdAt, chain: { cap: null } });
    }
    return model;
  };
}

/** The one that a number stands for, among those that there are. */
export function chosen<Item>(items: readonly Item[], which: number): Item | undefined {
  return items[which % Math.max(1, items.length)];
}

/** Three connections to one new store, as three processes have them, the last of which only reads; one clock; and the model. */
export class World {
  readonly model: Model;
  readonly clock: TestClock;
  /** The secrets of the keys, by their ids. */
  readonly secrets: Map<string, string>;
  readonly #place: Place;
  readonly #stores: [Store, Store, Store];

  static async begin({ copy, secrets, model }: Beginning): Promise<World> {
    const place = await copy();
    const clock = { now: Date.parse(NOON) };
    const stores = [await place.open('write', clock), await place.open('write', clock), await place.open('read', clock)] as const;
    return new World(await model(), clock, new Map(secrets), place, [...stores]);
  }

  private constructor(model: Model, clock: TestClock, secrets: Map<string, string>, place: Place, stores: [Store, Store, Store]) {
    this.model = model;
    this.clock = clock;
    this.secrets = secrets;
    this.#place = place;
    this.#stores = stores;
  }

  get skipsNumbers(): boolean {
    return this.#place.skipsNumbers;
  }

  /** The connections 0 and 1 write, 2 reads. */
  store(index: number): Store {
    return this.#stores[index % 3] ?? this.#stores[0];
  }

  /** As a process that ended and was started again: whatever it knew is gone. */
  async reopen(index: 0 | 1): Promise<void> {
    await this.#stores[index].close();
    this.#stores[index] = await this.#place.open('write', this.clock);
  }

  account(which: number): ModelAccount {
    const account = chosen(this.model.accounts, which);
    if (account === undefined) throw new RangeError('a model begins with accounts');
    return account;
  }

  key(which: number): ModelKey {
    const key = chosen(this.model.keys, which);
    if (key === undefined) throw new RangeError('a model begins with keys');
    return key;
  }

  setClock(now: number): void {
    this.clock.now = now;
    this.model.now = now;
  }

  async end(): Promise<void> {
    for (const store of this.#stores) await store.close();
    await this.#place.cleanUp();
  }
}
