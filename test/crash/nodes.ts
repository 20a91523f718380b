import { randomBytes } from 'node:crypto';
import { openStore } from '../../src/stores/open-store.ts';
import { createAccount, createKey } from '../http/served.ts';
import { proveBooks } from '../proved-books.ts';
import { Installation } from '../system/installation.ts';
import { eventually, type Running } from '../system/running.ts';
import { Clients, type Customer } from './clients.ts';
import { Journal } from './journal.ts';

const ACCOUNTS = ['one', 'two', 'three'];
const CLIENTS_PER_NODE = 4;

interface Node {
  process: Running;
  port: number;
  clients: Clients;
  /** Ends with its clients: when the node is gone, or they were told to stop. */
  asking: Promise<void>;
}

/** Several nodes over one PostgreSQL, clients that ask them, and the journal of what these have heard. */
export class LoadedNodes {
  readonly journal = new Journal();
  readonly #installation: Installation;
  readonly #customers: readonly Customer[];
  readonly #nodes: Node[] = [];

  private constructor(url: string, customers: readonly Customer[]) {
    this.#installation = new Installation(url);
    this.#customers = customers;
  }

  static async start(url: string, count: number): Promise<LoadedNodes> {
    const { store } = await openStore({ location: url, mode: 'create', clock: Date.now, randomBytes, busyTimeoutMs: 10_000 });
    const customers: Customer[] = [];
    for (const account of ACCOUNTS) {
      const accountRef = await createAccount(store, account, 1e12);
      customers.push({ account, apiKey: (await createKey(store, { accountRef, name: 'main' })).apiKey });
    }
    await store.close();
    const nodes = new LoadedNodes(url, customers);
    for (let node = 0; node < count; node += 1) nodes.#nodes.push(await nodes.#startOne());
    return nodes;
  }

  async #startOne(): Promise<Node> {
    const { process, port } = await this.#installation.serve([]);
    return { process, port, clients: this.#newClients(port), asking: Promise.resolve() };
  }

  #newClients(port: number): Clients {
    return new Clients(port, this.journal, this.#customers);
  }

  get size(): number {
    return this.#nodes.length;
  }

  node(place: number): Node {
    const node = this.#nodes[place % this.#nodes.length];
    if (node === undefined) throw new RangeError('no node was started');
    return node;
  }

  /** The clients of every node ask on and on. */
  load(): void {
    for (const node of this.#nodes) {
      node.clients = this.#newClients(node.port);
      node.asking = node.clients.run(CLIENTS_PER_NODE);
    }
  }

  async rest(): Promise<void> {
    for (const { clients } of this.#nodes) clients.stop();
    await Promise.all(this.#nodes.map(({ asking }) => asking));
  }

  async kill(place: number): Promise<void> {
    const node = this.node(place);
    node.process.signal('SIGKILL');
    await node.process.stop();
    await node.asking;
  }

  /** Another takes the place of one that was killed. */
  async replace(place: number): Promise<void> {
    this.#nodes[place % this.#nodes.length] = await this.#startOne();
  }

  /** Resolves, for each node, after how many milliseconds a charge was acknowledged again. The clients have to be asking. */
  untilAdmitted(): Promise<readonly number[]> {
    const began = performance.now();
    return Promise.all(
      this.#nodes.map(async ({ clients }) => {
        const before = clients.admitted;
        await eventually(() => {
          if (clients.admitted === before) throw new Error('a node does not admit again');
        }, 5);
        return Math.round(performance.now() - began);
      }),
    );
  }

  /** Asks again whatever got no answer, as the clients would; returns how many there were. */
  async repeatUnanswered(place: number): Promise<number> {
    const before = this.journal.repeatable.length;
    await eventually(async () => {
      await this.#newClients(this.node(place).port).repeatUnanswered();
      if (this.journal.repeatable.length > 0) throw new Error('what got no answer gets none again');
    });
    return before;
  }

  /** What does not hold of the store, by its own books and by what the clients have heard. */
  async faults(): Promise<readonly string[]> {
    const { faults, debits } = await proveBooks(this.#installation.db);
    return [...faults, ...this.journal.faults(debits)];
  }

  /** Runs a command of the shell over the same store. */
  run(args: readonly string[]): Promise<string> {
    return this.#installation.run(args);
  }

  async end(): Promise<void> {
    await this.rest();
    for (const { process } of this.#nodes) await process.stop();
    this.#installation.remove();
  }
}
