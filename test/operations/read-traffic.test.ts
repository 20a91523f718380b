import { describe, expect, test } from '@jest/globals';
import type { CountedDenial, Debit, Denial, Store } from '../../src/domain/store.ts';
import { MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import {
  countTraffic,
  DEBITS,
  DENIALS,
  followTraffic,
  readTraffic,
  trafficFilter,
  type WantedTraffic,
} from '../../src/operations/read-traffic.ts';
import { addAccount, charge, failureOf, memoryStore } from './account-fixture.ts';
import { makeKey, spend, words } from './key-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

function noon() {
  return memoryStore(new Date(NOON).toISOString());
}

async function collected<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function debits(store: Store, wanted: Partial<WantedTraffic> = {}, most = Infinity): Promise<Debit[]> {
  const filter = await trafficFilter(store, { account: undefined, key: undefined, ...wanted });
  return collected(readTraffic(store, DEBITS, filter, most));
}

async function denials(store: Store, wanted: Partial<WantedTraffic> = {}, most = Infinity): Promise<Denial[]> {
  const filter = await trafficFilter(store, { account: undefined, key: undefined, ...wanted });
  return collected(readTraffic(store, DENIALS, filter, most));
}

function deny(store: Store, at: number, denial: Partial<CountedDenial> = {}): Promise<void> {
  const blank = { keyId: null, account: null, service: 'default', ip: null, requestId: null, count: 1 };
  return store.write((tx) => tx.usage.addDenials([{ at, code: 'invalid_api_key', ...blank, ...denial }]));
}

describe('debits', () => {
  test('come newest first, over the borders of pages, each once', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 400);
    clock.now += 1;
    await charge(store, 'default', 600);
    const all = await debits(store);
    expect(all).toHaveLength(1_000);
    expect(all.map((debit) => debit.balanceAfter)).toEqual(Array.from({ length: 1_000 }, (_, index) => index * 100));
    expect(await debits(store, {}, 501)).toEqual(all.slice(0, 501));
    expect(await countTraffic(store, DEBITS, {})).toBe(1_000);
  });

  test('can be narrowed to an account, a key, a time and a request id', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    const { apiKey, key } = await makeKey(store, 'prod');
    await charge(store, 'acme', 1);
    await spend(store, apiKey, 2);
    clock.now = NOON + MS_PER_HOUR;
    await charge(store, 'default', 3);
    expect(await debits(store, { account: 'acme' })).toHaveLength(1);
    expect(await debits(store, { key: words('prod') })).toMatchObject([{ keyId: key.id }, { keyId: key.id }]);
    expect(await debits(store, { since: NOON + 1 })).toHaveLength(3);
    expect(await debits(store, { until: NOON + MS_PER_HOUR })).toHaveLength(3);
    expect(await debits(store, { since: NOON, until: NOON + 1 })).toHaveLength(3);
    expect(await debits(store, { requestId: 'nothing' })).toEqual([]);
    expect(await failureOf(debits(store, { account: 'nobody' }))).toBe('not_found');
  });

  test('of a clock that stepped back are found by their own time', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 1);
    clock.now = NOON - MS_PER_HOUR;
    await charge(store, 'default', 2);
    expect(await debits(store, { until: NOON })).toHaveLength(2);
    expect(await debits(store, { since: NOON })).toHaveLength(1);
  });

  test('are followed oldest first: the last ones, then each as it comes, and nothing after the stop', async () => {
    const { store } = await noon();
    await charge(store, 'default', 20);
    const rounds = [3, 0, 2];
    const pause = async (): Promise<boolean> => {
      const count = rounds.shift();
      if (count === undefined) return false;
      await charge(store, 'default', count);
      return true;
    };
    const seen = await collected(followTraffic(store, DEBITS, {}, 4, pause));
    expect(seen.map((debit) => debit.balanceAfter)).toEqual([98_300, 98_200, 98_100, 98_000, 97_900, 97_800, 97_700, 97_600, 97_500]);
    const since = await collected(followTraffic(store, DEBITS, { since: NOON }, 4, () => Promise.resolve(false)));
    expect(since).toHaveLength(25);
  });
});

describe('denials', () => {
  test('come newest first by their time, whenever they were stored, over the borders of pages', async () => {
    const { store } = await noon();
    for (let index = 0; index < 700; index += 1) await deny(store, NOON + ((index * 11) % 700), { requestId: `r${String(index)}` });
    const all = await denials(store);
    expect(all.map((denial) => denial.at - NOON)).toEqual(Array.from({ length: 700 }, (_, index) => 699 - index));
    expect(await denials(store, {}, 520)).toHaveLength(520);
  });

  test('can be narrowed to a code and a request id, and have their true counts', async () => {
    const { store } = await noon();
    await deny(store, NOON, { count: 12 });
    await deny(store, NOON, { code: 'request_limit_reached', account: 'default', requestId: 'one', count: 3 });
    expect(await denials(store, { code: 'invalid_api_key' })).toMatchObject([{ count: 12, account: null }]);
    expect(await denials(store, { requestId: 'one' })).toMatchObject([{ count: 3, account: 'default' }]);
    expect(await countTraffic(store, DENIALS, { code: 'ip_not_allowed' })).toBe(0);
  });

  test('are followed as they are stored: one that another server stores late is not missed, and none comes twice', async () => {
    const { store } = await noon();
    await deny(store, NOON + 50, { requestId: 'newest by time' });
    await deny(store, NOON, { requestId: 'stored last' });
    const rounds = [() => deny(store, NOON + 20, { requestId: 'late' }), () => deny(store, NOON + 60, { requestId: 'new' })];
    const pause = async (): Promise<boolean> => {
      const round = rounds.shift();
      await round?.();
      return round !== undefined;
    };
    const seen = await collected(followTraffic(store, DENIALS, {}, 1, pause));
    expect(seen.map((denial) => denial.requestId)).toEqual(['newest by time', 'late', 'new']);
  });
});
