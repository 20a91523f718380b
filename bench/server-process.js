// Starts a server as a process of its own and reads what it costs from the kernel.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/**
 * User and system time of a process so far, in microseconds; with `andEnded` also that of its children that have ended. 0 for a process
 * that is not there any more.
 */
export function processorMicros(pid, { andEnded = false } = {}) {
  let stat;
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return 0;
  }
  const fields = stat.replace(/^.*\) /s, '').split(' ');
  const ticks = fields.slice(11, andEnded ? 15 : 13).reduce((sum, field) => sum + Number(field), 0);
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

export class ServerProcess {
  #child;
  /** What it printed until it was ready. */
  output = '';

  /** `ready` finds the port in what the server prints. */
  static async start(args, ready, env = {}) {
    const server = new ServerProcess();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    server.#child = child;
    server.port = await new Promise((resolve, reject) => {
      const read = (chunk) => {
        server.output += String(chunk);
        const found = ready.exec(server.output);
        if (found !== null) resolve(Number(found[1]));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}: ${server.output}`)));
    });
    return server;
  }

  /** User and system time so far, in microseconds. */
  cpuMicros() {
    return processorMicros(this.#child.pid);
  }

  /** Resident memory in MiB. */
  residentMib() {
    const pages = Number(readFileSync(`/proc/${String(this.#child.pid)}/statm`, 'utf8').split(' ')[1]);
    return (pages * 4_096) / 1_048_576;
  }

  async stop() {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
