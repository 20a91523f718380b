import type { Account, Key, Ref } from './entities.ts';
import type { Page } from './page.ts';
import type { Instant, UtcDay } from './utc-day.ts';

// The part of the store's port that takes in keys from elsewhere. What an import makes is hidden until it is done, and then there at once.

/** One import: whatever it made can be taken back together. */
export interface Import {
  readonly ref: Ref;
  /** `imp_…` */
  readonly id: string;
  readonly begunAt: Instant;
  /** Null while it is under way, or when it was interrupted. */
  readonly doneAt: Instant | null;
  readonly undoneAt: Instant | null;
  /** How many it has made so far. */
  readonly accounts: number;
  readonly keys: number;
}

export interface ImportRows {
  byId(id: string): Promise<Import | null>;
  /** The one that is under way or was interrupted; there is at most one. */
  unfinished(): Promise<Import | null>;
  /** Whether keys came from elsewhere, so that a secret may have any form. */
  any(): Promise<boolean>;
  /** Notes, outside the store, what of it was ever used or changed, and so has to stay. To be called when its keys are deleted; it may take long. */
  noteUsed(importRef: Ref): Promise<void>;
}

/** An account with the tiers that it had and has. */
export interface ImportedAccount extends Omit<Account, 'ref' | 'tiers'> {
  readonly tiers: readonly { readonly from: UtcDay; readonly tier: string; readonly decidedAt: Instant }[];
}

/** A key with the group in which its cap counts; null for one of its own. */
export type ImportedKey = Omit<Key, 'ref' | 'capGroup'> & { readonly capGroup: Ref | null };

export interface Removed {
  readonly keys: number;
  readonly accounts: number;
  /** Whether to go on. */
  readonly more: boolean;
}

export interface ImportWrites extends ImportRows {
  begin(id: string, at: Instant): Promise<Import>;
  /** Hidden until the import is done, as everything that it adds. */
  addAccount(importRef: Ref, account: ImportedAccount): Promise<Ref>;
  /** The account of that name, hidden or not. */
  accountByName(name: string): Promise<Ref | null>;
  /** The group of the key of that id, hidden or not, in which its cap counts. */
  capGroupOf(keyId: string): Promise<Ref | null>;
  addKey(importRef: Ref, key: ImportedKey): Promise<Ref>;
  /** From now on everybody sees what it made. */
  finish(importRef: Ref, at: Instant): Promise<void>;
  /**
   * Deletes the next of its keys, after one. Their digests are forgotten, so that they may be imported again. Returns how many, and the
   * last of them; null when there is none.
   */
  endKeys(importRef: Ref, page: Page, at: Instant): Promise<{ readonly keys: number; readonly last: Ref | null }>;
  /** Removes about `limit` keys or accounts that were not. */
  removeUnused(importRef: Ref, limit: number): Promise<Removed>;
  /** How many keys and accounts of it are there. */
  left(importRef: Ref): Promise<{ readonly keys: number; readonly accounts: number }>;
  markUndone(importRef: Ref, at: Instant): Promise<void>;
}

/** One line of what is to be imported, checked. */
export interface StagedLine {
  readonly line: number;
  readonly kind: string;
  /** JSON. Never a secret. */
  readonly text: string;
}

/** Room outside the store for what is still to be imported, as large as it may be. It belongs to this process and ends with it; nobody else sees it. */
export interface Staging {
  clear(): Promise<void>;
  add(line: StagedLine): Promise<void>;
  count(kind: string): Promise<number>;
  get(line: number): Promise<StagedLine | null>;
  /** Lines after one, in their order. */
  page(after: number, limit: number): Promise<readonly StagedLine[]>;
  /** Notes a mark for a line and returns null, or returns the line that has it already. */
  claim(mark: string, line: number): Promise<number | null>;
}
