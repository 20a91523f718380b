import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { openPostgresStore } from '../../src/stores/postgres/store.ts';
import { createAccount, createKey } from '../http/served.ts';
import { temporaryDatabase } from '../postgres/database.ts';
import { chargeByShell } from '../race/races.ts';
import { requestBy } from '../stores/contract.ts';
import { Cluster, atOnce, counts } from './cluster.ts';

// Several nodes over one PostgreSQL, each with as many clients as the others, all of them at once.

const CLIENTS_PER_NODE = 8;

describe.each([2, 4])('%d nodes', (size) => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = new Cluster(await temporaryDatabase());
    await cluster.prepare(() => Promise.resolve());
    await cluster.start(size);
  });

  afterAll(() => cluster.end());

  const everyClient = <Result>(act: (turn: number) => Promise<Result>) => atOnce(size * CLIENTS_PER_NODE, act);

  /** Each client asks with the keys in a turn of its own, until it has been denied with every one of them; how often each was admitted. */
  async function spend(keys: readonly string[]): Promise<readonly number[]> {
    const admitted = keys.map(() => 0);
    await everyClient(async (client) => {
      const left = new Set(keys.keys());
      for (let turn = client; left.size > 0; turn += 1) {
        const which = [...left][turn % left.size] ?? 0;
        const { code } = await cluster.verify(client, keys[which] ?? '');
        if (code === 'ok') admitted[which] = (admitted[which] ?? 0) + 1;
        else left.delete(which);
        if (code !== 'ok') expect(code).toBe('insufficient_credits');
      }
    });
    return admitted;
  }

  test('spend of one account exactly what it has, beside shells that charge it', async () => {
    const apiKey = await cluster.customer('hot', 60_050);
    const [[asked = 0], ...charged] = await Promise.all([
      spend([apiKey]),
      ...[1, 2].map(() => chargeByShell(cluster.installation, 'hot', 75)),
    ]);
    expect(asked + charged.reduce((sum, accepted) => sum + accepted, 0)).toBe(600);
    expect(await cluster.credits('hot')).toMatchObject({ granted: 60_050, spent: 60_000, remaining: 50 });
  });

  test('spend of each of many accounts exactly what it has', async () => {
    const keys = await cluster.prepare(async (store) => {
      const made: string[] = [];
      for (let index = 0; index < 30; index += 1) {
        const accountRef = await createAccount(store, `spread-${String(index)}`, 750);
        made.push((await createKey(store, { accountRef })).apiKey);
      }
      return made;
    });
    expect(await spend(keys)).toEqual(keys.map(() => 7));
    const books = (await cluster.jsonList('account', 'list')).filter(({ name }) => String(name).startsWith('spread-'));
    expect(books.map(({ credits }) => credits)).toEqual(keys.map(() => expect.objectContaining({ spent: 700, remaining: 50 })));
  });

  test('spend of a key exactly its daily cap', async () => {
    const { apiKey } = await cluster.prepare(async (store) => {
      return createKey(store, { accountRef: await createAccount(store, 'capped', 1e9), dailyCap: 1_250 });
    });
    expect(await spend([apiKey])).toEqual([12]);
  });

  test('charge one request once, whichever of them it is repeated at', async () => {
    const apiKey = await cluster.customer('repeated', 1e9);
    const ids = Array.from({ length: 8 }, (_, index) => `order-${String(index)}`);
    for (const requestId of ids) {
      const verdicts = await everyClient((client) => cluster.question(client, { apiKey, requestId }));
      expect(counts(verdicts.map(({ code }) => code))).toEqual({ ok: verdicts.length });
      expect(new Set(verdicts.map(({ debitId }) => debitId)).size).toBe(1);
      expect(verdicts.filter(({ replayed }) => replayed === false)).toHaveLength(1);
    }
    expect(await cluster.credits('repeated')).toMatchObject({ spent: 100 * ids.length });
  });

  test('deny a key from the next request on, all of them, at full load', async () => {
    const apiKey = await cluster.customer('closing', 1e9);
    let stopped = false;
    // One who is not answered ends the load, and with it the test.
    const load = everyClient(async (client) => {
      while (!stopped) await cluster.verify(client, apiKey);
    });
    const everywhere = async (): Promise<unknown> =>
      counts((await atOnce(size, (turn) => cluster.verify(turn, apiKey))).map(({ code }) => code));
    for (let round = 0; round < 3; round += 1) {
      await cluster.installation.run(['disable', 'closing/main']);
      expect(await everywhere()).toEqual({ api_key_disabled: size });
      await cluster.installation.run(['enable', 'closing/main']);
      expect(await everywhere()).toEqual({ ok: size });
    }
    stopped = true;
    await load;
  });
});

test('a reset that all nodes start at once does its work once', async () => {
  const place = await temporaryDatabase();
  const cluster = new Cluster(place);
  const clock = { now: Date.now() - 3 * MS_PER_DAY };
  const { store } = await openPostgresStore({
    url: place.url,
    mode: 'create',
    clock: () => clock.now,
    randomBytes,
    busyTimeoutMs: 10_000,
    env: {},
  });
  try {
    const accountRef = await createAccount(store, 'acme', 1_000);
    const key = await createKey(store, { accountRef });
    for (let day = 0; day < 3; day += 1) {
      const verdicts = await store.settle(Array.from({ length: 4 + day }, () => requestBy(key)));
      expect(verdicts.every(({ code }) => code === 'ok')).toBe(true);
      clock.now += MS_PER_DAY;
    }
    const reports = await atOnce(4, () => cluster.json('reset'));
    const sum = (field: string): number => reports.reduce((total, report) => total + Number(report[field]), 0);
    expect(sum('daysClosed')).toBe(3);
    const usage = await cluster.json('usage', '--by', 'day', '--since', '5d');
    expect(usage['total']).toMatchObject({ requests: 15, credits: 1_500 });
    expect((await cluster.json('reset'))['alreadyDone']).toBe(true);
  } finally {
    await store.close();
    await cluster.end();
  }
});
