import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Program } from './programs.ts';
import { eventually, type Running } from './running.ts';

/** A reverse proxy with a recipe. */
export interface Proxy {
  readonly program: Program;
  /** How the recipe says that the other side is started: the flags of `keyctl serve`. */
  readonly counterpart: readonly string[];
  /** Starts the real proxy with the files of the recipe, and resolves when it listens. */
  start(site: Site): Promise<RunningProxy>;
}

export interface Site {
  /** An empty folder for its files. */
  readonly folder: string;
  /** Where the recipe's own site is to be. */
  readonly port: number;
  /** Where a site is to be that does all that sites do. */
  readonly trickyPort: number;
  readonly keyctlPort: number;
  readonly apiPort: number;
  /** A server that drops every connection. */
  readonly brokenPort: number;
}

export interface RunningProxy {
  readonly process: Running;
  /** The log of the recipe's own site. */
  accessLog(): string;
  /** All else that it wrote. */
  errorLog(): string;
}

/** A file of recipes/, byte for byte but for addresses and paths: each text that is replaced stands in it once. */
export function recipeFile(path: string, changes: readonly (readonly [from: string, to: string])[] = []): string {
  return changes.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) throw new Error(`recipes/${path} should have ${from} once`);
      return text.replace(from, () => to);
    },
    readFileSync(fileURLToPath(new URL(`../../recipes/${path}`, import.meta.url)), 'utf8'),
  );
}

/** Resolves when something listens there; rejects with what the process said if it ends before. */
export async function listens(running: Running, ports: readonly number[]): Promise<void> {
  const never = running.said(/(?!)/);
  await Promise.race([Promise.all(ports.map((port) => eventually(() => reachable(port)))), never]);
  // From here on it ends when the test ends it.
  never.catch(() => undefined);
}

function reachable(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
