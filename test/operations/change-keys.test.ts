import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { enableKeys } from '../../src/operations/enable-keys.ts';
import { renameKey } from '../../src/operations/rename-key.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import { ACTOR, temporaryStore, type TestClock } from '../harness.ts';
import { actions, count, DAY, HOUR, makeAccount, makeKey, rotate, spend, words } from './key-fixture.ts';

let store: Store;
let clock: TestClock;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

const disable = (names: readonly string[], reason: string | null = null, only = false): ReturnType<typeof disableKeys> =>
  disableKeys(store, { references: names.map(words), reason, only }, ACTOR);
const statusOf = async (name: string): Promise<string> => (await viewKey(store, words(name))).key.status;

describe('rename', () => {
  test('gives a key another name, and the old one is free', async () => {
    const { key } = await makeKey(store, 'prod');
    expect(await renameKey(store, words('prod'), 'live', ACTOR)).toMatchObject({ formerName: 'prod', key: { id: key.id, name: 'live' } });
    expect((await makeKey(store, 'prod')).key.id).not.toBe(key.id);
  });

  test('to a name that another live key of the account has is refused, and changes nothing', async () => {
    await makeKey(store, 'prod');
    await makeKey(store, 'live');
    await expect(renameKey(store, words('prod'), 'live', ACTOR)).rejects.toMatchObject({ code: 'already_exists' });
    expect(await statusOf('prod')).toBe('active');
  });

  test('to its own name is no change and leaves no trace', async () => {
    await makeKey(store, 'prod');
    expect(await renameKey(store, words('prod'), 'prod', ACTOR)).toMatchObject({ formerName: 'prod', key: { name: 'prod' } });
    expect(await actions(store)).toEqual(['key.create']);
  });

  test('to the name of another account’s key, or of a deleted one, is free', async () => {
    await makeAccount(store, 'acme');
    await makeKey(store, 'theirs', { account: 'acme' });
    await makeKey(store, 'gone');
    await deleteKey(store, words('gone'), ACTOR);
    await makeKey(store, 'prod');
    expect(await renameKey(store, words('prod'), 'theirs', ACTOR)).toMatchObject({ key: { name: 'theirs' } });
    expect(await renameKey(store, words('default/theirs'), 'gone', ACTOR)).toMatchObject({ key: { name: 'gone' } });
  });
});

