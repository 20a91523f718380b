import { expect, test } from '@jest/globals';
import { editKey } from '../../src/operations/edit-key.ts';
import { ACTOR } from '../harness.ts';
import { memoryStore } from './account-fixture.ts';
import { count, DAY, makeKey, spend, words } from './key-fixture.ts';

test.each([
  ['behind', -DAY],
  ['ahead', DAY],
])('a cap that is set while the clock is a day %s counts what was spent on the day before it stepped', async (_, step) => {
  const { store, clock } = await memoryStore('2026-11-22T12:00:00.000Z');
  const { apiKey } = await makeKey(store, 'prod');
  expect(count(await spend(store, apiKey, 2), 'ok')).toBe(2);
  clock.now += step;
  await editKey(store, words('prod'), { dailyCap: 300 }, ACTOR);
  expect(count(await spend(store, apiKey, 5), 'ok')).toBe(3);
  clock.now -= step;
  expect(count(await spend(store, apiKey, 5), 'ok')).toBe(1);
  await store.close();
});
