import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { debitId } from '../../src/domain/debit.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { Clients } from '../crash/clients.ts';
import { Journal } from '../crash/journal.ts';
import { temporaryFolder } from '../harness.ts';
import { temporaryDatabase } from '../postgres/database.ts';
import { LARGE_YEAR, SMALL_YEAR, useForAYear } from '../year-of-usage.ts';
import { AlertReceiver } from './alert-receiver.ts';
import { ask, jsonListOf, jsonOf } from './http-client.ts';
import { Installation } from './installation.ts';
import { startNginxBefore } from './nginx.ts';
import { programPath } from './programs.ts';
import type { RunningProxy } from './proxy.ts';
import { eventually, freePort, type Running } from './running.ts';
import { operate, refusal, toldOf, usedUntil } from './two-sides.ts';
import { startUpstream, type Upstream } from './upstream.ts';

// The way from one file to PostgreSQL that docs/to-postgresql.md describes, after a year of usage, with the real nginx and customers who never
// stop asking.

const IS_LARGE = process.env['KEYCTL_TEST_YEAR'] === 'large';
const FLAGS = ['--nginx', '--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32', '--environment', 'production'];
const CLIENTS = 4;
/** Accounts of the year: those of back ends, which ask keyctl themselves, and one whose customers come through nginx. */
const BACK_ENDS = ['customer-0', 'customer-1', 'customer-2'];
const BEHIND_NGINX = 'customer-3';
const MS_PER_HOUR = 3_600_000;
/** Between an answer and the next request; after a 503 longer, as clients do that read Retry-After. The machine is the mover's meanwhile. */
const REST_MS = 5;
const AFTER_503_MS = 50;
const MANY = 1_000_000;

jest.setTimeout(IS_LARGE ? 3_600_000 : 480_000);

let year: { readonly path: string; readonly cleanUp: () => void };
let secrets: readonly string[];
let home: Installation;
let database: { readonly url: string; readonly cleanUp: () => Promise<void> };
const running: Running[] = [];

/** Where a year of usage is kept, for each test to have a copy of it. */
const kept = (): string => join(year.path, 'year.db');

beforeAll(async () => {
  year = temporaryFolder();
  secrets = await useForAYear(kept(), IS_LARGE ? LARGE_YEAR : SMALL_YEAR);
});

afterAll(() => {
  year.cleanUp();
});

beforeEach(async () => {
  home = new Installation();
  copyFileSync(kept(), home.db);
  database = await temporaryDatabase();
});

afterEach(async () => {
  for (const process_ of running.splice(0)) await process_.stop();
  home.remove();
  await database.cleanUp();
});

async function serve(db: string, at = 0): Promise<Running> {
  const place = new Installation(db);
  const { process } = await place.serve(FLAGS, at);
  place.remove();
  running.push(process);
  return process;
}

const seconds = (from: number, to: number): number => Math.round((to - from) / 100) / 10;

test('a copy of the store, moved to look at beside a running server, tells the same on both sides', async () => {
  const explained = String(jsonOf(await home.run(['view', 'customer-4/key 0', '--json']))['id']);
  await home.run(['alert', 'set', 'http://127.0.0.1:9/', '--out', join(home.folder, 'secret')]);
  await serve(home.db);
  const [copy, same] = [join(home.folder, 'copy.db'), join(home.folder, 'same.db')];
  await home.run(['backup', copy]);
  copyFileSync(copy, same);
  const began = performance.now();
  const report = jsonOf(await operate(copy, ['migrate', '--to', database.url, '--json']));
  process.stdout.write(`moved: ${JSON.stringify({ ...report, store: '', to: '', seconds: seconds(began, performance.now()) })}\n`);
  const what = { explained, at: new Date(Date.now() + MS_PER_HOUR).toISOString() };
  expect(await toldOf(database.url, what)).toEqual(await toldOf(same, what));
  expect(await refusal(copy)).toBe('store_moved');
});

/** Customers who ask through nginx, one request after the other; what they were answered, and when. */
class Customers {
  readonly heard: { readonly status: number; readonly at: number }[] = [];
  #stopped = false;
  readonly #asking: Promise<unknown>;

