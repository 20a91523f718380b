import { KeyctlError } from '../../domain/error.ts';
import { fault, fine, warning, type CheckId, type Finding } from '../../domain/finding.ts';
import type { Inspection, InspectionChoice } from '../../domain/inspection.ts';
import type { RandomBytes } from '../../domain/random.ts';
import type { Store } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { parseAddress, type Address } from './address.ts';
import { connect } from './connect.ts';
import type { Connection } from './connection.ts';
import { translateError } from './errors.ts';
import { inspectHosts } from './inspect-hosts.ts';
import { inspectAudit, inspectRows } from './inspect-rows.ts';
import { inspectPermissions, inspectSchema } from './inspect-schema.ts';
import type { OpenStaging } from './staging.ts';
import { openPostgresStore } from './store.ts';

export interface PostgresInspectOptions extends InspectionChoice {
  readonly url: string;
  readonly clock: (() => Instant) | null;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly staging: OpenStaging;
}

/**
 * Looks at how the server keeps a store, at its tables and their rules, and opens it for reading. Nothing is changed, and nobody waits. Never
 * throws for what is wrong with the store: that is what it tells.
 */
export async function inspectPostgresStore(options: PostgresInspectOptions): Promise<Inspection> {
  const address = parseAddress(options.url, options.env['USER'] ?? 'postgres');
  const inspector = new Inspector(address, options);
  await inspector.look();
  return inspector;
}

class Inspector implements Inspection {
  readonly location: string;
  readonly findings: Finding[] = [];
  readonly leftOut: string[] = [];
  store: Store | null = null;
  readonly #address: Address;
  readonly #options: PostgresInspectOptions;

  constructor(address: Address, options: PostgresInspectOptions) {
    this.location = address.shown;
    this.#address = address;
    this.#options = options;
  }

  async close(): Promise<void> {
    await this.store?.close();
  }

  async look(): Promise<void> {
    const { url, clock, randomBytes, busyTimeoutMs, env, staging, quick } = this.#options;
    try {
      this.store = (await openPostgresStore({ url, mode: 'read', clock, randomBytes, busyTimeoutMs, env, staging })).store;
      this.findings.push(fine('store', `${this.location} can be read.`));
    } catch (error) {
      const code = error instanceof KeyctlError ? error.code : '';
      this.findings.push(this.#failed(code === 'store_newer' || code === 'store_older' ? 'schema' : 'store', error));
      this.leftOut.push('the books: the store cannot be opened by this release');
      return;
    }
    let connection: Connection | null = null;
    try {
      connection = await connect({ address: this.#address, env, readOnly: true, busyTimeoutMs });
      await this.#examine(connection, quick);
    } catch (error) {
      this.findings.push(this.#failed('store', error));
    } finally {
      await connection?.close();
    }
  }

  async #examine(connection: Connection, quick: boolean): Promise<void> {
    await this.#check('store', () => this.#inspectHosts());
    await this.#check('permissions', () => inspectPermissions(connection));
    await this.#check('durability', () => inspectDurability(connection));
    await this.#check('schema', () => inspectSchema(connection));
    this.leftOut.push("the pages of the server's files: pg_amcheck and data checksums look at those");
    if (quick) {
      this.leftOut.push('the audit trail and the running balances: they take a walk through whole tables');
      return;
    }
    await this.#check('audit', () => inspectAudit(connection));
    await this.#check('journal', () => inspectRows(connection));
  }

  #inspectHosts(): Promise<readonly Finding[]> {
    const { env, busyTimeoutMs } = this.#options;
    const address = this.#address;
    return inspectHosts(address.hosts, (host) => connect({ address: { ...address, hosts: [host] }, env, readOnly: true, busyTimeoutMs }));
  }

  async #check(id: CheckId, act: () => Promise<readonly Finding[]>): Promise<void> {
    try {
      this.findings.push(...(await act()));
    } catch (error) {
      this.findings.push(this.#failed(id, error));
    }
  }

  #failed(id: CheckId, error: unknown): Finding {
    const known = translateError(this.location, error);
    const hint = known instanceof KeyctlError ? known.hint : null;
    const message = known instanceof Error ? known.message : 'It could not be looked at.';
    return fault(id, message, hint ?? 'Look into the log of the server.');
  }
}

/** Each of them lets the server forget what it has acknowledged; a session can only make up for the last. */
const NEEDED = ['fsync', 'full_page_writes'] as const;

async function inspectDurability(connection: Connection): Promise<readonly Finding[]> {
  const { rows } = await connection.ask(
    "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names')",
    [],
  );
  const [fsync, pages, commits, standbys] = (rows[0] ?? []) as string[];
  const off = NEEDED.filter((_, place) => [fsync, pages][place] !== 'on');
  if (off.length > 0) {
    const message = `The server has ${off.map((name) => `${name}=off`).join(' and ')}: a power failure may take acknowledged debits with it, or the whole database.`;
    return [fault('durability', message, `Set ${off.join(' and ')} to on in postgresql.conf, and restart the server.`)];
  }
  const told = `Every commit is on the server's disk before it is answered (synchronous_commit=${commits ?? ''}).`;
  if (standbys !== '') return [fine('durability', `${told} Standbys: ${standbys ?? ''}.`)];
  const alone = 'No standby has to confirm a commit: when the server is lost, so is what came since its last backup.';
  return [fine('durability', told), warning('durability', alone, 'For a failover without loss set synchronous_standby_names.')];
}
