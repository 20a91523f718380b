import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import Database from 'better-sqlite3';
import type { Key } from '../../src/domain/entities.ts';
import type { RateLimit } from '../../src/domain/rate-limit.ts';
import type { NewKey, Store } from '../../src/domain/store.ts';
import type { Debit } from '../../src/domain/traffic.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { BINARY, temporaryFolder } from '../harness.ts';
import { createAccount, createKey } from '../http/served.ts';
import { invocations, page, recipeAsPage } from '../markdown.ts';
import { start, type Running } from '../system/running.ts';

export interface Holder {
  readonly account: string;
  readonly apiKey: string;
  readonly key: Key;
}

/** A store, and the real `keyctl serve` over it as a process of its own, started as a recipe says that it has to be. */
export class Counterpart {
  readonly store: Store;
  readonly port: number;
  readonly #process: Running;
  readonly #secrets: string[] = [];
  readonly #cleanUp: () => void;

  /** `recipe` is the path of the file whose comment has the one `keyctl serve` line; `more` are flags beside those. */
  static async start(recipe: string, more: readonly string[] = []): Promise<Counterpart> {
    const folder = temporaryFolder();
    const location = join(folder.path, 'keyctl.db');
    const { store } = await openStore({ location, mode: 'create', clock: () => Date.now(), randomBytes, busyTimeoutMs: 2_000 });
    const process_ = start(process.execPath, [BINARY, 'serve', '--port', '0', ...flagsIn(recipe), ...more], { KEYCTL_DB: location });
    const [, port] = await process_.said(/http:\/\/127\.0\.0\.1:(\d+)/);
    return new Counterpart(store, process_, Number(port), folder.cleanUp);
  }

  private constructor(store: Store, process_: Running, port: number, cleanUp: () => void) {
    this.store = store;
    this.#process = process_;
    this.port = port;
    this.#cleanUp = cleanUp;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** An account with so many credits a day and one production key; without `rate` it has no rate limit. */
  async holder(account: string, credits = 1_000_000, { rate, ...patch }: Partial<NewKey> & { rate?: RateLimit } = {}): Promise<Holder> {
    const accountRef = await createAccount(this.store, account, credits, rate);
    const { apiKey, key } = await createKey(this.store, { accountRef, ...patch });
    this.#secrets.push(apiKey);
    return { account, apiKey, key };
  }

  async debits(account?: string): Promise<readonly Debit[]> {
    const all = await this.store.read((tx) => tx.debits.page({}, null, 1_000));
    return account === undefined ? all : all.filter((debit) => debit.account === account);
  }

  /** Ends the process; nobody listens at its port any more. */
  async down(): Promise<void> {
    await this.#process.stop();
  }

  /** Does something while another process holds the store's write lock. */
  async locked<Value>(act: () => Promise<Value>): Promise<Value> {
    const other = new Database(this.store.location);
    try {
      other.exec('BEGIN IMMEDIATE');
      return await act();
    } finally {
      other.close();
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** Ends everything, and looks through all that the process wrote for a secret. */
  async end(): Promise<void> {
    await this.#process.stop();
    await this.store.close();
    this.#cleanUp();
    for (const secret of this.#secrets) expect(this.#process.output()).not.toContain(secret);
  }
}

/** The flags of the one `keyctl serve` that a recipe's comment shows. */
function flagsIn(recipe: string): readonly string[] {
  const shown = invocations(recipeAsPage(page(recipe).replaceAll(/^\/\//gm, '#'))).filter((line) => line.startsWith('keyctl serve'));
  const [line, second] = shown;
  if (line === undefined || second !== undefined) throw new Error(`${recipe} should show keyctl serve once`);
  return line.split(' ').slice(2);
}
