import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { createEnvironment } from '../../src/operations/create-environment.ts';
import { createService } from '../../src/operations/create-service.ts';
import { deleteEnvironment } from '../../src/operations/delete-environment.ts';
import { deleteService } from '../../src/operations/delete-service.ts';
import { editService } from '../../src/operations/edit-service.ts';
import { editTier } from '../../src/operations/edit-tier.ts';
import { findAccount } from '../../src/operations/find-account.ts';
import { ACTOR } from '../harness.ts';
import { failureOf, memoryStore, trail } from './account-fixture.ts';
import { makeKey } from './key-fixture.ts';

let store: Store;

beforeEach(async () => {
  ({ store } = await memoryStore('2026-11-22T12:00:00.000Z'));
});

const service = (name: string, environment: string | null = null, cost = 100) => createService(store, { name, cost, environment }, ACTOR);
const edit = (name: string, changed: { cost?: number; environment?: string | null }) =>
  editService(store, { name, cost: changed.cost, environment: changed.environment }, ACTOR);
const environment = (name: string, code: string) => createEnvironment(store, { name, code }, ACTOR);

describe('a service', () => {
  test('has a price and perhaps one environment, named or by its code', async () => {
    expect(await service('search', 'qa', 300)).toMatchObject({ name: 'search', cost: 300, environment: 'qa' });
    expect(await service('maps', 'prod', 0)).toMatchObject({ cost: 0, environment: 'production' });
    expect(await failureOf(service('maps'))).toBe('already_exists');
    expect(await failureOf(service('other', 'nowhere'))).toBe('not_found');
    expect((await trail(store))[0]).toEqual({
      ...{ action: 'service.create', targetKind: 'service', targetName: 'search', before: null },
      after: { name: 'search', cost: 300, environment: 'qa' },
    });
  });

  test('charges its new price from the next request on', async () => {
    await service('search');
    const { ref } = await store.read((tx) => findAccount(tx, 'default'));
    const ask = async () => {
      const [verdict] = await store.settle([
        {
          ...{ subject: { kind: 'account', ref }, service: 'search', environment: null, cost: null, ip: null },
          ...{ requestId: null, requestIdRule: 'json', dryRun: false, fromShell: true },
        },
      ]);
      return verdict?.cost;
    };
    expect(await ask()).toBe(100);
    expect(await edit('search', { cost: 250 })).toMatchObject({ changed: true, service: { cost: 250, environment: null } });
    expect(await ask()).toBe(250);
  });

  test('keeps what an edit does not name, and the same again changes nothing', async () => {
    await service('search', 'qa');
    expect(await edit('search', { cost: 5 })).toMatchObject({ service: { cost: 5, environment: 'qa' } });
    expect(await edit('search', { environment: null })).toMatchObject({ service: { cost: 5, environment: null } });
    expect(await edit('search', { cost: 5, environment: null })).toMatchObject({ changed: false });
    expect((await trail(store)).map(({ action }) => action)).toEqual(['service.create', 'service.edit', 'service.edit']);
    expect(await failureOf(edit('nowhere', { cost: 5 }))).toBe('not_found');
    expect(() => edit('search', {})).toThrow('nothing to change');
  });

  test('is deleted only when nothing names it, and never the default one', async () => {
    await service('search');
    expect(await failureOf(deleteService(store, 'default', ACTOR))).toBe('conflict');
    await editTier(store, { name: 'free', dailyCredits: undefined, limits: [{ service: 'search', rate: 3, burst: 3 }], now: false }, ACTOR);
    expect(await failureOf(deleteService(store, 'search', ACTOR))).toBe('conflict');
    await editTier(
      store,
      { name: 'free', dailyCredits: undefined, limits: [{ service: 'search', rate: 'none', burst: null }], now: false },
      ACTOR,
    );
    const { key } = await makeKey(store, 'prod', { services: ['search'] });
    expect(await failureOf(deleteService(store, 'search', ACTOR))).toBe('conflict');
    await store.write(async (tx, now) => {
      const { ref } = (await tx.keys.byId(key.id)) ?? { ref: 0 };
      await tx.keys.update(ref, { deletedAt: now });
    });
    await deleteService(store, 'search', ACTOR);
    expect((await store.read((tx) => tx.catalogue.services())).map(({ name }) => name)).toEqual(['default']);
    expect(await failureOf(deleteService(store, 'search', ACTOR))).toBe('not_found');
    expect(await service('search', null, 7)).toMatchObject({ cost: 7 });
  });
});

describe('an environment', () => {
  test('has a name and a code, which nobody else has as a name or a code', async () => {
    expect(await environment('staging', 'stage')).toEqual({ name: 'staging', code: 'stage' });
    for (const [name, code] of [
      ['staging', 'other'],
      ['other', 'stage'],
      ['prod', 'xx'],
      ['other', 'qa'],
    ] as const) {
      expect(await failureOf(environment(name, code))).toBe('already_exists');
    }
    const { key } = await makeKey(store, 'staged', { environment: 'stage' });
    expect(key).toMatchObject({ environment: 'staging' });
  });

  test('is not called none, since --env none means no environment', () => {
    expect(() => environment('none', 'no')).toThrow('cannot be called none');
    expect(() => environment('other', 'none')).toThrow('cannot be called none');
  });

  test('is deleted, by its name or its code, only when neither a key nor a service has it', async () => {
    await environment('staging', 'stage');
    await service('search', 'staging');
    expect(await failureOf(deleteEnvironment(store, 'staging', ACTOR))).toBe('conflict');
    await edit('search', { environment: null });
    expect(await deleteEnvironment(store, 'stage', ACTOR)).toBe('staging');
    expect(await failureOf(deleteEnvironment(store, 'staging', ACTOR))).toBe('not_found');
    expect((await trail(store)).at(-1)).toMatchObject({ action: 'env.delete', before: { name: 'staging', code: 'stage' }, after: null });
  });

  test('of a deleted key stays, and that of a deleted service may go', async () => {
    const { key } = await makeKey(store, 'old', { environment: 'qa' });
    await store.write(async (tx, now) => {
      const { ref } = (await tx.keys.byId(key.id)) ?? { ref: 0 };
      await tx.keys.update(ref, { deletedAt: now });
    });
    expect(await failureOf(deleteEnvironment(store, 'qa', ACTOR))).toBe('conflict');
    await service('search', 'development');
    await deleteService(store, 'search', ACTOR);
    expect(await deleteEnvironment(store, 'development', ACTOR)).toBe('development');
  });

  test('production stays, since keys that name none are for it', async () => {
    expect(await failureOf(deleteEnvironment(store, 'production', ACTOR))).toBe('conflict');
  });
});
