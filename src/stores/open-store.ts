import { KeyctlError } from '../domain/error.ts';
import type { Inspection, InspectionChoice } from '../domain/inspection.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Restoring, StoreBackup, Watch } from '../domain/store-backup.ts';
import type { StoreUpgrade, UpgradeChoice } from '../domain/store-upgrade.ts';
import type { Store } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';

export interface OpenOptions {
  /** A path, or a postgres:// URL. */
  readonly location: string;
  readonly mode: 'read' | 'write' | 'create';
  readonly clock: () => Instant;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
  /** Where a store behind a network finds its password, if not in its URL. */
  readonly env?: Environment;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Opens the store at a location. The driver is loaded only here, so that `--help` costs nothing. */
export async function openStore(options: OpenOptions): Promise<{ store: Store; created: boolean }> {
  const { location, env = {}, ...rest } = options;
  if (isUrl(location)) {
    const { openPostgresStore } = await import('./postgres/store.ts');
    // The nodes share the clock of the database: those of their machines may differ.
    return openPostgresStore({ ...rest, url: location, env, clock: null });
  }
  const { openSqliteStore } = await import('./sqlite/store.ts');
  return openSqliteStore({ path: location, ...rest });
}

export interface UpgradeOptions extends UpgradeChoice {
  readonly location: string;
  readonly clock: () => Instant;
  readonly busyTimeoutMs: number;
}

/** Moves the store at a location to the newest schema that this program has. */
export async function upgradeStore({ location, ...options }: UpgradeOptions): Promise<StoreUpgrade> {
  checkIsFile(location);
  const { upgradeSqliteStore } = await import('./sqlite/upgrade.ts');
  return upgradeSqliteStore({ path: location, ...options });
}

export interface BackupOptions {
  readonly location: string;
  /** The new file. */
  readonly target: string;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
  readonly watch: Watch;
}

/** Copies the store at a location, as it is at one instant, to a new file, and proves the copy. */
export async function backupStore({ location, ...options }: BackupOptions): Promise<StoreBackup> {
  checkIsFile(location);
  const { backupSqliteStore } = await import('./sqlite/backup-store.ts');
  return backupSqliteStore({ path: location, ...options });
}

export interface RestoreOptions extends Omit<OpenOptions, 'mode'> {
  /** The file to restore. */
  readonly backup: string;
}

/** Opens a backup that is to be put at a location, and looks at what is there. */
export async function openRestore({ location, ...options }: RestoreOptions): Promise<Restoring> {
  checkIsFile(location);
  const { openSqliteRestore } = await import('./sqlite/restore.ts');
  return openSqliteRestore({ path: location, ...options });
}

export interface InspectOptions extends InspectionChoice {
  readonly location: string;
  readonly clock: () => Instant;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
}

/** Looks at how the store at a location is kept, and opens it for reading; the caller closes it. */
export async function inspectStore({ location, ...options }: InspectOptions): Promise<Inspection> {
  checkIsFile(location);
  const { inspectSqliteStore } = await import('./sqlite/inspect.ts');
  return inspectSqliteStore({ path: location, ...options });
}

/** Whether a location is a database's URL; else it is a path. */
export function isUrl(location: string): boolean {
  return /^postgres(ql)?:/i.test(location);
}

function checkIsFile(location: string): void {
  if (!isUrl(location)) return;
  throw new KeyctlError('usage', 'This release of keyctl keeps its store in a SQLite file only.', {
    hint: 'Give --db or KEYCTL_DB a path.',
  });
}