  constructor(port: number, apiKey: string) {
    const one = async (): Promise<void> => {
      while (!this.#stopped) {
        const { status } = await ask(port, { headers: { 'X-API-Key': apiKey } });
        this.heard.push({ status, at: performance.now() });
        await wait(status === 503 ? AFTER_503_MS : REST_MS);
      }
    };
    this.#asking = Promise.all(Array.from({ length: CLIENTS }, one));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#asking;
  }

  get admitted(): readonly number[] {
    return this.heard.filter(({ status }) => status === 200).map(({ at }) => at);
  }

  /** For how long nobody was let in, at most. */
  get outageSeconds(): number {
    const times = this.admitted;
    return seconds(
      0,
      times.reduce((longest, at, place) => Math.max(longest, at - (times[place - 1] ?? at)), 0),
    );
  }
}

/** A server on a file, then two nodes in its place, before them nginx and the API, and everybody who asks. */
class CutOver {
  readonly journal = new Journal();
  readonly began = Date.now();
  readonly ports: readonly [number, number];
  readonly upstream: Upstream;
  readonly customers: Customers;
  readonly #backEnds = BACK_ENDS.map((account, place) => ({ account, apiKey: secrets[place] ?? '' }));
  readonly #proxy: RunningProxy;
  #asking: { clients: Clients; ended: Promise<void> }[] = [];

