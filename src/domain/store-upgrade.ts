import type { Actor } from './store.ts';

/** How a store is moved to the schema of this program. */
export interface UpgradeChoice {
  /** Only look; change nothing. */
  readonly dryRun: boolean;
  /** The operator has a backup already: none is made. */
  readonly backedUp: boolean;
  readonly actor: Actor;
}

/** What an upgrade did, or would do. */
export interface StoreUpgrade {
  readonly location: string;
  /** The schema number that was found, and the one that the store has now, or would have. */
  readonly from: number;
  readonly to: number;
  /** The numbers of the migrations between them; none when the store is new enough. */
  readonly migrations: readonly number[];
  /** The path of the verified backup that was, or would be, made first; null for none. */
  readonly backup: string | null;
  readonly dryRun: boolean;
}
