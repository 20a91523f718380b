import { usageError, KeyctlError } from '../../domain/error.ts';
import type { StoreUpgrade, UpgradeChoice } from '../../domain/store-upgrade.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { parseAddress } from './address.ts';
import { PostgresAudit } from './audit.ts';
import { connect } from './connect.ts';
import type { Connection } from './connection.ts';
import { applyMigration } from './create-schema.ts';
import { lacksTables, translateError } from './errors.ts';
import { BOOKS_LOCK } from './locks.ts';
import { MOVED_PLACE } from './moved.ts';
import { MIGRATIONS, type Migration } from './schema.ts';
import { Sql } from './sql.ts';
import { checkStillUsable } from './usable.ts';

export interface PostgresUpgradeOptions extends UpgradeChoice {
  readonly url: string;
  /** The time, for tests; null for the database's own. */
  readonly clock: (() => Instant) | null;
  readonly busyTimeoutMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Those of this program if left out. */
  readonly migrations?: readonly Migration[];
}

/**
 * Moves a store to the newest schema that this program has, in one transaction while nobody writes; nodes wait meanwhile. The backup is the
 * database's own, for which the operator says that there is one. Throws `usage` when nobody has said so, `store_missing`, `store_moved` or
 * `store_newer`, or `failed` for a migration that fails, which leaves the store as it was.
 */
export async function upgradePostgresStore(options: PostgresUpgradeOptions): Promise<StoreUpgrade> {
  const { url, env, dryRun, busyTimeoutMs } = options;
  const address = parseAddress(url, env['USER'] ?? 'postgres');
  try {
    const connection = await connect({ address, env, readOnly: dryRun, busyTimeoutMs });
    try {
      return await upgrade(connection, address.shown, options);
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (lacksTables(error)) {
      throw new KeyctlError('store_missing', `There is no store at ${address.shown}.`, {
        hint: 'Make one with: keyctl create --name prod',
      });
    }
    throw translateError(address.shown, error);
  }
}

async function upgrade(connection: Connection, place: string, options: PostgresUpgradeOptions): Promise<StoreUpgrade> {
  const { dryRun, backedUp, migrations = MIGRATIONS } = options;
  const from = await schemaNumber(connection, place);
  const waiting = migrations.filter(({ version }) => version > from);
  const to = waiting.at(-1)?.version ?? from;
  const report = { location: place, from, to, migrations: waiting.map(({ version }) => version), backup: null, dryRun };
  if (dryRun || waiting.length === 0) return report;
  if (!backedUp) {
    throw usageError(
      '--backed-up is missing: on PostgreSQL the database is backed up with its own tools.',
      'Back it up (pg_dump, or a base backup with its log), then give --backed-up.',
    );
  }
  const done = await migrate(connection, place, { from, waiting, options });
  return done ? report : { ...report, from: to, migrations: [] };
}

async function schemaNumber(connection: Connection, place: string): Promise<number> {
  const { rows } = await connection.ask(`SELECT max(version), max(usable_since), ${MOVED_PLACE} FROM schema_versions`, []);
  const [version, usableSince, movedTo] = rows[0] ?? [];
  checkStillUsable(place, Number(usableSince), movedTo as string | null);
  return Number(version);
}

interface Migrating {
  readonly from: number;
  readonly waiting: readonly Migration[];
  readonly options: PostgresUpgradeOptions;
}

/** False when another upgrade was faster. */
async function migrate(connection: Connection, place: string, { from, waiting, options }: Migrating): Promise<boolean> {
  const sql = new Sql(connection);
  await sql.run('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE');
  try {
    await sql.run(`SELECT pg_advisory_xact_lock(${BOOKS_LOCK})`);
    if ((await schemaNumber(connection, place)) !== from) {
      await sql.run('ROLLBACK');
      return false;
    }
    const now = options.clock === null ? await sql.number('SELECT clock_ms()') : options.clock();
    for (const migration of waiting) await applyMigration(sql, migration, now);
    // A node that goes on reads everything anew, and asks whether it still may.
    await sql.run('UPDATE state SET generation = generation + 1');
    const to = waiting.at(-1)?.version ?? from;
    await new PostgresAudit(sql).append({
      ...{ at: now, actor: options.actor, action: 'store.upgrade', targetKind: 'store', targetId: 'store' },
      ...{ targetName: `schema ${String(to)}`, before: { schema: from }, after: { schema: to } },
    });
    await sql.run('COMMIT');
    return true;
  } catch (error) {
    if (connection.failure !== null) throw error;
    await sql.run('ROLLBACK');
    throw new KeyctlError('failed', `The upgrade of ${place} failed and was undone; the store is as it was (schema ${String(from)}).`, {
      hint: 'The release before goes on working with it.',
      cause: error,
    });
  }
}
