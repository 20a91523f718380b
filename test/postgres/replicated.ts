import pg from 'pg';
import { eventually, freePort } from '../system/running.ts';
import { runSql } from './database.ts';
import { DATABASE, member, OneServer } from './one-server.ts';

/** A primary, and a standby without which it acknowledges nothing. */
export class ReplicatedPostgres {
  #primary: OneServer;
  #standby: OneServer | null = null;
  readonly #gone: OneServer[] = [];
  readonly #ports: readonly [number, number];

  private constructor(primary: OneServer, ports: readonly [number, number]) {
    this.#primary = primary;
    this.#ports = ports;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const primary = await OneServer.make();
    const ports = [primary.port, await freePort()] as const;
    primary.set('hot_standby = on', 'max_connections = 100');
    const pair = new ReplicatedPostgres(primary, ports);
    try {
      await primary.run();
      await runSql(primary.url('postgres'), `CREATE DATABASE ${DATABASE}`);
      await pair.addStandby();
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  /** For keyctl: both hosts, the first one first, whichever is the primary. */
  get url(): string {
    const hosts = this.#ports.map((port) => `127.0.0.1:${String(port)}`).join(',');
    return `postgres://postgres@${hosts}/${DATABASE}?sslmode=disable`;
  }

  /** For a look at the primary, past keyctl. */
  get primaryUrl(): string {
    return this.#primary.url(DATABASE);
  }

  /** Makes a standby from the files of the primary that runs, and has the primary wait for it with every commit. */
  async addStandby(): Promise<void> {
    const primary = this.#primary;
    const standby = await copyOf(primary, this.#ports.find((port) => port !== primary.port) ?? 0);
    this.#standby = standby;
    standby.put('standby.signal', '');
    standby.set(
      `primary_conninfo = 'host=127.0.0.1 port=${String(primary.port)} user=postgres application_name=standby'`,
      "synchronous_standby_names = ''",
    );
    await standby.run();
    await runSql(primary.url('postgres'), "ALTER SYSTEM SET synchronous_standby_names = 'standby'", 'SELECT pg_reload_conf()');
    await eventually(async () => {
      const rows = await runSql(primary.url('postgres'), "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
      if (rows.length === 0) throw new Error('the standby does not follow');
    });
  }

  killPrimary(): Promise<void> {
    return this.#primary.kill();
  }

  freezePrimary(): void {
    this.#primary.freeze();
  }

  /** The one that was the primary before goes on, and believes that it still is. */
  thawFormer(): void {
    this.#former().thaw();
  }

  /** For a look at the one that was the primary before. */
  get formerUrl(): string {
    return this.#former().url(DATABASE);
  }

  /** As an operator does who fences it off, so that another may have its place. */
  async stopFormer(): Promise<void> {
    await this.#former().stop();
    this.#gone.pop();
  }

  #former(): OneServer {
    const former = this.#gone.at(-1);
    if (former === undefined) throw new RangeError('there was no other primary');
    return former;
  }

  /** The standby takes over, and waits for nobody: it is alone. */
  async promote(): Promise<void> {
    const standby = this.#standby;
    if (standby === null) throw new RangeError('there is no standby');
    await runSql(standby.url('postgres'), 'SELECT pg_promote(true, 30)');
    this.#gone.push(this.#primary);
    this.#primary = standby;
    this.#standby = null;
  }

  async stop(): Promise<void> {
    for (const server of [...this.#gone, this.#standby, this.#primary]) await server?.stop();
  }
}

/** A copy of the files of a server that runs, as its own protocol for backups has them. */
async function copyOf(primary: OneServer, port: number): Promise<OneServer> {
  const client = new pg.Client({ connectionString: primary.url('postgres') });
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('standby', true)");
    const { folder = '' } = await member('copy', primary.data);
    const copy = new OneServer(folder, port);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    copy.put('backup_label', rows[0]?.labelfile ?? '');
    return copy;
  } finally {
    await client.end();
  }
}
