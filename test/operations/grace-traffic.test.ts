import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CountedDenial, KeyHour, Store } from '../../src/domain/store.ts';
import { hourOf } from '../../src/domain/utc-day.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import { ACTOR, temporaryStore, type TestClock } from '../harness.ts';
import { DAY, HOUR, makeAccount, makeKey, rotate, spend, words } from './key-fixture.ts';

const MINUTE = 60_000;

let store: Store;
let clock: TestClock;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, cleanUp } = await temporaryStore('2026-11-22T10:20:00Z')));
afterEach(() => cleanUp());

const graceOf = async (name: string) => (await viewKey(store, words(name))).key.grace;

async function denied(keyId: string, count: number): Promise<void> {
  const denial: Omit<CountedDenial, 'at'> = {
    keyId,
    account: 'default',
    service: 'default',
    code: 'api_key_expired',
    ip: null,
    requestId: null,
    count,
  };
  await store.write((tx, now) => tx.usage.addDenials([{ ...denial, at: now }]));
}

describe('the remaining traffic of a key that was replaced', () => {
  test('is what came in the last hour and in the last 24, and rather too much than too little', async () => {
    const { apiKey: old } = await makeKey(store, 'prod');
    const { apiKey: fresh } = await rotate(store, 'prod', 3 * DAY);
    await spend(store, old, 5);
    await spend(store, fresh, 7);
    clock.now += 30 * MINUTE;
    await spend(store, old, 2);
    expect(await graceOf('prod~1')).toEqual({ requestsLastHour: 7, requestsLast24Hours: 7, deniedLastHour: 0, deniedLast24Hours: 0 });
    // 12:10: the hour of 11 is empty, the one of 10 is no more within the last hour.
    clock.now += 80 * MINUTE;
    expect(await graceOf('prod~1')).toMatchObject({ requestsLastHour: 0, requestsLast24Hours: 7 });
    await spend(store, old, 1);
    // Until the last request of ten o'clock is surely a day ago.
    clock.now = Date.parse('2026-11-23T10:59:59.999Z');
    expect(await graceOf('prod~1')).toMatchObject({ requestsLastHour: 0, requestsLast24Hours: 8 });
    clock.now += 1;
    expect(await graceOf('prod~1')).toMatchObject({ requestsLast24Hours: 1 });
    clock.now += 2 * HOUR;
    expect(await graceOf('prod~1')).toMatchObject({ requestsLast24Hours: 0 });
  });

  test('is the same whether the debits are folded, in part folded or not', async () => {
    const { apiKey: old } = await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    await spend(store, old, 5);
    await store.write((tx) => tx.usage.fold(1_000));
    const folded = await graceOf('prod~1');
    await spend(store, old, 4);
    expect([folded?.requestsLastHour, (await graceOf('prod~1'))?.requestsLastHour]).toEqual([5, 9]);
    await store.write((tx) => tx.usage.fold(2));
    expect((await graceOf('prod~1'))?.requestsLastHour).toBe(9);
  });

  test('counts the denials too, which after the grace are all there is', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    await rotate(store, 'prod', HOUR);
    await spend(store, apiKey, 1);
    clock.now += 2 * HOUR;
    await denied(key.id, 30);
    clock.now += 3 * HOUR;
    await denied(key.id, 4);
    expect(await graceOf('prod~1')).toEqual({ requestsLastHour: 0, requestsLast24Hours: 1, deniedLastHour: 4, deniedLast24Hours: 34 });
  });

  test('is null for a key that was not replaced, and for one that is deleted', async () => {
    const { key } = await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    expect(await graceOf('prod')).toBeNull();
    await deleteKey(store, words('prod~1'), ACTOR);
    expect((await viewKey(store, words(key.id))).key.grace).toBeNull();
  });
});

test('whoever views the newest key is told of every older one that still passes', async () => {
  const { apiKey: first } = await makeKey(store, 'prod');
  await rotate(store, 'prod', 3 * DAY);
  await rotate(store, 'prod', 0);
  await rotate(store, 'prod', 2 * DAY);
  await spend(store, first, 3);
  const { predecessors } = await viewKey(store, words('prod'));
  expect(predecessors.map(({ name, grace }) => [name, grace?.requestsLastHour])).toEqual([
    ['prod~3', 0],
    ['prod~1', 3],
  ]);
  expect((await viewKey(store, words('prod~2'))).predecessors.map(({ name }) => name)).toEqual(['prod~1']);
});

test('the store tells hours of those keys only, in their order', async () => {
  await makeAccount(store, 'acme');
  const one = await makeKey(store, 'one');
  const other = await makeKey(store, 'other', { account: 'acme' });
  const third = await makeKey(store, 'third');
  for (const { apiKey } of [one, other, third]) await spend(store, apiKey, 1);
  clock.now += HOUR;
  await spend(store, one.apiKey, 2);
  await denied(one.key.id, 3);
  const hour = hourOf(clock.now);
  const read = (from: number, until: number): Promise<readonly KeyHour[]> =>
    store.read(async (tx) => {
      const refs = await Promise.all([one, other].map(async ({ key }) => (await tx.keys.byId(key.id))?.ref ?? 0));
      return tx.usage.ofKeysByHour(refs, from, until);
    });
  const refOf = (id: string) => store.read(async (tx) => (await tx.keys.byId(id))?.ref ?? 0);
  const [refOne, refOther] = [await refOf(one.key.id), await refOf(other.key.id)];
  expect(await read(hour - 1, hour)).toEqual([
    { keyRef: refOne, hour: hour - 1, requests: 1, denied: 0 },
    { keyRef: refOne, hour, requests: 2, denied: 3 },
    { keyRef: refOther, hour: hour - 1, requests: 1, denied: 0 },
  ]);
  expect(await read(hour, hour)).toHaveLength(1);
  expect(await read(hour + 1, hour)).toEqual([]);
});
