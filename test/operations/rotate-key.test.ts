import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkKeyName } from '../../src/domain/names.ts';
import type { Store } from '../../src/domain/store.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { enableKeys } from '../../src/operations/enable-keys.ts';
import { renameKey } from '../../src/operations/rename-key.ts';
import { rotateKey } from '../../src/operations/rotate-key.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import { ACTOR, temporaryStore, type TestClock } from '../harness.ts';
import { actions, count, DAY, HOUR, makeAccount, makeKey, rotate, spend, words } from './key-fixture.ts';

let store: Store;
let clock: TestClock;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

describe('the successor', () => {
  test('takes name, environment, services, ranges, cap and note, and the two know each other', async () => {
    const settings = { services: ['default'], allowedIps: ['203.0.113.0/24'], dailyCap: 700, note: 'of the web shop' };
    const { apiKey: former, key: old } = await makeKey(store, 'prod', { environment: 'qa', ...settings });
    const { apiKey, key, predecessor } = await rotate(store, 'prod', DAY);
    expect(apiKey).not.toBe(former);
    expect(apiKey).toMatch(/^kc_qa_/);
    expect(key).toMatchObject({ name: 'prod', environment: 'qa', account: 'default', ...settings, rotatedFrom: old.id, rotatedTo: null });
    expect(predecessor).toMatchObject({ id: old.id, name: 'prod~1', rotatedFrom: null, rotatedTo: key.id });
  });

  test('lives as long from now as the old one was to live', async () => {
    const { key: old } = await makeKey(store, 'prod', { expiresAt: clock.now + 30 * DAY });
    clock.now += 10 * DAY;
    const { key, predecessor } = await rotate(store, 'prod', DAY);
    expect(key.expiresAt).toBe(clock.now + 30 * DAY);
    expect(predecessor.expiresAt).toBe(clock.now + DAY);
    expect(old.expiresAt).not.toBe(predecessor.expiresAt);
  });

  test('of a key without an expiry has none', async () => {
    await makeKey(store, 'prod');
    expect((await rotate(store, 'prod', DAY)).key.expiresAt).toBeNull();
  });

  test('has the prefix that is set now', async () => {
    await makeKey(store, 'prod');
    await store.write((tx, now) => tx.config.addPrefix('acme', now));
    expect((await rotate(store, 'prod', DAY)).apiKey).toMatch(/^acme_prod_/);
  });
});

describe('the grace', () => {
  test('ends by the clock alone, to the millisecond, and the successor goes on', async () => {
    const { apiKey: old } = await makeKey(store, 'prod');
    const { apiKey: fresh } = await rotate(store, 'prod', DAY);
    clock.now += DAY - 1;
    expect([...(await spend(store, old, 1)), ...(await spend(store, fresh, 1))]).toEqual(['ok', 'ok']);
    clock.now += 1;
    expect([...(await spend(store, old, 1)), ...(await spend(store, fresh, 1))]).toEqual(['api_key_expired', 'ok']);
  });

  test('never lengthens the old key’s life', async () => {
    await makeKey(store, 'prod', { expiresAt: clock.now + HOUR });
    expect((await rotate(store, 'prod', DAY)).predecessor.expiresAt).toBe(clock.now + HOUR);
  });

  test('of 0 disables the old key now, and enabling it does not bring it back', async () => {
    const { apiKey: old } = await makeKey(store, 'prod');
    const { predecessor } = await rotate(store, 'prod', 0);
    expect(predecessor).toMatchObject({ status: 'disabled', disabledAt: clock.now, disabledReason: 'rotated' });
    expect(await spend(store, old, 1)).toEqual(['api_key_disabled']);
    await enableKeys(store, [words('prod~1')], ACTOR);
    expect(await spend(store, old, 1)).toEqual(['api_key_expired']);
  });
});

describe('one cap counts for the whole chain', () => {
  test('overspending is impossible across both keys, in whatever order', async () => {
    const { apiKey: old } = await makeKey(store, 'prod', { dailyCap: 1_000 });
    expect(count(await spend(store, old, 4), 'ok')).toBe(4);
    const { apiKey: fresh } = await rotate(store, 'prod', DAY);
    const codes: string[] = [];
    for (let round = 0; round < 8; round += 1) codes.push(...(await spend(store, round % 2 === 0 ? fresh : old, 1)));
    expect(codes).toEqual([...Array<string>(6).fill('ok'), 'insufficient_credits', 'insufficient_credits']);
    expect((await viewKey(store, words('prod'))).capSpent).toBe(1_000);
  });

  test('and both have it whole again at midnight', async () => {
    const { apiKey: old } = await makeKey(store, 'prod', { dailyCap: 300 });
    const { apiKey: fresh } = await rotate(store, 'prod', 2 * DAY);
    await spend(store, old, 3);
    expect(await spend(store, fresh, 1)).toEqual(['insufficient_credits']);
    clock.now = Date.parse('2026-11-23T00:00:00Z');
    expect([...(await spend(store, fresh, 2)), ...(await spend(store, old, 2))]).toEqual(['ok', 'ok', 'ok', 'insufficient_credits']);
  });

  test('through three rotations', async () => {
    const keys = [(await makeKey(store, 'prod', { dailyCap: 500 })).apiKey];
    for (let turn = 0; turn < 3; turn += 1) keys.push((await rotate(store, 'prod', DAY)).apiKey);
    const codes: string[] = [];
    for (const apiKey of [...keys, ...keys]) codes.push(...(await spend(store, apiKey, 1)));
    expect(count(codes, 'ok')).toBe(5);
  });
});

