import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Connection } from '../../../src/stores/postgres/connection.ts';
import { firstToTakeWrites } from '../../../src/stores/postgres/hosts.ts';
import { Lineage } from '../../../src/stores/postgres/lineage.ts';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { runSql, temporaryDatabase } from '../../postgres/database.ts';
import { eventually } from '../../system/running.ts';

let url: string;
let cleanUp: () => Promise<void>;

beforeEach(async () => {
  ({ url, cleanUp } = await temporaryDatabase());
});

afterEach(() => cleanUp());

async function enter(at: string): Promise<void> {
  const { store } = await openPostgresStore({ url: at, mode: 'create', clock: null, randomBytes, busyTimeoutMs: 2_000, env: {} });
  await store.close();
}

/** The same URL with other hosts before its own. */
const after = (...hosts: readonly string[]): string => url.replace('@', `@${hosts.map((host) => `${host},`).join('')}`);

/** A host that takes connections and never says a word, as a server does that is frozen. */
class SilentHost {
  readonly connections = new Set<Socket>();
  asked = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => {
      this.asked += 1;
      this.connections.add(socket);
      socket.on('close', () => this.connections.delete(socket)).on('error', () => undefined);
      socket.resume();
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('of several hosts', () => {
  let silent: SilentHost;
  let host: string;

  beforeEach(async () => {
    silent = new SilentHost();
    host = await silent.listen();
  });

  afterEach(() => silent.close());

  test('one that takes connections and says nothing is passed over, and is left alone once another has answered', async () => {
    await enter(after(host));
    expect(silent.asked).toBe(1);
    await eventually(() => {
      expect(silent.connections.size).toBe(0);
    });
  });

  test('the next is asked while one keeps silent, and whoever was not needed is told to go', async () => {
    const hosts = ['silent', 'primary', 'third'].map((name) => ({ host: name, port: 5432 }));
    const asked: string[] = [];
    let gone = '';
    const connection = Object.create(Connection.prototype) as Connection;
    const found = firstToTakeWrites(hosts, (to, unwanted) => {
      asked.push(to.host);
      unwanted.addEventListener('abort', () => (gone = to.host));
      // It never ends by itself: whoever waited for it would wait for ever.
      return to.host === 'silent' ? new Promise(() => undefined) : Promise.resolve(connection);
    });
    expect(await found).toBe(connection);
    expect([asked, gone]).toEqual([['silent', 'primary'], 'silent']);
  });

  test('those that say nothing at all are told as a store that cannot be reached', async () => {
    const other = new SilentHost();
    await expect(enter(`postgres://postgres@${host},${await other.listen()}/keyctl?sslmode=disable`)).rejects.toMatchObject({
      code: 'store_busy',
      message: expect.stringContaining('cannot be reached'),
    });
    await other.close();
  });

  test('one that takes no writes is passed over; where there is no other, it is told', async () => {
    const standby = await temporaryDatabase();
    await runSql(standby.url, `ALTER DATABASE ${standby.name} SET default_transaction_read_only = on`);
    await expect(enter(standby.url)).rejects.toMatchObject({ code: 'store_busy', message: expect.stringContaining('takes no writes') });
    await standby.cleanUp();
  });

  test('one that refuses the user is told at once: the others would too', async () => {
    await runSql(url, 'DO $$ BEGIN CREATE ROLE with_password LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$');
    const port = new URL(url).port;
    const at = `postgres://with_password@127.0.0.1:${port},${host}/postgres?sslmode=disable`;
    await expect(enter(at)).rejects.toMatchObject({ code: 'store_read_only', message: expect.stringContaining('refuses the user') });
    expect(silent.asked).toBe(0);
  });
});

describe('who has seen a primary', () => {
  const former = { cluster: '7', timeline: 3 };
  const present = { cluster: '7', timeline: 4 };

  test('does not go back to the one before it, which may take writes again', () => {
    const lineage = new Lineage();
    lineage.check(former);
    lineage.check(present);
    expect(() => {
      lineage.check(former);
    }).toThrow(expect.objectContaining({ code: 'ERR_KEYCTL_FORMER_PRIMARY' }));
    lineage.check(present);
  });

  test('takes a new cluster for what it is, and a server that does not say for any', () => {
    const lineage = new Lineage();
    lineage.check(present);
    lineage.check({ cluster: '8', timeline: 1 });
    lineage.check(null);
  });
});
