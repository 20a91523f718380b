import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { editKey, type EditedKey, type KeyEdit } from '../../src/operations/edit-key.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import { ACTOR, temporaryStore, type TestClock } from '../harness.ts';
import { actions, count, DAY, HOUR, makeKey, rotate, spend, words } from './key-fixture.ts';

let store: Store;
let clock: TestClock;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

const edit = (name: string, change: KeyEdit): Promise<EditedKey> => editKey(store, words(name), change, ACTOR);
const capSpent = async (name: string): Promise<number | null> => (await viewKey(store, words(name))).capSpent;

describe('edit', () => {
  test('changes what is given and nothing else, and takes it back', async () => {
    const { key } = await makeKey(store, 'prod', { note: 'first', services: ['default'], allowedIps: ['203.0.113.0/24'] });
    expect(await edit('prod', { note: 'second' })).toMatchObject({ changed: true, key: { ...key, note: 'second' } });
    const cleared = await edit('prod', { note: null, services: [], allowedIps: [] });
    expect(cleared.key).toMatchObject({ note: null, services: [], allowedIps: [], expiresAt: null, dailyCap: null });
    expect(await actions(store)).toEqual(['key.create', 'key.edit', 'key.edit']);
  });

  test('to what is so already is no change and leaves no trace', async () => {
    await makeKey(store, 'prod', { services: ['default'] });
    expect(await edit('prod', { services: ['default'], note: null })).toMatchObject({ changed: false });
    expect(await actions(store)).toEqual(['key.create']);
  });

  test('refuses a service that does not exist, and changes nothing', async () => {
    await makeKey(store, 'prod');
    await expect(edit('prod', { note: 'x', services: ['nowhere'] })).rejects.toMatchObject({ code: 'not_found' });
    expect((await viewKey(store, words('prod'))).key.note).toBeNull();
  });

  test('an expiry holds from the next request', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    await edit('prod', { expiresAt: clock.now + HOUR });
    clock.now += HOUR - 1;
    expect(await spend(store, apiKey, 1)).toEqual(['ok']);
    clock.now += 1;
    expect(await spend(store, apiKey, 1)).toEqual(['api_key_expired']);
    await edit('prod', { expiresAt: null });
    expect(await spend(store, apiKey, 1)).toEqual(['ok']);
  });

  test('a deleted key stays as it is', async () => {
    const { key } = await makeKey(store, 'prod');
    await deleteKey(store, words('prod'), ACTOR);
    await expect(edit(key.id, { note: 'x' })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a daily cap that is set in the middle of the day', () => {
  test('counts what the key spent before', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    await spend(store, apiKey, 3);
    await edit('prod', { dailyCap: 500 });
    expect(await capSpent('prod')).toBe(300);
    expect(count(await spend(store, apiKey, 5), 'ok')).toBe(2);
  });

  test('below what is spent denies the rest of the day, and not the next', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    await spend(store, apiKey, 3);
    await edit('prod', { dailyCap: 200 });
    expect(await spend(store, apiKey, 1)).toEqual(['insufficient_credits']);
    clock.now = Date.parse('2026-11-23T00:00:00Z');
    expect(count(await spend(store, apiKey, 5), 'ok')).toBe(2);
  });

  test('counts spending whether or not it was folded into the usage', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    await spend(store, apiKey, 2);
    await store.write((tx) => tx.usage.fold(1_000));
    await spend(store, apiKey, 1);
    await edit('prod', { dailyCap: 400 });
    expect(await capSpent('prod')).toBe(300);
  });

  test('counts anew what was spent while it was taken away', async () => {
    const { apiKey } = await makeKey(store, 'prod', { dailyCap: 1_000 });
    await spend(store, apiKey, 2);
    await edit('prod', { dailyCap: null });
    await spend(store, apiKey, 4);
    await edit('prod', { dailyCap: 700 });
    expect(count(await spend(store, apiKey, 3), 'ok')).toBe(1);
  });

  test('counts the whole chain of rotations, the deleted ones too, and holds for all of it', async () => {
    const { apiKey: first } = await makeKey(store, 'prod');
    await spend(store, first, 2);
    const { apiKey: second } = await rotate(store, 'prod', DAY);
    await spend(store, second, 3);
    await deleteKey(store, words('prod~1'), ACTOR);
    const { apiKey: third } = await rotate(store, 'prod', DAY);
    const { sharingCap } = await edit('prod', { dailyCap: 800 });
    expect(sharingCap.map(({ name }) => name)).toEqual(['prod~1']);
    expect(await capSpent('prod')).toBe(500);
    const codes = [...(await spend(store, third, 1)), ...(await spend(store, second, 1)), ...(await spend(store, third, 1))];
    expect(codes).toEqual(['ok', 'ok', 'ok']);
    for (const apiKey of [second, third]) expect(await spend(store, apiKey, 1)).toEqual(['insufficient_credits']);
  });

  test('yesterday’s spending does not count', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    await spend(store, apiKey, 9);
    clock.now += DAY;
    await edit('prod', { dailyCap: 300 });
    expect(count(await spend(store, apiKey, 9), 'ok')).toBe(3);
  });
});
