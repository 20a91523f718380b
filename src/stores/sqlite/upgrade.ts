import { rmSync } from 'node:fs';
import { KeyctlError } from '../../domain/error.ts';
import type { StoreUpgrade, UpgradeChoice } from '../../domain/store-upgrade.ts';
import { formatInstant, type Instant } from '../../domain/utc-day.ts';
import { appendAudit } from './audit.ts';
import { backupDatabase } from './backup.ts';
import { applyMigration } from './create-schema.ts';
import { openAnySchema, schemaVersion, translateError, type Clock, type Sqlite } from './database.ts';
import { refuseMoved } from './moved.ts';
import { MIGRATIONS, type Migration } from './schema.ts';
import { Sql } from './sql.ts';

export interface SqliteUpgradeOptions extends UpgradeChoice {
  readonly path: string;
  readonly clock: Clock;
  readonly busyTimeoutMs: number;
  /** Those of this program if left out. */
  readonly migrations?: readonly Migration[];
}

/**
 * Moves a store to the newest schema that this program has: after a verified backup beside it, in one transaction. A store that is new
 * enough is left alone. Throws `store_missing`, `store_foreign` or `store_newer`, or `failed` for a migration that fails, which leaves
 * the store as it was.
 */
export async function upgradeSqliteStore(options: SqliteUpgradeOptions): Promise<StoreUpgrade> {
  const { path, dryRun, backedUp, clock, busyTimeoutMs, migrations = MIGRATIONS } = options;
  const db = openAnySchema(path, dryRun ? 'read' : 'write', busyTimeoutMs);
  try {
    const from = schemaVersion(db);
    checkUsable(db, path, newest(migrations));
    const waiting = migrations.filter((migration) => migration.version > from);
    const to = waiting.at(-1)?.version ?? from;
    const numbers = waiting.map((migration) => migration.version);
    const backup = waiting.length === 0 || backedUp ? null : backupPath(path, from, clock());
    if (!dryRun && backup !== null) backupDatabase(db, backup);
    if (!dryRun && waiting.length > 0 && !migrate(db, { from, waiting, backup }, options)) {
      // Another upgrade was faster, so that this backup of the same store is one too many.
      if (backup !== null) rmSync(backup, { force: true });
      return { location: path, from: to, to, migrations: [], backup: null, dryRun };
    }
    return { location: path, from, to, migrations: numbers, backup, dryRun };
  } catch (error) {
    throw translateError(path, error);
  } finally {
    db.close();
  }
}

function newest(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

function checkUsable(db: Sqlite, path: string, known: number): void {
  const { usableSince } = db.prepare('SELECT max(usable_since) AS usableSince FROM schema_versions').get() as { usableSince: number };
  if (usableSince <= known) return;
  refuseMoved(db, path);
  throw new KeyctlError('store_newer', `The store at ${path} was made by a newer keyctl (schema ${String(schemaVersion(db))}).`, {
    hint: 'Install that release or a later one; this one may not use the store.',
  });
}

/** `/var/lib/keyctl/keyctl.db.1-20261122T101500123Z.backup` */
function backupPath(path: string, schema: number, now: Instant): string {
  return `${path}.${String(schema)}-${formatInstant(now).replaceAll(/[-:.]/g, '')}.backup`;
}

/** Applies the migrations in one transaction, without a pause in which another act could wait for it. False when the store had been upgraded by the time it was locked. */
function migrate(
  db: Sqlite,
  { from, waiting, backup }: { readonly from: number; readonly waiting: readonly Migration[]; readonly backup: string | null },
  options: SqliteUpgradeOptions,
): boolean {
  db.exec('BEGIN IMMEDIATE');
  try {
    if (schemaVersion(db) !== from) {
      db.exec('ROLLBACK');
      return false;
    }
    const now = options.clock();
    for (const migration of waiting) applyMigration(db, migration, now);
    // A server that goes on reads everything anew, and asks whether it still may.
    db.exec('UPDATE state SET generation = generation + 1');
    if ((db.pragma('foreign_key_check') as unknown[]).length > 0) throw new RangeError('a migration broke a foreign key');
    const to = waiting.at(-1)?.version ?? from;
    appendAudit(new Sql(db), {
      ...{
        at: now,
        actor: options.actor,
        action: 'store.upgrade',
        targetKind: 'store',
        targetId: 'store',
        targetName: `schema ${String(to)}`,
      },
      before: { schema: from },
      after: { schema: to },
    });
    db.exec('COMMIT');
    return true;
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    const kept = backup === null ? '' : ` The backup is at ${backup}`;
    throw new KeyctlError(
      'failed',
      `The upgrade of ${options.path} failed and was undone; the store is as it was (schema ${String(from)}).`,
      { hint: `The release before goes on working with it.${kept}`, cause: error },
    );
  }
}
