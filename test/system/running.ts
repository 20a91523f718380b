import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { refuseTold } from '../secrets.ts';

/** A process that a test started and has to stop. */
export interface Running {
  readonly pid: number;
  /** All that it wrote to stdout and stderr so far. */
  output(): string;
  /** Resolves with the match as soon as its output has one; rejects if it ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it, if it runs still, and resolves with its exit code (null if a signal ended it). */
  stop(): Promise<number | null>;
}

/** Starts a program without a shell. It gets the given environment and nothing else. */
export function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const child = spawn(program, [...args], { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const listeners = new Set<() => void>();
  const heard = (chunk: unknown): void => {
    output += String(chunk);
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', heard);
  child.stderr.on('data', heard);
  const ended = endOf(child);
  return {
    pid: child.pid ?? -1,
    output: () => output,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output);
          if (match === null) return;
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        void ended.then(() => {
          reject(new Error(`${program} ended before it said ${String(pattern)}:\n${output}`));
        });
        look();
      }),
    signal: (signal) => void child.kill(signal),
    stop: () => {
      // A process that was stopped by a test has to run to be able to end.
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      return ended.then((code) => {
        // Whatever a test starts, servers and proxies, is told keys, and has no reason to tell one.
        refuseTold(args, '', output);
        return code;
      });
    },
  };
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', (code) => {
      resolve(code);
    });
    child.once('error', () => {
      resolve(null);
    });
  });
}

/** A port of 127.0.0.1 that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('a TCP server has a port'));
      });
    });
  });
}

const PATIENCE_MS = 30_000;

/** Tries until `attempt` stops throwing, as long as the test may run. */
export async function eventually<Value>(attempt: () => Promise<Value> | Value, restMs = 50): Promise<Value> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries * restMs >= PATIENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }
}
