import { setTimeout } from 'node:timers/promises';
import type { DebitNumber } from '../../domain/debit.ts';
import type { Request } from '../../domain/decide.ts';
import { KeyctlError } from '../../domain/error.ts';
import type { RandomBytes } from '../../domain/random.ts';
import type { Preview } from '../../domain/settle.ts';
import type { ReadTransaction, Store, WriteTransaction } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Verdict } from '../../domain/verdict.ts';
import { parseAddress, type Address } from './address.ts';
import { connect } from './connect.ts';
import { createSchema } from './create-schema.ts';
import { isConflict, lacksTables, translateError } from './errors.ts';
import { HorizonWanted } from './horizon.ts';
import { Lineage } from './lineage.ts';
import { MOVED_PLACE } from './moved.ts';
import { Session, type TransactionKind } from './session.ts';
import { PostgresStaging, type OpenStaging } from './staging.ts';
import { checkUsable } from './usable.ts';

export interface PostgresOptions {
  readonly url: string;
  /** `read` refuses to write; `create` makes the tables if there are none. */
  readonly mode: 'read' | 'write' | 'create';
  /** The time, for tests; null for the database's own. */
  readonly clock: (() => Instant) | null;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
  /** PGPASSWORD, PGPASSFILE, HOME and USER are looked up here. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Room on this machine for what is to be imported. */
  readonly staging?: OpenStaging;
}

const noStaging: OpenStaging = () => Promise.reject(new RangeError('the store was opened without room for what is to be imported'));

/** Opens the store in a database. `created` says whether there was none before. */
export async function openPostgresStore(options: PostgresOptions): Promise<{ store: Store; created: boolean }> {
  const address = parseAddress(options.url, options.env['USER'] ?? 'postgres');
  const opening = { ...options, address, staging: new PostgresStaging(options.staging ?? noStaging), lineage: new Lineage() };
  try {
    const { session, created } = await open(opening, options.mode === 'create');
    return { store: new PostgresStore(opening, session), created };
  } catch (error) {
    throw translateError(address.shown, error);
  }
}

interface Opening extends Omit<PostgresOptions, 'staging'> {
  readonly address: Address;
  readonly staging: PostgresStaging;
  readonly lineage: Lineage;
}

async function open(options: Opening, create: boolean): Promise<{ session: Session; created: boolean }> {
  const { address, clock, randomBytes, mode, busyTimeoutMs, env, staging, lineage } = options;
  const connection = await connect({ address, env, readOnly: mode === 'read', busyTimeoutMs, lineage });
  try {
    const created = create && (await createSchema(connection, clock === null ? null : clock(), randomBytes));
    const { rows } = await connection.ask(`SELECT max(version), max(usable_since), ${MOVED_PLACE} FROM schema_versions`, []);
    const [version, usableSince, movedTo] = rows[0] ?? [];
    checkUsable(address.shown, Number(version), Number(usableSince), movedTo as string | null);
    return { session: new Session(connection, address.shown, clock, staging), created };
  } catch (error) {
    connection.cut();
    if (!lacksTables(error)) throw error;
    throw new KeyctlError('store_missing', `There is no store at ${address.shown}.`, { hint: 'Make one with: keyctl create --name prod' });
  }
}

/** A transaction that the server gave up is begun again so often, after a rest of up to so long. */
const MOST_TRIES = 6;
const REST_MS = 25;
/** A server that comes back is waited for this long; a node that serves answers 503 meanwhile. */
const RECONNECT_TIMES_BUSY = 4;

/** One connection, used by one act at a time; a new one takes its place when it is lost. */
class PostgresStore implements Store {
  readonly location: string;
  readonly #options: Opening;
  #session: Session | null;
  #opening: Promise<Session> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: Opening, session: Session) {
    this.location = options.address.shown;
    this.#options = options;
    this.#session = session;
  }

  read<Result>(act: (tx: ReadTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    return this.#transact('reading', act);
  }

  write<Result>(act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    return this.#transact('writing', act);
  }

  writeBeside<Result>(act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    return this.#transact('beside', act);
  }

  settle(requests: readonly Request[]): Promise<readonly Verdict[]> {
    return this.#persist((session) => {
      this.#checkMayWrite();
      return session.settle(requests);
    });
  }

  preview(requests: readonly Request[], at?: Instant): Promise<readonly Preview[]> {
    return this.#persist((session) => session.preview(requests, at));
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#session?.close();
    await this.#options.staging.close();
    this.#session = null;
  }

  #transact<Result>(kind: TransactionKind, act: (tx: WriteTransaction, now: Instant) => Promise<Result>): Promise<Result> {
    let horizon: DebitNumber | null = null;
    return this.#persist(async (session) => {
      if (kind !== 'reading') this.#checkMayWrite();
      try {
        return await session.transact(kind, horizon, act);
      } catch (error) {
        if (!(error instanceof HorizonWanted)) throw error;
        horizon = await session.settledThrough();
        return session.transact(kind, horizon, act);
      }
    });
  }

  /** Who has opened it to read is not to be kept from writing by the rights of a role alone. */
  #checkMayWrite(): void {
    if (this.#options.mode !== 'read') return;
    throw new KeyctlError('store_read_only', `The store at ${this.location} was opened for reading only.`, {
      hint: 'Commands that change something open it for writing.',
    });
  }

  /** Acts wait for each other: between two awaits of one, another's statements would land in its transaction. */
  #persist<Result>(act: (session: Session) => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => this.#tryUntil(act));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #tryUntil<Result>(act: (session: Session) => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      let session: Session | null = null;
      try {
        session = await this.#connected();
        return await act(session);
      } catch (error) {
        if (session?.lost === true) this.#session = null;
        const again = tries < MOST_TRIES && (isConflict(error) || (tries === 1 && session?.lost === true && !session.mayHaveCommitted));
        if (!again) throw translateError(this.location, error);
      }
      await setTimeout(this.#jitter());
    }
  }

  /** Two that gave way to each other should not meet again. */
  #jitter(): number {
    const [chance = 0] = this.#options.randomBytes(1);
    return (chance / 256) * REST_MS;
  }

  /** A connection takes longer to be made than a caller waits; it is then there for the next one. */
  async #connected(): Promise<Session> {
    if (this.#session !== null && !this.#session.lost) return this.#session;
    this.#session = null;
    this.#opening ??= open(this.#options, false).then(
      ({ session }) => {
        this.#opening = null;
        return (this.#session = session);
      },
      (error: unknown) => {
        this.#opening = null;
        throw error;
      },
    );
    const patience = new AbortController();
    const tired = setTimeout(this.#options.busyTimeoutMs * RECONNECT_TIMES_BUSY, null, { signal: patience.signal }).catch(() => null);
    try {
      const session = await Promise.race([this.#opening, tired]);
      if (session !== null) return session;
      throw new KeyctlError('store_busy', `The store at ${this.location} cannot be reached.`, { hint: 'It is being tried again.' });
    } finally {
      patience.abort();
    }
  }
}
