import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chownSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually, freePort } from '../system/running.ts';
import { runSql } from './database.ts';

const MEMBER = fileURLToPath(new URL('member.js', import.meta.url));
const DATABASE = 'keyctl';

interface Told {
  readonly folder?: string;
  readonly pid?: number;
}

async function member(...words: readonly string[]): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [MEMBER, ...words]);
  return JSON.parse(stdout) as Told;
}

/** A PostgreSQL server in a folder of its own. */
class Member {
  readonly port: number;
  readonly folder: string;
  #keeper: ChildProcess | null = null;
  #pid = 0;

  constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  url(database: string): string {
    return `postgres://postgres@127.0.0.1:${String(this.port)}/${database}?sslmode=disable`;
  }

  /** Puts a file beside its data, of whoever runs it. */
  put(name: string, text: string): void {
    const path = join(this.data, name);
    const { uid, gid } = statSync(this.data);
    writeFileSync(path, text, { mode: 0o600 });
    chownSync(path, uid, gid);
  }

  set(...settings: readonly string[]): void {
    appendFileSync(join(this.data, 'postgresql.conf'), `${settings.join('\n')}\n`);
  }

  /** Resolves when it takes connections, be it for reading only. */
  async run(): Promise<void> {
    const keeper = spawn(process.execPath, [MEMBER, 'run', this.folder, String(this.port)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#keeper = keeper;
    let said = '';
    keeper.stderr.on('data', (chunk) => (said = (said + String(chunk)).slice(-10_000)));
    const ended = once(keeper, 'exit').then(() => Promise.reject(new Error(`PostgreSQL ended:\n${said}`)));
    const [line] = (await Promise.race([once(keeper.stdout, 'data'), ended])) as unknown[];
    this.#pid = (JSON.parse(String(line)) as { pid: number }).pid;
    await Promise.race([eventually(() => runSql(this.url('postgres'), 'SELECT 1')), ended]);
    ended.catch(() => undefined);
  }

  /** The server and all that it has started, as they are at this moment: it is not let start any more. */
  #everybody(): readonly number[] {
    process.kill(this.#pid, 'SIGSTOP');
    const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === this.#pid);
    return [...children.map(Number), this.#pid];
  }

  /** As when its host loses power, but for the disk: nobody of it does anything any more. */
  async kill(): Promise<void> {
    for (const pid of this.#everybody()) process.kill(pid, 'SIGKILL');
    if (this.#keeper !== null && this.#keeper.exitCode === null) await once(this.#keeper, 'exit');
  }

  /** As when its network is gone: it answers nobody, and nobody is told so. */
  freeze(): void {
    for (const pid of this.#everybody()) process.kill(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.#everybody()) process.kill(pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    const keeper = this.#keeper;
    if (keeper !== null && keeper.exitCode === null && keeper.signalCode === null) {
      if (parentOf(String(this.#pid)) !== null) this.thaw();
      keeper.stdin?.end();
      await once(keeper, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** The parent of a process; null if there is no such process. */
function parentOf(pid: string): number | null {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    return null;
  }
}

/** A primary, and a standby without which it acknowledges nothing. */
export class ReplicatedPostgres {
  #primary: Member;
  #standby: Member | null = null;
  readonly #gone: Member[] = [];
  readonly #ports: readonly [number, number];

  private constructor(primary: Member, ports: readonly [number, number]) {
    this.#primary = primary;
    this.#ports = ports;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const { folder = '' } = await member('make');
    const ports = [await freePort(), await freePort()] as const;
    const primary = new Member(folder, ports[0]);
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

  thawPrimary(): void {
    this.#primary.thaw();
  }

  /** The primary that fell is the one that woke up again, and believes that it still is the primary. */
  thawFormer(): void {
    this.#gone.at(-1)?.thaw();
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
async function copyOf(primary: Member, port: number): Promise<Member> {
  const client = new pg.Client({ connectionString: primary.url('postgres') });
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('standby', true)");
    const { folder = '' } = await member('copy', primary.data);
    const copy = new Member(folder, port);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    copy.put('backup_label', rows[0]?.labelfile ?? '');
    return copy;
  } finally {
    await client.end();
  }
}
