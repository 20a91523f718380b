import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';
import { KeyctlError } from '../../domain/error.ts';
import type { Address, Host } from './address.ts';
import { Connection } from './connection.ts';
import { translateError } from './errors.ts';
import { firstToTakeWrites } from './hosts.ts';
import { Lineage } from './lineage.ts';
import { passwordFor } from './password.ts';
import { SCHEMA } from './schema.ts';

export interface ConnectOptions {
  readonly address: Address;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes are refused. */
  readonly readOnly: boolean;
  /** How long a lock is waited for. */
  readonly busyTimeoutMs: number;
  /** What whoever connects has seen of the store's primaries before; nothing if left out. */
  readonly lineage?: Lineage;
}

/** A host that has not answered within this is passed over; whoever waits longer for a lock waits as long for a host. */
const LEAST_CONNECT_MS = 2_000;
const KEEPALIVE_MS = 10_000;
/** Whoever waits this short for a lock has callers who do not wait long for anything. */
const IMPATIENT_MS = 1_000;
/** An answer that has not come after so many times the wait for a lock is not waited for any more. */
const TIMES_BUSY = { impatient: 10, patient: 60 };
/**
 * Somebody who has begun a transaction and says nothing for so many times that wait is given up by the server: a node that hangs, or whose
 * host is gone without a word, must not keep its locks, which everybody else waits for.
 */
const IDLE_TIMES_BUSY = 30;

/**
 * Connects to the first of the hosts that takes writes; also for reading, since only the primary's books are of this moment. Throws what
 * tells most of why there is none.
 */
export function connect(options: ConnectOptions): Promise<Connection> {
  const { hosts, shown } = options.address;
  return firstToTakeWrites(hosts, async (host, unwanted) => {
    try {
      return await connectTo(host, options, unwanted);
    } catch (error) {
      throw translateError(shown, error);
    }
  });
}

async function connectTo(host: Host, options: ConnectOptions, unwanted: AbortSignal): Promise<Connection> {
  const { address, env, busyTimeoutMs } = options;
  const times = busyTimeoutMs < IMPATIENT_MS ? TIMES_BUSY.impatient : TIMES_BUSY.patient;
  const connection = await Connection.open(
    {
      ...host,
      user: address.user,
      database: address.database,
      password: () => passwordFor(address, host, env) ?? noPassword(),
      ssl: tlsOptions(address),
      application_name: address.applicationName,
      connectionTimeoutMillis: Math.max(LEAST_CONNECT_MS, busyTimeoutMs),
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_MS,
    } satisfies pg.ClientConfig,
    busyTimeoutMs * times,
    unwanted,
  );
  try {
    await prepare(connection, options);
    return connection;
  } catch (error) {
    connection.cut();
    throw error;
  }
}

/** The server asks for one, as for one that is wrong. */
function noPassword(): never {
  throw Object.assign(new Error('There is no password.'), { code: '28P01' });
}

/** Asks the server what it is, and sets what the statements of this session rely on. */
async function prepare(connection: Connection, { readOnly, busyTimeoutMs, lineage = new Lineage() }: ConnectOptions): Promise<void> {
  const primary = lineage.ask(connection);
  const [asked] = await connection.together([
    { text: "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean, current_setting('synchronous_commit')" },
    { text: `SET search_path = ${SCHEMA}, pg_temp` },
    { text: `SET lock_timeout = ${String(busyTimeoutMs)}` },
    { text: 'SET jit = off' },
    { text: `SET idle_in_transaction_session_timeout = ${String(busyTimeoutMs * IDLE_TIMES_BUSY)}` },
    { text: 'SET statement_timeout = 0' },
    { text: "SET bytea_output = 'hex'" },
    { text: `SET SESSION CHARACTERISTICS AS TRANSACTION ${readOnly ? 'READ ONLY' : 'READ WRITE'}` },
  ]);
  const [standby, synchronous] = asked?.rows[0] ?? [];
  if (standby !== false) throw Object.assign(new Error('The server takes no writes.'), { code: '25006' });
  lineage.check(await primary);
  // An acknowledged debit survives: what is weaker than the primary's own disk is not good enough; what is stronger is left as it is.
  if (synchronous === 'off' || synchronous === 'local') await connection.ask('SET synchronous_commit = on', []);
}

function tlsOptions({ tls, rootCertificate }: Address): ConnectionOptions | false {
  if (tls === 'disable') return false;
  const ca = rootCertificate === null || rootCertificate === 'system' ? {} : { ca: readCertificates(rootCertificate) };
  if (tls === 'require') return { rejectUnauthorized: false };
  return { ...ca, rejectUnauthorized: true, ...(tls === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}) };
}

function readCertificates(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new KeyctlError('usage', 'The file of certificates cannot be read.', {
      hint: 'Check sslrootcert in the URL of the store.',
      cause: error,
    });
  }
}
