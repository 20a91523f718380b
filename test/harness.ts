import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceVariables } from '../src/commands/serve-variables.ts';
import type { Actor, Store } from '../src/domain/store.ts';
import type { Instant } from '../src/domain/utc-day.ts';
import { openStore } from '../src/stores/open-store.ts';
import { refuseTold } from './secrets.ts';

/** A clock that stands still until it is set. */
export interface TestClock {
  now: Instant;
}

export const ACTOR: Actor = { claimed: 'tester', osUser: 'root', sudoUser: null, host: 'test' };

/** A new folder that `cleanUp` removes. */
export function temporaryFolder(inside: string = tmpdir()): { path: string; cleanUp: () => void } {
  const path = mkdtempSync(join(inside, 'keyctl-test-'));
  return {
    path,
    cleanUp: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A store in a real file of a new folder, with a clock that the test sets. */
export async function temporaryStore(now: string): Promise<{ store: Store; clock: TestClock; path: string; cleanUp: () => Promise<void> }> {
  const folder = temporaryFolder();
  const clock = { now: Date.parse(now) };
  const path = join(folder.path, 'keyctl.db');
  const { store } = await openStore({ location: path, mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 });
  return {
    store,
    clock,
    path,
    cleanUp: async () => {
      await store.close();
      folder.cleanUp();
    },
  };
}

/** What a process has that nobody started as a service. */
export const NO_SERVICE_VARIABLES: ServiceVariables = {
  ...{ pid: 1, listenPid: undefined, listenFds: undefined, listenNames: undefined, notifySocket: undefined },
};

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const BINARY = fileURLToPath(new URL('../bin/keyctl.js', import.meta.url));

export interface ProcessOptions {
  readonly db: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A program and its arguments that starts keyctl and ends as it does. */
  readonly under?: readonly string[];
}

/** Runs the built binary as a process of its own, with a store of the caller's, no terminal, and stdin from a text. */
export function keyctl(args: readonly string[], options: ProcessOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), KEYCTL_DB: options.db, ...options.env };
    const [program = process.execPath, ...words] = [...(options.under ?? []), process.execPath, BINARY, ...args];
    const child = spawn(program, words, { env, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(
        Promise.resolve().then(() => {
          refuseTold(args, stdout, stderr);
          return { code, stdout, stderr };
        }),
      );
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}
