import { spawn } from 'node:child_process';
import { request, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { BINARY, temporaryFolder } from '../harness.ts';
import { eventually } from '../system/running.ts';

/**
 * Stands where systemd does: opens a socket, or something else, and starts keyctl with it as descriptor 3, as often as it is told. It waits
 * without turning its own loop, since Node accepts whatever comes to a socket that it listens on. `exec` keeps the process that LISTEN_PID names.
 */
const MANAGER = `
  const { spawnSync } = require('node:child_process');
  const { writeSync } = require('node:fs');
  const [third, runs, words, ...command] = process.argv.slice(1);
  const run = (stdio) => {
    let status = 99;
    for (let n = 0; n < Number(runs); n += 1) {
      status = spawnSync('/bin/sh', ['-c', words, ...command], { stdio: ['ignore', 'inherit', 'inherit', stdio] }).status ?? 99;
    }
    process.exit(status);
  };
  if (/^(pipe|ignore)$/.test(third)) run(third);
  else if (third === 'file') run(require('node:fs').openSync(process.execPath));
  else {
    const server = require('node:net').createServer();
    server.listen(JSON.parse(third), () => {
      if (typeof server.address() === 'object') writeSync(1, 'port=' + server.address().port + '\\n');
      run(server._handle.fd);
    });
  }
`;

export interface Started {
  output(): string;
  /** What the first group of the expression matches in its output for the last time, as soon as it does. */
  said(expression: RegExp): Promise<string>;
  /** The address that it listens on, as soon as it does. */
  address(): Promise<string>;
  /** Resolves with its exit code when it ends by itself. */
  readonly code: Promise<number | null>;
  signal(name: NodeJS.Signals): Promise<void>;
  stop(): Promise<number | null>;
  /** Ends it for good, however often it was to be started, and resolves when nothing of it runs any more. */
  end(): Promise<void>;
}

/** A socket to open, or what is none. */
export type Third = { readonly host: string; readonly port: number } | { readonly path: string } | 'file' | 'pipe' | 'ignore';

export const ON_LOOPBACK: Third = { host: '127.0.0.1', port: 0 };

/** A folder with a store, and servers on it that were started as a service manager would. */
export class Service {
  readonly folder: string;
  readonly db: string;
  readonly #cleanUp: () => void;
  readonly #running: Started[] = [];

  constructor() {
    const { path, cleanUp } = temporaryFolder();
    this.folder = path;
    this.db = join(path, 'keyctl.db');
    this.#cleanUp = cleanUp;
  }

  async end(): Promise<void> {
    for (const started of this.#running.splice(0)) await started.end();
    this.#cleanUp();
  }

  /** Starts `keyctl serve` with descriptor 3 and what a service manager would have said of it. `more` is for the shell to set. */
  serve(args: readonly string[], third: Third, { pid = '$$', fds = '1', more = '', runs = 1 } = {}): Started {
    const words = `echo pid=$$; LISTEN_PID=${pid} LISTEN_FDS=${fds} LISTEN_FDNAMES=keyctl.socket ${more} exec "$0" "$@"`;
    const opened = typeof third === 'string' ? third : JSON.stringify(third);
    const command = [process.execPath, BINARY, '--db', this.db, 'serve', ...args];
    const child = spawn(process.execPath, ['-e', MANAGER, opened, String(runs), words, ...command], {
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    let over = false;
    const code = new Promise<number | null>((resolve) => {
      child.once('close', (status) => {
        over = true;
        resolve(status);
      });
    });
    const said = (expression: RegExp): Promise<string> =>
      eventually(() => {
        const found = [...output.matchAll(new RegExp(expression, 'g'))].at(-1)?.[1];
        if (found === undefined) throw new Error(`it does not say so: ${output}`);
        return found;
      });
    const signal = async (name: NodeJS.Signals): Promise<void> => {
      const id = Number(await said(/pid=(\d+)/));
      if (!over) process.kill(id, name);
    };
    const started: Started = {
      ...{ output: () => output, said, code, signal, address: () => said(/"address":"([^"]+)"/) },
      stop: () => signal('SIGTERM').then(() => code),
      end: async () => {
        // First who would start the next one; its output stays open as long as the last one runs.
        child.kill('SIGKILL');
        const id = [...output.matchAll(/pid=(\d+)/g)].at(-1)?.[1];
        if (!over && id !== undefined) process.kill(Number(id), 'SIGTERM');
        await code;
      },
    };
    this.#running.push(started);
    return started;
  }
}

/** The status of a request on a connection of its own. */
export function status(options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ agent: false, ...options }, (answer) => {
      resolve(answer.resume().statusCode);
    })
      .on('error', reject)
      .end();
  });
}

export const askPath = (socketPath: string, path: string): Promise<number | undefined> => status({ socketPath, path, host: 'localhost' });