describe('the old key’s name', () => {
  test('takes the lowest number that is free among the account’s live keys', async () => {
    await makeAccount(store, 'acme');
    await makeKey(store, 'prod~1', { account: 'acme' });
    await makeKey(store, 'prod~2');
    await makeKey(store, 'prod');
    expect((await rotate(store, 'prod', DAY)).predecessor.name).toBe('prod~1');
    expect((await rotate(store, 'prod', DAY)).predecessor.name).toBe('prod~3');
    await deleteKey(store, words('default/prod~1'), ACTOR);
    expect((await rotate(store, 'prod', DAY)).predecessor.name).toBe('prod~1');
  });

  test('stays a name that can be typed, however long the key’s is', async () => {
    for (const name of ['x'.repeat(100), '🔑'.repeat(100), `${'x'.repeat(97)}👩‍💻`, `${'x'.repeat(96)}👩‍💻y`, `${'x'.repeat(97)}1️⃣`]) {
      checkKeyName(name);
      await makeKey(store, name);
      const { predecessor } = await rotate(store, name, DAY);
      expect(checkKeyName(predecessor.name)).toBe(predecessor.name);
      expect(predecessor.name).toMatch(/~\d$/);
    }
  });
});

describe('rotate refuses', () => {
  test('a key that is disabled, expired, or was rotated already', async () => {
    await makeKey(store, 'off');
    await disableKeys(store, { references: [words('off')], reason: null, only: false }, ACTOR);
    await makeKey(store, 'old', { expiresAt: clock.now + 1 });
    await makeKey(store, 'prod');
    const { key } = await rotate(store, 'prod', DAY);
    clock.now += 1;
    await expect(rotate(store, 'off', DAY)).rejects.toMatchObject({ code: 'conflict' });
    await expect(rotate(store, 'old', DAY)).rejects.toMatchObject({ code: 'conflict' });
    await expect(rotate(store, 'prod~1', DAY)).rejects.toMatchObject({ code: 'conflict', hint: expect.stringContaining(key.id) });
    await renameKey(store, words('prod~1'), 'elsewhere', ACTOR);
    await expect(rotate(store, 'elsewhere', DAY)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('a deleted key as one that is not there', async () => {
    const { key } = await makeKey(store, 'prod');
    await deleteKey(store, words('prod'), ACTOR);
    await expect(rotate(store, key.id, DAY)).rejects.toMatchObject({ code: 'not_found' });
  });
});

test('when the secret cannot be delivered, nothing was rotated', async () => {
  const { apiKey, key } = await makeKey(store, 'prod');
  const fails = (): void => {
    throw new Error('no room');
  };
  await expect(rotateKey(store, { reference: words('prod'), graceMs: 0 }, ACTOR, randomBytes, fails)).rejects.toThrow('no room');
  expect((await viewKey(store, words('prod'))).key).toEqual(key);
  expect(await spend(store, apiKey, 1)).toEqual(['ok']);
  expect(await actions(store)).toEqual(['key.create']);
});

test('the secret given on stdin names the key that leaked', async () => {
  const { apiKey } = await makeKey(store, 'prod');
  const { key } = await rotateKey(store, { reference: { kind: 'secret', secret: apiKey }, graceMs: 0 }, ACTOR, randomBytes);
  expect(key.name).toBe('prod');
  expect(await spend(store, apiKey, 1)).toEqual(['api_key_disabled']);
});

test('the audit trail follows both keys', async () => {
  const { key: old } = await makeKey(store, 'prod');
  const { key } = await rotate(store, 'prod', DAY);
  const entries = await store.read((tx) => tx.audit.page({}, null, 10));
  expect(entries.map(({ action, targetId }) => [action, targetId])).toEqual([
    ['key.create', key.id],
    ['key.rotate', old.id],
    ['key.create', old.id],
  ]);
  expect(entries[0]?.after).toMatchObject({ rotatedFrom: old.id, name: 'prod' });
  expect(entries[1]).toMatchObject({
    before: { name: 'prod', expiresAt: null, rotatedTo: null },
    after: { name: 'prod~1', expiresAt: '2026-11-23T10:00:00.000Z', rotatedTo: key.id },
  });
});