  private constructor(ports: readonly [number, number], upstream: Upstream, proxy: RunningProxy, port: number) {
    [this.ports, this.upstream, this.#proxy] = [ports, upstream, proxy];
    this.customers = new Customers(port, secrets[3] ?? '');
  }

  /** nginx knows both places from the start; at one of them the server on the file is. */
  static async begin(): Promise<CutOver> {
    programPath('nginx');
    const [upstream, ports, port] = [await startUpstream(), [await freePort(), await freePort()] as const, await freePort()];
    const proxy = await startNginxBefore([...ports], { folder: home.folder, port, apiPort: upstream.port });
    return new CutOver(ports, upstream, proxy, port);
  }

  /** Back ends ask at a server, until it is gone. */
  askAt(port: number): void {
    const clients = new Clients(port, this.journal, this.#backEnds);
    this.#asking.push({ clients, ended: clients.run(CLIENTS) });
  }

  get admittedAt(): readonly number[] {
    return this.#asking.map(({ clients }) => clients.admitted);
  }

  async rest(): Promise<void> {
    for (const { clients } of this.#asking) clients.stop();
    await Promise.all(this.#asking.splice(0).map(({ ended }) => ended));
  }

  /** Asks again whatever got no answer; how many there were. */
  async repeatUnanswered(port: number): Promise<number> {
    const before = this.journal.repeatable.length;
    await new Clients(port, this.journal, this.#backEnds).repeatUnanswered();
    return before;
  }

  /** A question of a back end with an id of its own. */
  async question(port: number, requestId: string): Promise<Readonly<Record<string, unknown>>> {
    const body = JSON.stringify({ apiKey: secrets[0], requestId });
    return jsonOf((await ask(port, { method: 'POST', path: '/v1/verify', headers: { 'Content-Type': 'application/json' }, body })).body);
  }

  async end(): Promise<void> {
    await this.rest();
    await this.customers.stop();
    await this.#proxy.process.stop();
    await this.upstream.stop();
  }
}

/** All that was debited since an instant. */
async function debitsSince(db: string, since: number) {
  const { store } = await openStore({ location: db, mode: 'read', clock: Date.now, randomBytes, busyTimeoutMs: 5_000 });
  try {
    return await store.read((tx) => tx.debits.page({ since }, null, MANY));
  } finally {
    await store.close();
  }
}

/** Resolves when so many more have been let in. */
function admittedMore(counts: () => readonly number[], more: number): Promise<void> {
  const before = counts();
  return eventually(() => {
    if (counts().some((count, place) => count < (before[place] ?? 0) + more)) throw new Error('nobody is let in');
  });
}

test('the store itself moves under load: some seconds of 503, and no charge is lost or made twice', async () => {
  const here = await CutOver.begin();
  const { ports, customers, journal } = here;
  try {
    const file = await serve(home.db, ports[0]);
    here.askAt(ports[0]);
    await admittedMore(() => [...here.admittedAt, customers.admitted.length], 30);
    const across = await here.question(ports[0], 'across-the-move');
    const stopped = performance.now();
    expect(await file.stop()).toBe(0);
    await here.rest();
    const moving = performance.now();
    const report = jsonOf(await operate(home.db, ['migrate', '--to', database.url, '--json']));
    const starting = performance.now();
    await Promise.all(ports.map((port) => serve(database.url, port)));
    await admittedMore(() => [customers.admitted.length], 1);
    const serving = performance.now();

    for (const port of ports) here.askAt(port);
    const repeated = await here.repeatUnanswered(ports[1]);
    for (const port of ports) {
      expect(await here.question(port, 'across-the-move')).toMatchObject({ code: 'ok', replayed: true, debitId: across['debitId'] });
    }
    await admittedMore(() => [...here.admittedAt, customers.admitted.length], 30);
    await here.rest();
    await customers.stop();

    expect(await refusal(home.db)).toBe('store_moved');
    expect(new Set(customers.heard.map(({ status }) => status))).toEqual(new Set([200, 503]));
    await everyChargeIsThereOnce(here);
    const hour = new Date(Math.floor(here.began / MS_PER_HOUR - 1) * MS_PER_HOUR).toISOString();
    expect(await usedUntil(database.url, hour)).toEqual(await usedUntil(kept(), hour));
    await operate(database.url, ['reset']);
    await operate(database.url, ['doctor']);
    const figures = { rows: report['rows'], debits: report['debits'], outageSeconds: customers.outageSeconds };
    const parts = { stop: seconds(stopped, moving), move: seconds(moving, starting), start: seconds(starting, serving) };
    const asked = { acknowledged: journal.size + customers.admitted.length, repeated };
    process.stdout.write(`cut-over: ${JSON.stringify({ ...figures, ...parts, ...asked })}\n`);
  } finally {
    await here.end();
  }
});

async function everyChargeIsThereOnce({ began, journal, customers, upstream }: CutOver): Promise<void> {
  const debits = await debitsSince(database.url, began);
  const across = debits.filter(({ requestId }) => requestId === 'across-the-move');
  expect(across).toHaveLength(1);
  expect(journal.faults(debits.filter((debit) => BACK_ENDS.includes(debit.account) && !across.includes(debit)))).toEqual([]);
  const passed = upstream.received.map(({ headers }) => headers['x-keyctl-debit-id']);
  const proxied = new Set(debits.filter(({ account }) => account === BEHIND_NGINX).map(({ number }) => debitId(number)));
  expect([passed.length, new Set(passed).size]).toEqual([customers.admitted.length, passed.length]);
  expect(passed.filter((id) => !proxied.has(String(id)))).toEqual([]);
}

test('an alert that nobody has taken before the move is delivered after it', async () => {
  const receiver = await AlertReceiver.start();
  try {
    await home.run(['alert', 'set', receiver.url, '--out', join(home.folder, 'secret')]);
    await home.run(['tier', 'create', 'tiny', '--daily-credits', '1000']);
    await home.run(['account', 'create', 'alerted', '--tier', 'tiny']);
    const file = await serve(home.db);
    await home.run(['charge', '--account', 'alerted', '--requests', '8']);
    const alerts = async (db: string) => jsonListOf(await operate(db, ['alert', 'list', '--json']));
    await eventually(async () => {
      expect(await alerts(home.db)).toMatchObject([{ status: 'waiting', lastResult: 'HTTP 503' }]);
    });
    await file.stop();
    const [waiting] = await alerts(home.db);
    await operate(home.db, ['migrate', '--to', database.url]);
    receiver.isUp = true;
    await serve(database.url);
    await eventually(async () => {
      expect(await alerts(database.url)).toMatchObject([{ id: waiting?.['id'], status: 'delivered' }]);
    });
    expect(receiver.delivered).toEqual([waiting?.['id']]);
  } finally {
    await receiver.stop();
  }
});
