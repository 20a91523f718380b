import type { Request } from '../../domain/decide.ts';
import type { RandomBytes } from '../../domain/random.ts';
import type { Preview } from '../../domain/settle.ts';
import type { Pruned, PruneLimits, ReadTransaction, Store, WriteTransaction } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Verdict } from '../../domain/verdict.ts';
import { SqliteAccounts } from './accounts.ts';
import { SqliteAlerts } from './alerts.ts';
import { SqliteArchive } from './archive.ts';
import { SqliteAudit } from './audit.ts';
import { SqliteCatalogue } from './catalogue.ts';
import { SqliteConfig } from './config.ts';
import { createSchema } from './create-schema.ts';
import { SqliteCredits } from './credits.ts';
import { createDatabase, errorCode, openDatabase, storeExists, translateError, type Clock, type Sqlite } from './database.ts';
import { SqliteDebits } from './debits.ts';
import { Folding } from './folding.ts';
import { SqliteImports } from './imports.ts';
import { SqliteKeys } from './keys.ts';
import { OpenedFiles } from './opened-files.ts';
import { SqliteProof } from './proof.ts';
import { countPrunable, prune } from './prune.ts';
import { SqliteServers } from './servers.ts';
import { SqliteSettling } from './settle.ts';
import { SqliteStaging } from './staging.ts';
import { Sql } from './sql.ts';
import { SqliteTiers } from './tiers.ts';
import { checkStillUsable } from './usable.ts';
import { SqliteUsage } from './usage.ts';
import { WriteTurn } from './write-turn.ts';

export interface SqliteOptions {
  readonly path: string;
  /** `read` opens read-only; `create` makes the file if there is none. */
  readonly mode: 'read' | 'write' | 'create';
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
  /** The most pages that the file may grow to, as a full disk would have it. */
  readonly mostPages?: number;
}

