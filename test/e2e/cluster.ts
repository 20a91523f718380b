import { randomBytes } from 'node:crypto';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { RateLimit } from '../../src/domain/rate-limit.ts';
import type { Store } from '../../src/domain/store.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { createAccount, createKey } from '../http/served.ts';
import { Installation } from '../system/installation.ts';
import { jsonListOf, jsonOf } from '../system/http-client.ts';
import type { Running } from '../system/running.ts';

export interface Answer {
  readonly status: number;
  readonly code: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

interface Node {
  readonly process: Running;
  readonly port: number;
}

type Json = Readonly<Record<string, unknown>>;

interface Place {
  readonly url: string;
  readonly cleanUp: () => Promise<void>;
}

let elsewhere: (() => Promise<Place>) | null = null;

/** From now on the clusters of this file of tests have their stores there, so that the cases of another file can be run over them. */
export function clustersElsewhere(makePlace: () => Promise<Place>): void {
  elsewhere = makePlace;
}

/** Over a database everything takes longer: there a case is repeated a fifth as often. */
const LESS_OFTEN = 5;

/** How often a case that finds more the more often it runs is repeated, where it would be so often over a file. */
export function timesHere(overFile: number): number {
  return elsewhere === null ? overFile : Math.ceil(overFile / LESS_OFTEN);
}

/** Several real `keyctl serve` processes on one store, and a client that keeps its connections. */
export class Cluster {
  readonly installation: Installation;
  readonly #place: Place | null;
  readonly #nodes: Node[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** Without a place the store is in a real file. */
  constructor(place: Place | null = null) {
    this.#place = place;
    this.installation = new Installation(place?.url);
  }

  /** One whose store is where the stores of this file of tests are. */
  static async make(): Promise<Cluster> {
    return new Cluster((await elsewhere?.()) ?? null);
  }

  /** What the store has to hold for a test to begin: written here, since a process for each row takes its time. */
  async prepare<Result>(act: (store: Store) => Promise<Result>): Promise<Result> {
    const { store } = await openStore({
      location: this.installation.db,
      mode: 'create',
      clock: Date.now,
      randomBytes,
      busyTimeoutMs: 20_000,
    });
    try {
      return await act(store);
    } finally {
      await store.close();
    }
  }

  /** An account with a tier of its own, and the secret of its key `main`. Without a rate it has no limit. */
  customer(name: string, credits: number, rate: RateLimit | null = null): Promise<string> {
    return this.prepare(async (store) => {
      const accountRef = await createAccount(store, name, credits, rate);
      return (await createKey(store, { accountRef, name: 'main' })).apiKey;
    });
  }

  /** Starts so many servers with the same flags. */
  async start(count: number, args: readonly string[] = []): Promise<void> {
    for (let node = 0; node < count; node += 1) this.#nodes.push(await this.installation.serve(args));
  }

  async end(): Promise<void> {
    this.#agent.destroy();
    for (const { process } of this.#nodes.splice(0)) await process.stop();
    this.installation.remove();
    await this.#place?.cleanUp();
  }

  get size(): number {
    return this.#nodes.length;
  }

  /** The server that takes a client's n-th request: they take turns. */
  node(turn: number): Node {
    const node = this.#nodes[turn % this.#nodes.length];
    if (node === undefined) throw new RangeError('no server was started');
    return node;
  }

  /** One request to the server whose turn it is. Rejects if the connection ends without an answer. */
  ask(turn: number, path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = this.node(turn);
      const req = request({ host: '127.0.0.1', port, path, method, headers, agent: this.#agent }, (res) => {
        let text = '';
        res.on('data', (chunk) => (text += String(chunk)));
        res.on('error', reject);
        res.on('end', () => {
          resolve({ status: res.statusCode ?? 0, code: String(res.headers['x-keyctl-code']), headers: res.headers, body: text });
        });
      });
      req.on('error', reject);
      req.end(body);
    });
  }

  /** As `ask`, and again as long as the answer is 503, as a client does: on a machine that is short of time the store may be busy. */
  async insist(turn: number, path: string, what: Ask): Promise<Answer> {
    for (;;) {
      const answer = await this.ask(turn, path, what);
      if (answer.status !== 503) return answer;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  verify(turn: number, apiKey: string, headers: Record<string, string> = {}, path = '/verify'): Promise<Answer> {
    return this.insist(turn, path, { headers: { 'X-API-Key': apiKey, ...headers } });
  }

  /** `POST /v1/verify`; the verdict. */
  async question(turn: number, body: object): Promise<Json> {
    const headers = { 'Content-Type': 'application/json' };
    return jsonOf((await this.insist(turn, '/v1/verify', { method: 'POST', headers, body: JSON.stringify(body) })).body);
  }

  refund(turn: number, debitId: string): Promise<Answer> {
    return this.insist(turn, `/v1/debits/${debitId}/refund`, { method: 'POST' });
  }

  async json(...args: readonly string[]): Promise<Json> {
    return jsonOf(await this.installation.run([...args, '--json']));
  }

  async jsonList(...args: readonly string[]): Promise<readonly Json[]> {
    return jsonListOf(await this.installation.run([...args, '--json']));
  }

  /** The credits of an account as its books have them. */
  async credits(account: string): Promise<Json> {
    return (await this.json('account', 'view', account))['credits'] as Json;
  }
}

/** Runs `act` so many times at once and returns what came of all of them, in order. */
export function atOnce<Result>(count: number, act: (turn: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, turn) => act(turn)));
}

/** How often each value occurs. */
export function counts(values: readonly unknown[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const value of values) found[String(value)] = (found[String(value)] ?? 0) + 1;
  return found;
}
