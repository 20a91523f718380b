import { setTimeout as wait } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import type { Store } from '../../src/domain/store.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { keyctl } from '../harness.ts';
import { createAccount, createKey } from '../http/served.ts';
import { proveBooks } from '../proved-books.ts';
import { ask } from '../system/http-client.ts';
import { Installation } from '../system/installation.ts';
import { Clients, type Customer } from './clients.ts';
import { Journal } from './journal.ts';
import { actsOf, perform, type Act } from './shell.ts';

const ACCOUNTS = ['one', 'two', 'three', 'shell', 'turning', 'door'];
const ASKING = 3;
const CLIENTS = 6;
/** A round ends somewhere within so many milliseconds; one in eight goes on until the server has done what it does each second. */
const ROUND_MS = 220;
const LONG_ROUND_MS = 1_600;
const LONG_ROUNDS = 8;
/** A store is left for a new one after so many kills: the proof reads every debit again each time. */
const KILLS_PER_STORE = 50;

export interface Figures {
  kills: number;
  shellKills: number;
  acknowledged: number;
  repeated: number;
  readonly faults: string[];
}

/** Whole numbers below `most`, the same for the same seed. */
export function numbers(seed: number): (most: number) => number {
  let state = seed >>> 0;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

/** The clock of every process that is started. */
export interface CrashClock {
  readonly env: Readonly<Record<string, string>>;
  /** What it says now; asked before the first process is started. */
  now(): number;
  /** Told at the beginning of each round's load. */
  begin(random: (most: number) => number): void;
}

const OF_THE_HOST = (): CrashClock => ({ env: {}, now: Date.now, begin: () => undefined });

export interface Crashes {
  readonly kills: number;
  readonly seed: number;
  /** By the stopwatch of this process. */
  readonly deadline?: number;
  readonly clockIn?: (folder: string) => CrashClock;
}

/** Starts, loads and kills servers, on a new store every now and then, until there were so many kills or a fault. */
export async function crashLoop({ kills, seed, deadline = Infinity, clockIn = OF_THE_HOST }: Crashes): Promise<Figures> {
  const figures: Figures = { kills: 0, shellKills: 0, acknowledged: 0, repeated: 0, faults: [] };
  const random = numbers(seed);
  const goesOn = (): boolean => figures.kills < kills && figures.faults.length === 0 && performance.now() < deadline;
  while (goesOn()) {
    const store = await CrashedStore.make(random, figures, clockIn);
    try {
      for (let round = 0; round < KILLS_PER_STORE && goesOn(); round += 1) await store.round(round);
      await store.closeDays();
    } finally {
      store.remove();
    }
  }
  return figures;
}

/** One store on which one server after the other dies. */
class CrashedStore {
  readonly #installation = new Installation();
  readonly #journal = new Journal();
  /** Whether the door's key was left disabled; null when nobody knows. */
  readonly #doors: { closed: boolean | null } = { closed: false };
  readonly #random: (most: number) => number;
  readonly #figures: Figures;
  readonly #acts: readonly Act[];
  readonly #clock: CrashClock;
  #customers: readonly Customer[] = [];
  #hasDoctor = false;

  constructor(random: (most: number) => number, figures: Figures, clockIn: (folder: string) => CrashClock) {
    this.#random = random;
    this.#figures = figures;
    this.#clock = clockIn(this.#installation.folder);
    this.#installation.env = this.#clock.env;
    this.#acts = actsOf(this.#journal, this.#doors);
  }

  static async make(...parts: ConstructorParameters<typeof CrashedStore>): Promise<CrashedStore> {
    const made = new CrashedStore(...parts);
    await made.#prepare();
    return made;
  }

  async #prepare(): Promise<void> {
    const { db } = this.#installation;
    const { store } = await openStore({ location: db, mode: 'create', clock: () => this.#clock.now(), randomBytes, busyTimeoutMs: 10_000 });
    const customers: Customer[] = [];
    for (const account of ACCOUNTS) customers.push({ account, apiKey: await customer(store, account) });
    this.#customers = customers;
    await store.close();
    this.#hasDoctor = (await keyctl(['doctor', '--json'], { db, env: this.#clock.env })).code !== 2;
  }

  /** A server, clients and an operator; then kill -9 for whoever is still there, and the proof. */
  async round(round: number): Promise<void> {
    const { process: server, port } = await this.#installation.serve([]);
    const clients = new Clients(port, this.#journal, this.#customers.slice(0, ASKING));
    const before = this.#journal.repeatable.length;
    await clients.repeatUnanswered();
    this.#figures.repeated += before - this.#journal.repeatable.length;
    await this.#knock(port);
    this.#clock.begin(this.#random);
    const act = this.#acts[round % this.#acts.length];
    const beside = act === undefined ? null : perform(this.#installation, act);
    const running = clients.run(CLIENTS);
    // The kill comes at a time of its own, whatever has been answered by then.
    await wait(5 + this.#random(round % LONG_ROUNDS === LONG_ROUNDS - 1 ? LONG_ROUND_MS : ROUND_MS));
    server.signal('SIGKILL');
    this.#figures.kills += 1;
    await server.stop();
    clients.stop();
    await running;
    if (this.#random(2) === 0) {
      beside?.kill();
      this.#figures.shellKills += 1;
    }
    await beside?.ended;
    await this.#prove(round, act?.name ?? 'nothing');
  }

  /** Who disabled a key and heard so has closed the door, however many crashes came since. */
  async #knock(port: number): Promise<void> {
    const { closed } = this.#doors;
    if (closed === null) return;
    const secret = this.#customers.find(({ account }) => account === 'door')?.apiKey ?? '';
    const body = JSON.stringify({ apiKey: secret, dryRun: true });
    const answer = await ask(port, { method: 'POST', path: '/v1/verify', headers: { 'Content-Type': 'application/json' }, body });
    const { code } = JSON.parse(answer.body) as { code: string };
    if (code !== (closed ? 'api_key_disabled' : 'ok')) this.#figures.faults.push(`the door was left ${String(closed)} and is ${code}`);
  }

  async #prove(round: number, act: string): Promise<void> {
    const { faults, debits } = await proveBooks(this.#installation.db);
    const all = [...faults, ...this.#journal.faults(debits)];
    if (this.#hasDoctor && round % 5 === 4) {
      const { code, stdout } = await keyctl(['doctor', '--json'], { db: this.#installation.db, env: this.#clock.env });
      if (code !== 0) all.push(`doctor exited ${String(code)}: ${stdout}`);
    }
    this.#figures.faults.push(...all.map((fault) => `round ${String(round)} beside ${act}: ${fault}`));
  }

  /** Every day that is past is closed, which proves its books once more. */
  async closeDays(): Promise<void> {
    this.#figures.acknowledged += this.#journal.size;
    const { code, stderr } = await keyctl(['reset', '--json'], { db: this.#installation.db, env: this.#clock.env });
    if (code !== 0) this.#figures.faults.push(`reset exited ${String(code)}: ${stderr}`);
    const { faults } = await proveBooks(this.#installation.db);
    this.#figures.faults.push(...faults);
  }

  remove(): void {
    this.#installation.remove();
  }
}

async function customer(store: Store, name: string): Promise<string> {
  const accountRef = await createAccount(store, name, 1e12);
  return (await createKey(store, { accountRef, name: 'main' })).apiKey;
}
