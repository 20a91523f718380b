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

/** What is to be imported into a database is checked on this machine first. */
const staging = async () => (await import('./sqlite/temporary-staging.ts')).temporaryStaging();

/** Opens the store at a location. The driver is loaded only here, so that `--help` costs nothing. */
export async function openStore(options: OpenOptions): Promise<{ store: Store; created: boolean }> {
  const { location, env = {}, ...rest } = options;
  if (isUrl(location)) {
    const { openPostgresStore } = await import('./postgres/store.ts');
    // The nodes share the clock of the database: those of their machines may differ.
    return openPostgresStore({ ...rest, url: location, env, clock: null, staging });
  }
  const { openSqliteStore } = await import('./sqlite/store.ts');
  return openSqliteStore({ path: location, ...rest });
}

export interface UpgradeOptions extends UpgradeChoice {
  readonly location: string;
  readonly clock: () => Instant;
  readonly busyTimeoutMs: number;
  readonly env?: Environment;
}

/** Moves the store at a location to the newest schema that this program has. */
export async function upgradeStore({ location, env = {}, ...options }: UpgradeOptions): Promise<StoreUpgrade> {
  if (isUrl(location)) {
    const { upgradePostgresStore } = await import('./postgres/upgrade.ts');
    return upgradePostgresStore({ ...options, url: location, env, clock: null });
  }
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
  readonly env?: Environment;
}

/** Looks at how the store at a location is kept, and opens it for reading; the caller closes it. */
export async function inspectStore({ location, env = {}, ...options }: InspectOptions): Promise<Inspection> {
  if (isUrl(location)) {
    const { inspectPostgresStore } = await import('./postgres/inspect.ts');
    return inspectPostgresStore({ ...options, url: location, env, clock: null, staging });
  }
  const { inspectSqliteStore } = await import('./sqlite/inspect.ts');
  return inspectSqliteStore({ path: location, ...options });
}

/** Whether a location is a database's URL; else it is a path. */
export function isUrl(location: string): boolean {
  return /^postgres(ql)?:/i.test(location);
}

function checkIsFile(location: string): void {
  if (!isUrl(location)) return;
  throw new KeyctlError('usage', 'A database is backed up and restored with its own tools.', {
    hint: 'pg_dump and pg_restore for a copy of one moment; a base backup with its log (PITR) to lose nothing. keyctl export and import work here too.',
  });
}
