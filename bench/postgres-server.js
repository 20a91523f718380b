// A PostgreSQL of the bench's own, from the binaries that npm installed, on the disk that the stores in files are on too.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { processorMicros } from './server-process.js';

const SERVER = fileURLToPath(new URL('../test/postgres/server.js', import.meta.url));
/** Checkpoints in the middle of a turn would be measured by whoever has that turn. */
const SETTINGS = ["max_wal_size = '4GB'", "checkpoint_timeout = '30min'"];

export class PostgresServer {
  #child;
  #port;
  #client;
  #pid;
  /** Time of processes that have ended since is counted with that of their parent. */
  version;

  /** Keeps its data in a folder inside `folder`, and whatever its defaults are: `fsync` and `synchronous_commit` on. */
  static async start(folder) {
    const server = new PostgresServer();
    server.#child = spawn(process.execPath, [SERVER, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = await once(server.#child.stdout, 'data');
    const { port, error } = JSON.parse(String(line));
    if (port === undefined) throw new Error(`PostgreSQL did not start: ${error}`);
    server.#port = port;
    server.#client = new pg.Client({ connectionString: server.url('postgres') });
    await server.#client.connect();
    for (const setting of SETTINGS) await server.#client.query(`ALTER SYSTEM SET ${setting}`);
    const { rows } = await server.#client.query(
      "SELECT pg_reload_conf(), current_setting('server_version') AS version, current_setting('data_directory') AS data",
    );
    server.version = rows[0].version;
    server.#pid = Number(readFileSync(`${rows[0].data}/postmaster.pid`, 'utf8').split('\n')[0]);
    return server;
  }

  get port() {
    return this.#port;
  }

  url(database) {
    return `postgres://postgres@127.0.0.1:${String(this.#port)}/${database}?sslmode=disable`;
  }

  async makeDatabase(name) {
    await this.#client.query(`CREATE DATABASE ${name}`);
  }

  /** What all of its processes have taken so far, those that have ended included. */
  cpuMicros() {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const mine = pids.filter((pid) => pid === String(this.#pid) || parentOf(pid) === this.#pid);
    return mine.reduce((sum, pid) => sum + processorMicros(pid, { andEnded: pid === String(this.#pid) }), 0);
  }

  /** How many bytes of its log it has written so far. */
  async walBytes() {
    const { rows } = await this.#client.query("SELECT pg_current_wal_lsn() - '0/0' AS bytes");
    return Number(rows[0].bytes);
  }

  async checkpoint() {
    await this.#client.query('CHECKPOINT');
  }

  async stop() {
    await this.#client.end();
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }
}

/** The parent of a process; null if it has ended meanwhile. */
function parentOf(pid) {
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
