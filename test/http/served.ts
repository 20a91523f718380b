import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { mintApiKey } from '../../src/domain/api-key.ts';
import type { Key } from '../../src/domain/entities.ts';
import { newId } from '../../src/domain/random.ts';
import type { RateLimit } from '../../src/domain/rate-limit.ts';
import type { Debit, NewKey, Store } from '../../src/domain/store.ts';
import { DEFAULT_SERVE_OPTIONS, type After, type RunningServer, type ServeOptions, type ServerDeps } from '../../src/http/options.ts';
import { startServer } from '../../src/http/server.ts';
import { blankKey } from '../../src/operations/create-key.ts';
import { findAccount } from '../../src/operations/find-account.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { temporaryFolder, type TestClock } from '../harness.ts';
import { Secrets } from '../secrets.ts';

export const NOON = '2026-11-22T12:00:00.000Z';

/** Time that passes only when the test says so. */
export class HandTimers {
  readonly #due = new Map<number, { at: number; act: () => void }>();
  #now = 0;
  #next = 0;

  readonly after: After = (ms, act) => {
    const id = this.#next;
    this.#next += 1;
    this.#due.set(id, { at: this.#now + ms, act });
    return () => {
      this.#due.delete(id);
    };
  };

  /** How many timers wait for at most so many milliseconds. */
  waiting(ms: number): number {
    return [...this.#due.values()].filter(({ at }) => at - this.#now <= ms).length;
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const [id, { at, act }] of [...this.#due]) {
      if (at > this.#now) continue;
      this.#due.delete(id);
      act();
    }
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export interface ServedOptions extends Partial<Omit<ServeOptions, 'socket'>> {
  /** Listens on a Unix socket in the test's own folder. */
  readonly onSocket?: boolean;
  readonly deps?: Partial<Pick<ServerDeps, 'after' | 'patience' | 'nodeRelease'>>;
  /** Stands between the server and its store. */
  readonly behind?: (store: Store) => Store;
  /** What the store holds before the server starts. */
  readonly before?: (store: Store) => Promise<void>;
}

/** A real server on a real socket over a store in a real file, with a clock and timers in the test's hand. */
export class Served {
  readonly store: Store;
  readonly clock: TestClock;
  readonly timers: HandTimers;
  readonly server: RunningServer;
  readonly path: string;
  readonly logs: { level: string; fields: object; message: string }[];
  readonly #folder: { cleanUp: () => void };
  readonly #secrets: string[] = [];
  readonly #answers: string[] = [];

  static async start(options: ServedOptions = {}): Promise<Served> {
    const folder = temporaryFolder();
    const clock = { now: Date.parse(NOON) };
    const path = join(folder.path, 'keyctl.db');
    const { store } = await openStore({ location: path, mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 20 });
    await options.before?.(store);
    const timers = new HandTimers();
    const logs: Served['logs'] = [];
    const log = (level: string) => (fields: object, message: string) => logs.push({ level, fields, message });
    const { onSocket, deps, behind, before: _, ...flags } = options;
    const socket = onSocket === true ? { path: join(folder.path, 'keyctl.sock'), mode: 0o600 } : null;
    try {
      const server = await startServer(
        { ...DEFAULT_SERVE_OPTIONS, port: 0, socket, ...flags },
        {
          store: behind?.(store) ?? store,
          clock: () => clock.now,
          log: { info: log('info'), warn: log('warn'), error: log('error') },
          version: '0.0.0-test',
          nodeRelease: process.versions.node,
          after: timers.after,
          ...deps,
        },
      );
      return new Served({ store, clock, timers, server, path, logs, folder });
    } catch (error) {
      await store.close();
      folder.cleanUp();
      throw error;
    }
  }

  private constructor(parts: {
    store: Store;
    clock: TestClock;
    timers: HandTimers;
    server: RunningServer;
    path: string;
    logs: Served['logs'];
    folder: { cleanUp: () => void };
  }) {
    this.store = parts.store;
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.server = parts.server;
    this.path = parts.path;
    this.logs = parts.logs;
    this.#folder = parts.folder;
  }

  /** Stops the server, closes the store, and looks through all that was answered and logged for a secret. */
  async end(): Promise<void> {
    await this.server.stop();
    await this.store.close();
    const kept = existsSync(this.path) ? readFileSync(this.path) : '';
    this.#folder.cleanUp();
    const told = [...this.#answers, JSON.stringify(this.logs)].join('\n');
    const secrets = new Secrets();
    for (const secret of this.#secrets) {
      secrets.add(secret);
      expect(told).not.toContain(createHash('sha256').update(secret).digest('hex'));
    }
    expect([secrets.findIn(told), secrets.findIn(kept)]).toEqual([[], []]);
  }

  /** Remembers a text that must never be told by the server. */
  secret(text: string): string {
    this.#secrets.push(text);
    return text;
  }

  /** A new key of an account, straight in the store, and its secret. */
  async key(patch: Partial<NewKey> = {}): Promise<{ apiKey: string; key: Key }> {
    return createKey(this.store, patch).then((made) => {
      this.secret(made.apiKey);
      return made;
    });
  }

  /** Where clients connect: a port, or the path of a socket. */
  get target(): { port: number; host: string } | { path: string } {
    const { address } = this.server;
    if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
    const url = new URL(address);
    return { port: Number(url.port), host: url.hostname.replace(/^\[|\]$/g, '') };
  }

  ask(path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
    const target = this.target;
    const where = 'path' in target ? { socketPath: target.path, host: 'localhost' } : target;
    return new Promise((resolve, reject) => {
      const request = httpRequest({ ...where, path, method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, rawHeaders } = response;
          this.#answers.push(JSON.stringify(rawHeaders), text);
          resolve({ status: statusCode, headers: response.headers, rawHeaders, body: text });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** `/verify` with a key, as a proxy would ask. */
  verify(apiKey: string, path = '/verify', headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(path, { headers: { 'X-API-Key': apiKey, ...headers } });
  }

  /** `POST /v1/verify` with anything. */
  question(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('/v1/verify', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  connect(): Wire {
    return new Wire(connect(this.target), (text) => this.#answers.push(text));
  }

  /** Writes bytes and returns all that came back until the server closed the connection. */
  async raw(bytes: string): Promise<string> {
    const wire = this.connect();
    wire.write(bytes);
    return wire.closed();
  }

  /**
   * The same for bytes that are answered, at a server of little patience: on a busy machine it may close a connection before their first
   * has come, without a word. Then they are sent again.
   */
  async rawAnswer(bytes: string): Promise<string> {
    for (;;) {
      const answer = await this.raw(bytes);
      if (answer !== '') return answer;
    }
  }

  async debits(): Promise<readonly Debit[]> {
    return this.store.read((tx) => tx.debits.page({}, null, 1_000));
  }

  /** What an account has spent today. */
  async spent(account = 'default'): Promise<number> {
    return this.store.read(async (tx, now) => {
      const found = await tx.accounts.byName(account);
      const { running } = await tx.credits.spending(found?.ref ?? 0, Math.floor(now / 86_400_000));
      return running?.balance.spent ?? 0;
    });
  }

  /** Lets a second pass, so that the server does what it does each second, and waits until that is done. */
  async second(): Promise<void> {
    this.timers.pass(1_000);
    await settled(() => this.timers.waiting(1_000) > 0);
  }
}

/** A connection whose bytes the test writes itself. */
export class Wire {
  readonly socket: Socket;
  text = '';
  readonly #closed: Promise<string>;

  constructor(socket: Socket, heard: (text: string) => void) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (this.text += chunk));
    this.#closed = new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        heard(this.text);
        resolve(this.text);
      });
    });
  }

  write(bytes: string): void {
    this.socket.write(bytes, 'latin1');
  }

  closed(): Promise<string> {
    return this.#closed;
  }

  /** Waits until so many status lines have come. */
  async answers(count: number): Promise<readonly string[]> {
    await settled(() => this.statuses.length >= count);
    return this.statuses;
  }

  get statuses(): readonly string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1] ?? '');
  }
}

/** Turns the event loop until a condition holds. It waits for an event, not for a time: the test's own limit ends it. */
export async function settled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** A promise and what resolves it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export async function createKey(store: Store, patch: Partial<NewKey> = {}): Promise<{ apiKey: string; key: Key }> {
  const apiKey = mintApiKey('kc', 'prod', randomBytes);
  const key = await store.write(async (tx, now) => {
    const account = await findAccount(tx, 'default');
    return tx.keys.insert({
      ...blankKey(account, apiKey, now, randomBytes),
      name: `key ${newId('key', randomBytes).slice(4, 10)}`,
      environment: 'production',
      ...patch,
    });
  });
  return { apiKey, key };
}

/** An account on a new tier of its own; without a rate the tier has no limit. Returns the account's ref. */
export function createAccount(store: Store, name: string, credits: number, rate: RateLimit | null = null): Promise<number> {
  return store.write(async (tx, now) => {
    await tx.tiers.insert(`tier-of-${name}`, credits, 0);
    await tx.tiers.setLimits(`tier-of-${name}`, new Map(rate === null ? [] : [['*', rate]]));
    const id = newId('acct', randomBytes);
    const account = await tx.accounts.insert({ id, name, externalId: null, createdAt: now, suspendedAt: null }, `tier-of-${name}`);
    return account.ref;
  });
}

export function createService(store: Store, name: string, cost: number, environment: string | null = null): Promise<void> {
  return store.write((tx) => tx.catalogue.insertService({ name, cost, environment }));
}

export function json(answer: Answer): Record<string, unknown> {
  return JSON.parse(answer.body) as Record<string, unknown>;
}

/** A store with some of its methods replaced, for what a real one does only when a disk or a network fails. */
export function replaced(store: Store, methods: Partial<Store>): Store {
  return {
    location: store.location,
    read: (act) => store.read(act),
    write: (act) => store.write(act),
    // What replaces the one kind of write stands for both.
    writeBeside: (act) => (methods.write ?? store.writeBeside.bind(store))(act),
    settle: (requests) => store.settle(requests),
    preview: (requests, at) => store.preview(requests, at),
    close: () => store.close(),
    ...methods,
  };
}
