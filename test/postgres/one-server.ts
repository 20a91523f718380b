import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chownSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually, freePort } from '../system/running.ts';
import { runSql } from './database.ts';

const MEMBER = fileURLToPath(new URL('member.js', import.meta.url));
export const DATABASE = 'keyctl';

interface Told {
  readonly folder?: string;
  readonly pid?: number;
}

export async function member(...words: readonly string[]): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [MEMBER, ...words]);
  return JSON.parse(stdout) as Told;
}

/** A PostgreSQL server in a folder of its own, which is killed, frozen and started again. */
export class OneServer {
  /** A new one, which does not run yet. */
  static async make(): Promise<OneServer> {
    const { folder = '' } = await member('make');
    return new OneServer(folder, await freePort());
  }

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