describe('disable', () => {
  test('denies from the very next request, and enable admits again', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    expect(await spend(store, apiKey, 1)).toEqual(['ok']);
    await disable(['prod'], 'leaked');
    expect(await spend(store, apiKey, 1)).toEqual(['api_key_disabled']);
    const [enabled] = await enableKeys(store, [words('prod')], ACTOR);
    expect(enabled).toMatchObject({ already: false, key: { status: 'active', disabledAt: null, disabledReason: null } });
    expect(await spend(store, apiKey, 1)).toEqual(['ok']);
    expect(await actions(store)).toEqual(['key.create', 'key.disable', 'key.enable']);
  });

  test('again keeps the first instant and reason', async () => {
    await makeKey(store, 'prod');
    const [first] = await disable(['prod'], 'leaked');
    clock.now += HOUR;
    const [again] = await disable(['prod'], 'other');
    expect(again).toMatchObject({ already: true, key: { disabledAt: first?.key.disabledAt, disabledReason: 'leaked' } });
    expect(await actions(store)).toEqual(['key.create', 'key.disable']);
  });

  test('again takes a reason where there was none', async () => {
    await makeKey(store, 'prod');
    const [first] = await disable(['prod']);
    clock.now += HOUR;
    const [again] = await disable(['prod'], 'leaked');
    expect(again).toMatchObject({ already: true, key: { disabledAt: first?.key.disabledAt, disabledReason: 'leaked' } });
  });

  test('of several is all or none, whichever is wrong, and says which', async () => {
    const { key: gone } = await makeKey(store, 'gone');
    await deleteKey(store, words('gone'), ACTOR);
    await makeAccount(store, 'acme');
    await makeKey(store, 'twin');
    await makeKey(store, 'twin', { account: 'acme' });
    await makeKey(store, 'a');
    await makeKey(store, 'b');
    await expect(disable(['a', 'nobody', 'b'])).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('Key 2 of 3'),
    });
    await expect(disable(['a', 'b', gone.id])).rejects.toMatchObject({ code: 'not_found' });
    await expect(disable(['twin', 'a'])).rejects.toMatchObject({ code: 'ambiguous', hint: expect.stringContaining('acme/twin') });
    expect([await statusOf('a'), await statusOf('b')]).toEqual(['active', 'active']);
    const done = await disable(['a', 'b', 'default/a']);
    expect(done.map(({ key }) => key.name)).toEqual(['a', 'b']);
  });

  test('by the secret of a deleted key is not found', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    await deleteKey(store, words('prod'), ACTOR);
    const references = [{ kind: 'secret', secret: apiKey } as const];
    await expect(disableKeys(store, { references, reason: null, only: false }, ACTOR)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('disable reaches predecessors', () => {
  test('that are still in their grace, through the whole chain', async () => {
    const { apiKey: first } = await makeKey(store, 'prod');
    const { apiKey: second } = await rotate(store, 'prod', 3 * DAY);
    const { apiKey: third } = await rotate(store, 'prod', DAY);
    const done = await disable(['prod'], 'leaked');
    expect(done.map(({ key, predecessor }) => [key.name, predecessor, key.disabledReason])).toEqual([
      ['prod', false, 'leaked'],
      ['prod~2', true, 'leaked'],
      ['prod~1', true, 'leaked'],
    ]);
    for (const apiKey of [first, second, third]) expect(await spend(store, apiKey, 1)).toEqual(['api_key_disabled']);
  });

  test('even where one between has ended', async () => {
    const { apiKey: first } = await makeKey(store, 'prod');
    await rotate(store, 'prod', 3 * DAY);
    await rotate(store, 'prod', HOUR);
    clock.now += 2 * HOUR;
    const done = await disable(['prod']);
    expect(done.map(({ key }) => key.name)).toEqual(['prod', 'prod~1']);
    expect(await spend(store, first, 1)).toEqual(['api_key_disabled']);
    expect(await statusOf('prod~2')).toBe('expired');
  });

  test('but neither deleted ones, nor disabled ones, whose reason stands, nor successors', async () => {
    await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    await rotate(store, 'prod', DAY);
    const { apiKey: newest } = await rotate(store, 'prod', DAY);
    await deleteKey(store, words('prod~1'), ACTOR);
    await disable(['prod~2'], 'earlier', true);
    const done = await disable(['prod~3'], 'later');
    expect(done.map(({ key }) => key.name)).toEqual(['prod~3']);
    expect((await viewKey(store, words('prod~2'))).key.disabledReason).toBe('earlier');
    expect(await spend(store, newest, 1)).toEqual(['ok']);
  });

  test('not with --only', async () => {
    const { apiKey: old } = await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    const done = await disable(['prod'], null, true);
    expect(done.map(({ key }) => key.name)).toEqual(['prod']);
    expect(await spend(store, old, 1)).toEqual(['ok']);
  });

  test('and counts a predecessor that was named as well once, as named', async () => {
    await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    const done = await disable(['prod', 'prod~1']);
    expect(done.map(({ key, predecessor }) => [key.name, predecessor])).toEqual([
      ['prod', false],
      ['prod~1', false],
    ]);
  });
});

describe('enable', () => {
  test('of a key that is not disabled says so and leaves no trace', async () => {
    await makeKey(store, 'prod');
    expect(await enableKeys(store, [words('prod')], ACTOR)).toMatchObject([{ already: true, key: { status: 'active' } }]);
    expect(await actions(store)).toEqual(['key.create']);
  });

  test('of an expired key works, and it is still expired', async () => {
    const { apiKey } = await makeKey(store, 'prod', { expiresAt: clock.now + HOUR });
    await disable(['prod']);
    clock.now += 2 * HOUR;
    expect(await enableKeys(store, [words('prod')], ACTOR)).toMatchObject([{ already: false, key: { status: 'expired' } }]);
    expect(await spend(store, apiKey, 1)).toEqual(['api_key_expired']);
  });

  test('of several is all or none', async () => {
    await makeKey(store, 'a');
    await disable(['a']);
    await expect(enableKeys(store, [words('a'), words('nobody')], ACTOR)).rejects.toMatchObject({ code: 'not_found' });
    expect(await statusOf('a')).toBe('disabled');
  });
});

describe('delete', () => {
  test('denies like a key that never was, and keeps the debits', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    await spend(store, apiKey, 3);
    const { key: deleted } = await deleteKey(store, words('prod'), ACTOR);
    expect(deleted).toMatchObject({ status: 'deleted', deletedAt: clock.now, today: { requests: 3, credits: 300 } });
    expect(await spend(store, apiKey, 1)).toEqual(['invalid_api_key']);
    const found = await store.read(async (tx) => tx.debits.page({ keyRef: (await tx.keys.byId(key.id))?.ref ?? 0 }, null, 10));
    expect(found.map((debit) => debit.keyId)).toEqual([key.id, key.id, key.id]);
  });

  test('is the end: nothing changes the key any more', async () => {
    const { key } = await makeKey(store, 'prod');
    await deleteKey(store, words('prod'), ACTOR);
    const again = [
      deleteKey(store, words(key.id), ACTOR),
      renameKey(store, words(key.id), 'other', ACTOR),
      disable([key.id]),
      enableKeys(store, [words(key.id)], ACTOR),
      rotate(store, key.id, 0),
    ];
    for (const attempt of await Promise.allSettled(again)) {
      expect(attempt).toMatchObject({ status: 'rejected', reason: { code: 'not_found', hint: expect.stringContaining(key.id) } });
    }
  });

  test('tells of a predecessor that still passes', async () => {
    const { apiKey: old } = await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    expect((await deleteKey(store, words('prod'), ACTOR)).livePredecessor).toMatchObject({ name: 'prod~1' });
    expect(count(await spend(store, old, 2), 'ok')).toBe(2);
  });
});

test('the audit trail tells before and after, in the words of the contract, and never a digest', async () => {
  const { key } = await makeKey(store, 'prod', { expiresAt: clock.now + DAY });
  await disable(['prod'], 'leaked');
  const [entry, made] = await store.read((tx) => tx.audit.page({}, null, 2));
  expect(entry).toMatchObject({
    ...{ action: 'key.disable', targetKind: 'key', targetId: key.id, targetName: 'default/prod', actor: ACTOR },
    before: { disabledAt: null, disabledReason: null },
    after: { disabledAt: '2026-11-22T10:00:00.000Z', disabledReason: 'leaked' },
  });
  expect(made).toMatchObject({ after: { expiresAt: '2026-11-23T10:00:00.000Z' } });
  expect(JSON.stringify([entry, made])).not.toMatch(/[0-9a-f]{64}/);
});
