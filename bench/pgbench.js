// What PostgreSQL itself does on this machine: pgbench's simple update, a transaction of three statements and one commit for each request.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCALE = 10;

/** Its version; undefined where it is not installed. On Debian it comes with the package `postgresql`. */
export async function pgbenchVersion() {
  const { stdout } = await run('pgbench', ['--version']).catch(() => ({ stdout: '' }));
  return /(\d+(?:\.\d+)*)/.exec(stdout)?.[1];
}

export class Pgbench {
  #port;

  /** Makes its tables in a database of their own. */
  static async make(server) {
    const bench = new Pgbench();
    bench.#port = String(server.port);
    await server.makeDatabase('pgbench');
    await run('pgbench', [...bench.#where(), '--initialize', '--quiet', `--scale=${String(SCALE)}`, 'pgbench']);
    return bench;
  }

  #where() {
    return ['--host=127.0.0.1', `--port=${this.#port}`, '--username=postgres'];
  }

  /** Transactions per second of so many clients, each of which waits for its commits. */
  async load({ connections, seconds }) {
    const how = ['--builtin=simple-update', '--protocol=prepared', '--no-vacuum', '--jobs=1'];
    const much = [`--client=${String(connections)}`, `--time=${String(seconds)}`];
    const { stdout } = await run('pgbench', [...this.#where(), ...how, ...much, 'pgbench']);
    const read = (pattern) => Number(pattern.exec(stdout)?.[1]);
    const requests = read(/actually processed: (\d+)/);
    // On a machine that others keep busy the time is over before the connections are there.
    const perSecond = requests === 0 ? 0 : read(/^tps = (\S+)/m);
    return { perSecond, p50: read(/^latency average = (\S+) ms/m), p99: NaN, requests };
  }
}
