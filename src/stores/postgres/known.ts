import { REQUEST_ID_WINDOW_MS } from '../../domain/debit.ts';
import type { Request } from '../../domain/decide.ts';
import type { Account, Ref, Service, Tier, VerifiedKey } from '../../domain/entities.ts';
import { settingDuration } from '../../domain/settings.ts';
import { accountsByRef } from './accounts.ts';
import { liveServices } from './catalogue.ts';
import { askByDigests, askByRefs, Identities } from './identities.ts';
import type { Sql } from './sql.ts';
import { tiersByName } from './tiers.ts';

/** How many keys and accounts are remembered; beyond it everything is read again, which is correct and only slower. */
const MOST_KNOWN = 24_000;

const GENERATION = { text: 'SELECT generation FROM state WHERE one = 1', name: 'generation' };

/** What a batch asks for and is not known. */
export interface Unknown {
  readonly digests: readonly string[];
  readonly keys: readonly Ref[];
  readonly accounts: readonly Ref[];
}

/**
 * Keys, accounts, tiers and services as they were at one generation of the store; whoever uses them asks within the transaction whether that
 * generation still stands. That there is no key of a digest is known in the same way.
 */
export class Known {
  readonly #sql: Sql;
  readonly #identities = new Identities();
  readonly #services = new Map<string, Service>();
  readonly #tiers = new Map<string, Tier>();
  readonly #byDigest = new Map<string, VerifiedKey | null>();
  readonly #byRef = new Map<Ref, VerifiedKey | null>();
  readonly #accounts = new Map<Ref, Account>();
  /** How long a request id from JSON is remembered, in milliseconds. */
  jsonWindow = REQUEST_ID_WINDOW_MS.json;
  generation = -1;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Null when everything is known that the batch asks for. */
  missing(requests: readonly Request[]): Unknown | null {
    const [digests, keys, accounts] = [new Set<string>(), new Set<Ref>(), new Set<Ref>()];
    for (const { subject } of requests) {
      if (subject.kind === 'digest' && !this.#byDigest.has(subject.digest)) digests.add(subject.digest);
      else if (subject.kind === 'key' && !this.#byRef.has(subject.ref)) keys.add(subject.ref);
      else if (subject.kind === 'account' && !this.#accounts.has(subject.ref)) accounts.add(subject.ref);
    }
    if (this.generation >= 0 && digests.size + keys.size + accounts.size === 0) return null;
    return { digests: [...digests], keys: [...keys], accounts: [...accounts] };
  }

  forget(): void {
    this.generation = -1;
    for (const known of [this.#services, this.#tiers, this.#byDigest, this.#byRef, this.#accounts]) known.clear();
    this.#identities.forget();
  }

  /**
   * Looks up what is unknown, for one way there and back; first of all the generation, so that whatever changes meanwhile is newer than that.
   * If it is another than before, everything is forgotten: what the batch asks for may be unknown again.
   */
  async learn({ digests, keys, accounts }: Unknown): Promise<void> {
    const asked = [GENERATION, ...(digests.length > 0 ? [askByDigests(digests)] : []), ...(keys.length > 0 ? [askByRefs(keys)] : [])];
    const [told, ...answers] = await this.#sql.connection.together(asked);
    const generation = Number(told?.rows[0]?.[0]);
    if (generation !== this.generation || this.#byDigest.size + this.#accounts.size > MOST_KNOWN) await this.#begin(generation);
    if (digests.length > 0) {
      for (const digest of digests) this.#byDigest.set(digest, null);
      for (const { digest, key, account } of this.#identities.in(answers.shift()))
        this.#add(() => this.#byDigest.set(digest, key), account);
    }
    if (keys.length > 0) {
      for (const ref of keys) this.#byRef.set(ref, null);
      for (const { key, account } of this.#identities.in(answers.shift())) this.#add(() => this.#byRef.set(key.ref, key), account);
    }
    if (accounts.length > 0) for (const account of await accountsByRef(this.#sql, accounts)) this.#accounts.set(account.ref, account);
  }

  #add(set: () => unknown, account: Account): void {
    set();
    if (!this.#accounts.has(account.ref)) this.#accounts.set(account.ref, account);
  }

  async #begin(generation: number): Promise<void> {
    this.forget();
    for (const service of await liveServices(this.#sql)) this.#services.set(service.name, service);
    const names = await this.#sql.all<{ name: string }>('SELECT name FROM tiers');
    const tiers = await tiersByName(
      this.#sql,
      names.map(({ name }) => name),
    );
    for (const tier of tiers) this.#tiers.set(tier.name, tier);
    const config = await this.#sql.all<{ name: string; value: string }>('SELECT name, value FROM config');
    this.jsonWindow = settingDuration(new Map(config.map(({ name, value }) => [name, value])), 'keep-request-ids');
    this.generation = generation;
  }

  service(name: string): Service | null {
    return this.#services.get(name) ?? null;
  }

  keyByDigest(digest: string): VerifiedKey | null {
    return this.#byDigest.get(digest) ?? null;
  }

  key(ref: Ref): VerifiedKey | null {
    return this.#byRef.get(ref) ?? null;
  }

  account(ref: Ref): Account {
    const account = this.#accounts.get(ref);
    if (account === undefined) throw new RangeError('a key without its account');
    return account;
  }

  tier(name: string): Tier {
    const tier = this.#tiers.get(name);
    if (tier === undefined) throw new RangeError('an account without its tier');
    return tier;
  }
}
