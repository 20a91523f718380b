import type { DenialTally } from '../domain/denial-tally.ts';
import { SIGN_EVERY_MS } from '../domain/servers.ts';
import type { Store } from '../domain/store.ts';
import { flushUsage } from '../operations/flush-usage.ts';
import type { ServedActs } from '../operations/served-acts.ts';
import type { ServerIdentity } from '../operations/server-signs.ts';
import { readCatalogue, type Catalogue } from './catalogue.ts';
import type { After, Logger } from './options.ts';
import { Outage } from './outage.ts';

const INTERVAL_MS = 1_000;
/** 100,000 accounts a second; what is left over waits for the next one. */
const MOST_WRITES_EACH_TIME = 200;
const MOST_WRITES_AT_THE_END = 10_000;
/** Whoever settles folds along the way; only what has waited longer, since nothing came after it, is left to be folded here. */
const FOLDED_ALONG_MS = 8_000;

export interface HousekeepingDeps {
  readonly store: Store;
  readonly acts: ServedActs;
  readonly tally: DenialTally;
  readonly after: After;
  readonly log: Logger;
  readonly refreshed: (catalogue: Catalogue) => void;
  /** Who gives signs of being there, or null. */
  readonly server: ServerIdentity | null;
}

/** What the server does each second beside answering: it reads the catalogue anew, stores denials and folds usage, and now and then gives a sign. */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;
  readonly #outage: Outage;
  #cancel: () => void = () => undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  #rounds = 0;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
    this.#outage = new Outage(deps.log, {
      down: 'usage and denials cannot be stored; they are kept in memory',
      up: 'usage and denials are stored again',
    });
  }

  /** Signs in before anybody is told that the server listens. Where the store cannot be written just now, the first round does it. */
  async begin(): Promise<void> {
    await this.#sign().catch(() => undefined);
    this.start();
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#deps.after(INTERVAL_MS, () => {
      this.#round = this.#work(MOST_WRITES_EACH_TIME).then(() => {
        this.start();
      });
    });
  }

  /** Stores what is left and resolves, also when it cannot be stored: the debits themselves are safe, and the next reader finds them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#round;
    await this.#work(MOST_WRITES_AT_THE_END);
    const { acts, server } = this.#deps;
    // Where the store cannot be written, the sign grows old by itself.
    if (server !== null) await acts.leave(server.id).catch(() => undefined);
  }

  async #sign(): Promise<void> {
    const { acts, server } = this.#deps;
    const isDue = this.#rounds % (SIGN_EVERY_MS / INTERVAL_MS) === 0;
    if (server !== null && isDue) await acts.sign(server);
    this.#rounds += 1;
  }

  async #work(mostWrites: number): Promise<void> {
    const { store, acts, tally, refreshed } = this.#deps;
    try {
      if (!this.#stopped) refreshed(await readCatalogue(store));
      await flushUsage(acts, tally, mostWrites, this.#stopped ? 0 : FOLDED_ALONG_MS);
      if (!this.#stopped) await this.#sign();
      this.#outage.works();
    } catch (error) {
      this.#outage.failed(error);
    }
  }
}
