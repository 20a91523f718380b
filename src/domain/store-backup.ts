import type { Store } from './store.ts';
import type { Instant } from './utc-day.ts';

/** Is told how far a long piece of work has come; asked often, it has to be quick. It ends the work by throwing. */
export type Watch = (progress: { readonly text: string; readonly done: number; readonly total: number }) => void;

/** A copy of a store as it was at one instant, on the disk and proved. */
export interface StoreBackup {
  /** The store. */
  readonly location: string;
  /** The copy, with its full path. */
  readonly path: string;
  readonly bytes: number;
  readonly schema: number;
  readonly accounts: number;
  readonly keys: number;
  readonly debits: number;
  /** When the newest debit or audit entry in it was made; null for a store in which nothing was done yet. */
  readonly newestAt: Instant | null;
}

/** What stands where a backup is to be put. */
export type Replaced =
  | { readonly kind: 'none' }
  /** Sound and of this program's schema; to be read until `replace` is called. */
  | { readonly kind: 'store'; readonly store: Store }
  /** A store, but one of which nothing can be carried over. */
  | { readonly kind: 'unreadable'; readonly why: 'damaged' | 'newer' };

/** How the store that takes the place is made. */
export interface Rebuild {
  /** Whose pages it begins with. */
  readonly base: 'backup' | 'replaced';
  /**
   * Makes it what it is to be. The other store is `backup`; `replaced` is the one that it takes the place of, as it is at last, if asked
   * for by `alsoRead`. No process has anything of it open; if this throws, everything stays as it was.
   */
  readonly build: (
    work: Store,
    stores: { readonly backup: Store; readonly replaced: Store | null; readonly kept: string | null },
  ) => Promise<void>;
  readonly alsoRead: boolean;
}

/** A backup and the place where it is to be put, between looking and doing. */
export interface Restoring {
  /** The store's file, behind whatever links lead to it. */
  readonly location: string;
  readonly backup: { readonly path: string; readonly schema: number; readonly store: Store };
  readonly replaced: Replaced;
  /**
   * Puts a new store in the place at once, for whoever looks, and keeps the replaced one beside it. Returns the path where that is kept, or
   * null when there was none. Throws `conflict` while any other process has the store open.
   */
  replace(rebuild: Rebuild, watch: Watch): Promise<string | null>;
  close(): Promise<void>;
}