/** Opens the store in a file (or `:memory:`). `created` says whether there was none before. */
export function openSqliteStore(options: SqliteOptions): { store: Store; created: boolean } {
  const { path, mode, clock, randomBytes, busyTimeoutMs } = options;
  if (mode !== 'create') return { store: new SqliteStore(options), created: false };
  const created = path === ':memory:' || !storeExists(path);
  try {
    const db = createDatabase(path, busyTimeoutMs);
    try {
      createSchema(db, path, clock(), randomBytes);
      return { store: new SqliteStore(options, db), created };
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw translateError(path, error);
  }
}

class SqliteTransaction implements WriteTransaction {
  readonly keys: SqliteKeys;
  readonly accounts: SqliteAccounts;
  readonly tiers: SqliteTiers;
  readonly catalogue: SqliteCatalogue;
  readonly credits: SqliteCredits;
  readonly debits: SqliteDebits;
  readonly usage: SqliteUsage;
  readonly audit: SqliteAudit;
  readonly config: SqliteConfig;
  readonly proof: SqliteProof;
  readonly imports: SqliteImports;
  readonly staging: SqliteStaging;
  readonly archive: SqliteArchive;
  readonly alerts: SqliteAlerts;
  readonly servers: SqliteServers;
  readonly #sql: Sql;
  readonly #folding: Folding;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
    this.keys = new SqliteKeys(sql);
    this.accounts = new SqliteAccounts(sql);
    this.tiers = new SqliteTiers(sql);
    this.catalogue = new SqliteCatalogue(sql);
    this.credits = new SqliteCredits(sql, folding);
    this.debits = new SqliteDebits(sql);
    this.usage = new SqliteUsage(sql, folding);
    this.audit = new SqliteAudit(sql);
    this.config = new SqliteConfig(sql);
    this.proof = new SqliteProof(sql, this.credits);
    this.imports = new SqliteImports(sql, this.keys);
    this.staging = new SqliteStaging(sql);
    this.archive = new SqliteArchive(sql, this.credits);
    this.alerts = new SqliteAlerts(sql, folding);
    this.servers = new SqliteServers(sql);
  }

  /** After a rollback, which takes back what was remembered in it. */
  forget(): void {
    this.#folding.forget();
    this.credits.forget();
  }

  async prune(limits: PruneLimits, limit: number): Promise<Pruned> {
    return prune(this.#sql, limits, limit);
  }

  async countPrunable(limits: PruneLimits): Promise<Pruned> {
    return countPrunable(this.#sql, limits);
  }
}

interface Connection {
  readonly db: Sqlite;
  readonly sql: Sql;
  readonly folding: Folding;
  readonly transaction: SqliteTransaction;
  readonly settling: SqliteSettling;
  readonly files: OpenedFiles;
  readonly turn: WriteTurn;
}

/**
 * How long the log grows before a connection that may not wait puts it in order, which takes the disk's time; any other does after SQLite's
 * 1,000 pages, so that `reset` and the shell do it for what they wrote.
 */
const PAGES_BEFORE_CHECKPOINT = 4_000;

/** A transaction that writes holds the write lock from its beginning. */
type Kind = 'reading' | 'writing';

function begin({ turn }: Connection, kind: Kind): void {
  if (kind === 'writing') turn.begin();
  else turn.beginReading();
}

/** One connection, used by one act at a time. */
class SqliteStore implements Store {
  readonly location: string;
  readonly #options: SqliteOptions;
  #connection: Connection | null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SqliteOptions, db?: Sqlite) {
    this.location = options.path;
    this.#options = options;
    this.#connection = db === undefined ? open(options) : connect(db, options);
  }

  read<Result>(act: (tx: ReadTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    return this.#exclusively((connection) => this.#transact(connection, 'reading', act));
  }

  write<Result>(act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    return this.#exclusively((connection) => this.#transact(connection, 'writing', act));
  }

  /** There is one writer at a time. */
  writeBeside<Result>(act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    return this.write(act);
  }

  settle(requests: readonly Request[]): Promise<readonly Verdict[]> {
    return this.#exclusively(async (connection) => this.#atOnce(connection, 'writing', (now) => connection.settling.settle(requests, now)));
  }

  preview(requests: readonly Request[], at?: Instant): Promise<readonly Preview[]> {
    return this.#exclusively(async (connection) =>
      this.#atOnce(connection, 'reading', (now) => connection.settling.preview(requests, at ?? now)),
    );
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#connection?.db.close();
    this.#connection?.files.leave();
    this.#connection = null;
  }

  /** Acts wait for each other: between two awaits of one, another's statements would land in its transaction. */
  #exclusively<Result>(act: (connection: Connection) => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => act(this.#connected()));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #connected(): Connection {
    this.#connection ??= open(this.#options);
    this.#connection.files.check();
    return this.#connection;
  }

  /** A transaction without an await in it: the lock is never held while anything else runs. */
  #atOnce<Result>(connection: Connection, kind: Kind, act: (now: Instant) => Result): Result {
    const { db } = connection;
    let begun = false;
    try {
      begin(connection, kind);
      begun = true;
      const result = act(this.#options.clock());
      db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#abandon(connection, error, begun && kind === 'writing');
      throw translateError(this.location, error);
    }
  }

  async #transact<Result>(
    connection: Connection,
    kind: Kind,
    act: (tx: WriteTransaction, now: Instant) => Promise<Result>,
  ): Promise<Result> {
    const { db } = connection;
    let begun = false;
    try {
      if (kind === 'writing') this.#catchUp(connection);
      begin(connection, kind);
      begun = true;
      checkStillUsable(connection.sql);
      const result = await act(connection.transaction, this.#options.clock());
      db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#abandon(connection, error, begun && kind === 'writing');
      throw translateError(this.location, error);
    }
  }

  /** Whoever writes in steps beside a server reads here what that has debited meanwhile, and not under the lock that others wait for. */
  #catchUp(connection: Connection): void {
    if (!connection.folding.hasFollowed) return;
    begin(connection, 'reading');
    connection.folding.follow();
    connection.db.exec('COMMIT');
  }

  /** `wrote` says whether anything that is remembered may not have become so. Who only did not get the lock has lost nothing. */
  #abandon(connection: Connection, error: unknown, wrote: boolean): void {
    if (wrote) {
      connection.settling.forget();
      connection.transaction.forget();
    }
    const { db } = connection;
    if (db.inTransaction) {
      try {
        db.exec('ROLLBACK');
      } catch {
        // The failure that led here is the one to tell; the connection is dropped below if it is still in its transaction.
      }
    }
    if (this.#options.path !== ':memory:' && (db.inTransaction || errorCode(error).startsWith('SQLITE_IOERR'))) {
      // After a failed write or sync this connection may see other pages than the file holds; only a new one tells the truth.
      db.close();
      this.#connection = null;
    }
  }
}

function open(options: SqliteOptions): Connection {
  const { path, mode, busyTimeoutMs } = options;
  return connect(openDatabase(path, mode === 'read' ? 'read' : 'write', busyTimeoutMs), options);
}

function connect(db: Sqlite, { path, busyTimeoutMs, mostPages }: SqliteOptions): Connection {
  if (busyTimeoutMs === 0) db.pragma(`wal_autocheckpoint = ${String(PAGES_BEFORE_CHECKPOINT)}`);
  if (mostPages !== undefined) db.pragma(`max_page_count = ${String(mostPages)}`);
  const sql = new Sql(db);
  const folding = new Folding(sql);
  const settling = new SqliteSettling(sql, folding);
  const turn = new WriteTurn(db, path, busyTimeoutMs);
  return { db, sql, folding, transaction: new SqliteTransaction(sql, folding), settling, files: new OpenedFiles(path), turn };
}
