import type { AlertRows, AlertWrites } from './alerts.ts';
import type { ArchiveRows, ArchiveWrites } from './archive.ts';
import type { CreditRows, CreditWrites } from './books.ts';
import type { Request } from './decide.ts';
import type { Account, Environment, Key, KeyStatus, Ref, Service, Tier } from './entities.ts';
import type { ImportRows, ImportWrites, Staging } from './imports.ts';
import type { Page } from './page.ts';
import type { ProofRows } from './proof.ts';
import type { RateLimit } from './rate-limit.ts';
import type { ServerRows, ServerWrites } from './servers.ts';
import type { Preview } from './settle.ts';
import type { DebitRows, DebitWrites, UsageRows, UsageWrites } from './traffic.ts';
import type { Instant, UtcDay, UtcHour } from './utc-day.ts';
import type { Verdict } from './verdict.ts';

export type * from './books.ts';
export type * from './imports.ts';
export type * from './page.ts';
export type * from './proof.ts';
export type * from './traffic.ts';

/**
 * The port to where keyctl keeps things. A store knows rows, locks and transactions and no rules: those are in
 * `decide`, `settle` and the operations, so that a second store has nothing to copy.
 *
 * Failures of the store itself are KeyctlErrors: `store_busy`, `store_full`, `store_read_only`, `store_damaged`.
 */
