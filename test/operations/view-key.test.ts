import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { KEY_FIELDS, keyJson } from '../../src/operations/describe-keys.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import type { Store } from '../../src/domain/store.ts';
import { ACTOR, temporaryStore, type TestClock } from '../harness.ts';
import { DAY, HOUR, makeKey, rotate, spend, words } from './key-fixture.ts';

let store: Store;
let clock: TestClock;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

test('a key is told with its account’s tier and books, and with what it did today', async () => {
  const { apiKey } = await makeKey(store, 'prod', { dailyCap: 900 });
  const { apiKey: other } = await makeKey(store, 'other');
  clock.now += HOUR;
  await spend(store, apiKey, 2);
  await spend(store, other, 1);
  const details = await viewKey(store, words('prod'));
  expect(details).toMatchObject({
    ...{ tier: 'free', capSpent: 200, rotatedFrom: null, rotatedTo: null },
    account: { name: 'default' },
    balance: { granted: 100_000, adjusted: 0, spent: 300 },
    key: { status: 'active', today: { requests: 2, credits: 200 }, lastUsedAt: clock.now },
  });
});

test('the day’s traffic ends at midnight, the last use does not', async () => {
  const { apiKey } = await makeKey(store, 'prod');
  await spend(store, apiKey, 2);
  const usedAt = clock.now;
  clock.now = Date.parse('2026-11-23T00:00:00Z');
  const { key, balance } = await viewKey(store, words('prod'));
  expect(key).toMatchObject({ today: { requests: 0, credits: 0 }, lastUsedAt: usedAt });
  expect(balance.spent).toBe(0);
});

test('its neighbours in the chain are told, with their traffic, deleted ones too', async () => {
  const { apiKey: first } = await makeKey(store, 'prod');
  await rotate(store, 'prod', DAY);
  await rotate(store, 'prod', DAY);
  await spend(store, first, 1);
  expect(await viewKey(store, words('prod~2'))).toMatchObject({
    rotatedFrom: { name: 'prod~1', status: 'active', today: { requests: 1 } },
    rotatedTo: { name: 'prod' },
  });
  await deleteKey(store, words('prod~1'), ACTOR);
  expect(await viewKey(store, words('prod~2'))).toMatchObject({ rotatedFrom: { status: 'deleted' } });
});

test('JSON has the fields of the contract, in order, and neither digest nor secret', async () => {
  const { apiKey, key } = await makeKey(store, 'prod', { expiresAt: clock.now + DAY });
  const json = keyJson((await viewKey(store, words('prod'))).key);
  expect(Object.keys(json)).toEqual([...KEY_FIELDS]);
  expect(json).toMatchObject({ id: key.id, createdAt: '2026-11-22T10:00:00.000Z', expiresAt: '2026-11-23T10:00:00.000Z', services: [] });
  expect(JSON.stringify(json)).not.toContain(apiKey);
  expect(JSON.stringify(json)).not.toMatch(/[0-9a-f]{64}/);
});
