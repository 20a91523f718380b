import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceVariables } from '../src/commands/serve-variables.ts';
import type { Actor, Store } from '../src/domain/store.ts';
import type { Instant } from '../src/domain/utc-day.ts';
import { openStore } from '../src/stores/open-store.ts';
import { PROPERTY_TIMES } from './budget.ts';
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

/** What the files in a folder hold, by their names; what is gone before it can be read, as beside a running server, holds nothing. */
export function contentsOf(folder: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    try {
      if (statSync(path).isFile()) found.set(name, readFileSync(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return found;
}

/** A store of its own for one test, and the clock that it goes by. */
export interface TemporaryStore {
  readonly store: Store;
  readonly clock: TestClock;
  /** Where it is. */
  readonly path: string;
  /** The same store over another connection, as another process has it; the caller closes it. */
  readonly reopen: (mode: 'read' | 'write') => Promise<Store>;
  readonly cleanUp: () => Promise<void>;
}

type OpenTemporary = (clock: TestClock) => Promise<TemporaryStore>;

/** A store in a real file of a new folder. */
async function storeInFile(clock: TestClock): Promise<TemporaryStore> {
  const folder = temporaryFolder();
  const path = join(folder.path, 'keyctl.db');
  const open = async (mode: 'read' | 'write' | 'create'): Promise<Store> =>
    (await openStore({ location: path, mode, clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 })).store;
  const store = await open('create');
  return {
    ...{ store, clock, path, reopen: open },
    cleanUp: async () => {
      await store.close();
      folder.cleanUp();
    },
  };
}

async function storeInMemory(clock: TestClock): Promise<Store> {
  return (await openStore({ location: ':memory:', mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 1_000 })).store;
}

let elsewhere: OpenTemporary | null = null;

/** From now on the stores of this file of tests are of another kind, so that the cases of another file can be run over them. */
export function storesElsewhere(open: OpenTemporary): void {
  elsewhere = open;
}

/** A new store whose clock the test sets; on SQLite it is in a file. */
export function temporaryStore(now: string, clock: TestClock = { now: Date.parse(now) }): Promise<TemporaryStore> {
  return (elsewhere ?? storeInFile)(clock);
}

/** The same where the test needs it but once: on SQLite it is in memory. */
export async function memoryStore(now: string, clock: TestClock = { now: Date.parse(now) }): Promise<{ store: Store; clock: TestClock }> {
  return elsewhere === null ? { store: await storeInMemory(clock), clock } : elsewhere(clock);
}

/** How many runs of a property have a store of their own: so many in memory, and fewer where a new store takes longer. */
export function runsOf(inMemory: number): number {
  return PROPERTY_TIMES * (elsewhere === null ? inMemory : Math.ceil(inMemory / 8));
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