export interface Store {
  /** Where the store is, as a person would name it; never with a password. */
  readonly location: string;
  /** Runs `act` on one consistent snapshot. `now` is the store's clock. */
  read<Result>(act: (tx: ReadTransaction, now: Instant) => Promise<Result>): Promise<Result>;
  /**
   * Runs `act` in one transaction under the write lock and commits it durably, or, if it throws, leaves nothing behind.
   * `now` is read after the lock is held. `act` must await nothing but the transaction.
   */
  write<Result>(act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result>;
  /**
   * The same for what no settle reads: usage is folded, denials are counted. Where the store can, others settle meanwhile. `act` may be
   * called again when the store had to begin anew, as that of every transaction of a store behind a network.
   */
  writeBeside<Result>(act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result>;
  /** Decides a batch in one durable transaction; the verdicts come in the order of the requests. */
  settle(requests: readonly Request[]): Promise<readonly Verdict[]>;
  /**
   * Decides a batch as `settle` would, on one snapshot, and writes nothing; a store that was opened read-only will do.
   * `at` is the instant to decide for, instead of now: its day, tier and balance hold, as far as they are known today.
   */
  preview(requests: readonly Request[], at?: Instant): Promise<readonly Preview[]>;
  close(): Promise<void>;
}

/** Whatever gives consistent snapshots: a store, or a transaction that stands for its store as it will be. */
export type Snapshots = Pick<Store, 'read'>;

export interface KeyFilter {
  readonly accountRef?: Ref;
  readonly environment?: string;
  /** As it is at `now`; leave it out for all, deleted ones included. */
  readonly status?: KeyStatus | 'not-deleted';
  readonly now: Instant;
  /** In the name, the note or the mask, whatever the case. */
  readonly search?: string;
  /** Neither used nor created since. */
  readonly unusedSince?: Instant;
  /** Ends after `now`, and by then. */
  readonly expiresBy?: Instant;
}

export type NewKey = Omit<Key, 'ref' | 'capGroup'> & { readonly capGroup: Ref | null };
export type KeyPatch = Partial<
  Pick<
    Key,
    'name' | 'note' | 'expiresAt' | 'disabledAt' | 'disabledReason' | 'deletedAt' | 'rotatedTo' | 'services' | 'allowedIps' | 'dailyCap'
  >
>;

/** What a hundred thousand rows of usage are told by, and no more: a whole key is read in three times as long. */
export type KeyName = Pick<Key, 'ref' | 'id' | 'accountRef' | 'name' | 'deletedAt'>;

export interface KeyRows {
  byRef(ref: Ref): Promise<Key | null>;
  /** What those of the keys that there are are called, deleted ones too, in one question; in no order. */
  namesOf(refs: readonly Ref[]): Promise<readonly KeyName[]>;
  /** Deleted ones too. */
  byId(id: string): Promise<Key | null>;
  byDigest(digest: string): Promise<Key | null>;
  /** Live (not deleted) keys of that name, in one account or in all. */
  liveByName(name: string, accountRef: Ref | null): Promise<readonly Key[]>;
  /** Live keys whose id begins so, at most `limit`. */
  liveByIdPrefix(prefix: string, limit: number): Promise<readonly Key[]>;
  /** Live keys whose name begins so, in one account or in all, by name (in the order of its bytes), at most `limit`. */
  liveByNamePrefix(prefix: string, accountRef: Ref | null, limit: number): Promise<readonly Key[]>;
  /** Oldest first. */
  page(filter: KeyFilter, page: Page): Promise<readonly Key[]>;
  count(filter: KeyFilter): Promise<number>;
  /** Active keys that end after one instant and by another, the first to end first. */
  ending(after: Instant, by: Instant, limit: number): Promise<readonly Key[]>;
  countByStatus(now: Instant): Promise<Readonly<Record<KeyStatus, number>>>;
  /** Live keys that name the service among those they may call. */
  countNamingService(service: string): Promise<number>;
  countInEnvironment(environment: string): Promise<number>;
  /** The keys that share one daily cap: a chain of rotations, deleted ones too. Oldest first. */
  byCapGroup(capGroup: Ref): Promise<readonly Key[]>;
}

export interface KeyWrites extends KeyRows {
  insert(key: NewKey): Promise<Key>;
  update(ref: Ref, patch: KeyPatch): Promise<void>;
}

export interface AccountFilter {
  /** On that tier at `day`. */
  readonly tier?: { readonly name: string; readonly day: UtcDay };
}

export interface AccountRows {
  byRef(ref: Ref): Promise<Account | null>;
  /** Those of the accounts that there are, in one question or two; in no order. */
  byRefs(refs: readonly Ref[]): Promise<readonly Account[]>;
  byId(id: string): Promise<Account | null>;
  byName(name: string): Promise<Account | null>;
  byExternalId(externalId: string): Promise<Account | null>;
  /** Those whose name begins so, by name (in the order of its bytes), at most `limit`. */
  byNamePrefix(prefix: string, limit: number): Promise<readonly Account[]>;
  /** Oldest first. */
  page(filter: AccountFilter, page: Page): Promise<readonly Account[]>;
  count(filter: AccountFilter): Promise<number>;
  /** The ref of the newest account. */
  lastRef(): Promise<Ref>;
  /** How many accounts that existed before the end of `day` had each tier on it. */
  countByTier(day: UtcDay): Promise<ReadonlyMap<string, number>>;
  /** How many accounts have the tier on `day` or are waiting for it. */
  countHavingOrAwaiting(tier: string, day: UtcDay): Promise<number>;
  /** Changes of tier that were decided on an earlier day and begin in (after, until]. */
  countTierChanges(after: UtcDay, until: UtcDay): Promise<number>;
}

export interface AccountWrites extends AccountRows {
  insert(account: Omit<Account, 'ref' | 'tiers'>, tier: string): Promise<Account>;
  update(ref: Ref, patch: Partial<Pick<Account, 'name' | 'externalId' | 'suspendedAt'>>): Promise<void>;
  /** The tier from a day on; a change already waiting for that day or a later one is dropped. */
  setTier(ref: Ref, from: UtcDay, tier: string, decidedAt: Instant): Promise<void>;
  /** Drops changes that begin after the day. */
  dropTiersAfter(ref: Ref, day: UtcDay): Promise<void>;
}

export interface TierRows {
  /** Deleted ones too: days on which accounts had them still need their credits. */
  byName(name: string): Promise<Tier | null>;
  /** Those that are not deleted, by name. */
  all(): Promise<readonly Tier[]>;
  countNamingService(service: string): Promise<number>;
}

export interface TierWrites extends TierRows {
  /** A new tier. Where a deleted one had the name, its past stays what it was and the new one begins on the day `from`. */
  insert(name: string, credits: number, from: UtcDay): Promise<void>;
  /** The tier's daily credits from a day on; entries for later days are dropped. */
  setCredits(name: string, from: UtcDay, credits: number): Promise<void>;
  setLimits(name: string, limits: ReadonlyMap<string, RateLimit>): Promise<void>;
  delete(name: string, at: Instant): Promise<void>;
}

export interface CatalogueRows {
  /** Live services by name. */
  services(): Promise<readonly Service[]>;
  /** Deleted ones too, which past usage still names; several may have had one name. Oldest first. */
  servicesEver(): Promise<readonly Service[]>;
  environments(): Promise<readonly Environment[]>;
}

export interface CatalogueWrites extends CatalogueRows {
  insertService(service: Omit<Service, 'ref'>): Promise<void>;
  updateService(ref: Ref, patch: Partial<Pick<Service, 'cost' | 'environment'>>): Promise<void>;
  /** Its past usage keeps its name. */
  deleteService(ref: Ref, at: Instant): Promise<void>;
  insertEnvironment(environment: Environment): Promise<void>;
  deleteEnvironment(name: string): Promise<void>;
}

/** Before what each kind of row may go. */
export interface PruneLimits {
  readonly debitsBefore: Instant;
  readonly hoursBefore: UtcHour;
  readonly daysBefore: UtcDay;
  readonly requestIdsExpiredBy: Instant;
}

export interface Pruned {
  readonly debits: number;
  readonly usage: number;
  readonly requestIds: number;
}

/** Who did it: the claimed name beside what the operating system says. */
export interface Actor {
  readonly claimed: string | null;
  readonly osUser: string;
  readonly sudoUser: string | null;
  readonly host: string;
}

export interface AuditEntry {
  readonly at: Instant;
  readonly actor: Actor;
  /** `key.create`, `tier.edit` … */
  readonly action: string;
  readonly targetKind: 'key' | 'account' | 'tier' | 'service' | 'environment' | 'debit' | 'config' | 'store';
  readonly targetId: string;
  readonly targetName: string;
  /** What changed, before and after; never a secret, never a digest. */
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

export interface AuditFilter {
  /** Only entries of higher numbers. */
  readonly after?: number;
  readonly actor?: string;
  readonly action?: string;
  /** Ids or names, any of which is the target's. */
  readonly targets?: readonly string[];
  readonly since?: Instant;
  readonly until?: Instant;
}

export interface AuditRows {
  /** Newest first; `before` is the last number of the page before. */
  page(filter: AuditFilter, before: number | null, limit: number): Promise<readonly (AuditEntry & { readonly number: number })[]>;
  /** Oldest first, from the entry after `after` on: for following. */
  since(filter: AuditFilter, after: number, limit: number): Promise<readonly (AuditEntry & { readonly number: number })[]>;
}

export interface ConfigRows {
  all(): Promise<ReadonlyMap<string, string>>;
  /** Every prefix that a key of this installation may have, the present one last. */
  prefixes(): Promise<readonly string[]>;
  lastReset(): Promise<{ readonly at: Instant; readonly day: UtcDay } | null>;
}

export interface ConfigWrites extends ConfigRows {
  set(name: string, value: string): Promise<void>;
  unset(name: string): Promise<void>;
  addPrefix(prefix: string, since: Instant): Promise<void>;
  recordReset(at: Instant, day: UtcDay): Promise<void>;
}

export interface ReadTransaction {
  readonly keys: KeyRows;
  readonly accounts: AccountRows;
  readonly tiers: TierRows;
  readonly catalogue: CatalogueRows;
  readonly credits: CreditRows;
  readonly debits: DebitRows;
  readonly usage: UsageRows;
  readonly audit: AuditRows;
  readonly config: ConfigRows;
  readonly proof: ProofRows;
  readonly imports: ImportRows;
  readonly staging: Staging;
  readonly archive: ArchiveRows;
  readonly alerts: AlertRows;
  readonly servers: ServerRows;
  /** What pruning by these limits would delete. */
  countPrunable(limits: PruneLimits): Promise<Pruned>;
}

export interface WriteTransaction extends ReadTransaction {
  readonly keys: KeyWrites;
  readonly accounts: AccountWrites;
  readonly tiers: TierWrites;
  readonly catalogue: CatalogueWrites;
  readonly credits: CreditWrites;
  readonly debits: DebitWrites;
  readonly usage: UsageWrites;
  readonly config: ConfigWrites;
  readonly imports: ImportWrites;
  readonly archive: ArchiveWrites;
  readonly alerts: AlertWrites;
  readonly servers: ServerWrites;
  readonly audit: AuditRows & { append(entry: AuditEntry): Promise<void> };
  /** Deletes at most `limit` rows; the caller goes on until nothing is left. */
  prune(limits: PruneLimits, limit: number): Promise<Pruned>;
}
