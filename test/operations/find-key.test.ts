import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { findKey, type KeyReference } from '../../src/operations/find-key.ts';
import { renameKey } from '../../src/operations/rename-key.ts';
import { ACTOR, temporaryStore } from '../harness.ts';
import { makeAccount, makeKey, words } from './key-fixture.ts';

let store: Store;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

const find = (reference: KeyReference): Promise<string> => store.read(async (tx) => (await findKey(tx, reference)).id);

describe('a key is named by', () => {
  test('its full id, its name, its account and name, the beginning of its id, or its secret', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    for (const text of [key.id, 'prod', 'default/prod', key.id.slice(0, 8), key.id.slice(0, -1)]) {
      expect(await find(words(text))).toBe(key.id);
    }
    expect(await find({ kind: 'secret', secret: apiKey })).toBe(key.id);
  });

  test('a name in whatever Unicode form it is typed', async () => {
    const { key } = await makeKey(store, 'café');
    expect(await find(words('cafe\u0301'))).toBe(key.id);
    expect(await find(words('default/cafe\u0301'))).toBe(key.id);
  });

  test('a name before the beginning of an id', async () => {
    const { key: first } = await makeKey(store, 'first');
    const { key: second } = await makeKey(store, first.id.slice(0, 8));
    expect(await find(words(first.id.slice(0, 8)))).toBe(second.id);
    expect(await find(words(first.id))).toBe(first.id);
  });
});

describe('a name that several accounts use', () => {
  test('is ambiguous, with every candidate, and the account decides', async () => {
    await makeAccount(store, 'acme');
    const { key: one } = await makeKey(store, 'prod');
    const { key: other } = await makeKey(store, 'prod', { account: 'acme' });
    const failure = find(words('prod'));
    await expect(failure).rejects.toMatchObject({ code: 'ambiguous' });
    await expect(failure).rejects.toHaveProperty('hint', expect.stringContaining(`default/prod (${one.id})`));
    await expect(failure).rejects.toHaveProperty('hint', expect.stringContaining(`acme/prod (${other.id})`));
    expect(await find(words('acme/prod'))).toBe(other.id);
  });

  test('is unique again when one of them is deleted or renamed', async () => {
    await makeAccount(store, 'acme');
    const { key } = await makeKey(store, 'prod');
    await makeKey(store, 'prod', { account: 'acme' });
    await renameKey(store, words('acme/prod'), 'live', ACTOR);
    expect(await find(words('prod'))).toBe(key.id);
  });
});

test('too short a beginning of an id is none, and the common beginning of all ids is ambiguous once it is long enough', async () => {
  const ids: string[] = [];
  for (let number = 0; number < 3; number += 1) ids.push((await makeKey(store, `k${String(number)}`)).key.id);
  await expect(find(words('key_'))).rejects.toMatchObject({ code: 'not_found' });
  await expect(find(words((ids[0] ?? '').slice(0, 5)))).rejects.toMatchObject({ code: 'not_found' });
  await store.write(async (tx, now) => {
    const [account] = await tx.accounts.page({}, { after: 0, limit: 1 });
    const known = await tx.keys.byId(ids[0] ?? '');
    if (account === undefined || known === null) throw new Error('the fixture is not there');
    for (const tail of ['a', 'b']) {
      const digest = (tail === 'a' ? 'aa' : 'bb').repeat(32);
      await tx.keys.insert({ ...known, id: `key_twins${tail}`, name: tail, digest, createdAt: now, capGroup: null });
    }
  });
  await expect(find(words('key_twins'))).rejects.toMatchObject({ code: 'ambiguous' });
  expect(await find(words('key_twinsa'))).toBe('key_twinsa');
});

describe('a deleted key', () => {
  test('is found by its full id and its secret, and by nothing else', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    await deleteKey(store, words('prod'), ACTOR);
    expect(await find(words(key.id))).toBe(key.id);
    expect(await find({ kind: 'secret', secret: apiKey })).toBe(key.id);
    for (const text of ['prod', 'default/prod', key.id.slice(0, 12)]) {
      await expect(find(words(text))).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});

test('what is not found is not repeated', async () => {
  for (const text of ['hunter2-hunter2', 'nobody/hunter2', '', '/', 'default/']) {
    const failure: unknown = await find(words(text)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'not_found' });
    if (text !== '' && text !== '/') expect(JSON.stringify([String(failure), failure])).not.toContain(text);
  }
  const stranger = find({ kind: 'secret', secret: 'hunter2' });
  await expect(stranger).rejects.toMatchObject({ code: 'not_found' });
  await expect(stranger).rejects.not.toHaveProperty('message', expect.stringContaining('hunter2'));
});
