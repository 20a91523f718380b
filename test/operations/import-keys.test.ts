import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { createAccount } from '../../src/operations/create-account.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { undoImport } from '../../src/operations/undo-import.ts';
import { WHOLE, type Steps } from '../../src/operations/steps.ts';
import { ACTOR, temporaryStore } from '../harness.ts';
import { charge, failureOf, viewAccount } from './account-fixture.ts';
import { AT_ONCE, importer, importRecords, keysOf } from './import-fixture.ts';
import { count, makeKey, rotate, spend, words } from './key-fixture.ts';

const NOW = '2026-11-22T12:00:00.000Z';

let opened: Awaited<ReturnType<typeof temporaryStore>>;
let store: Store;
/** Another process with the same store. */
let other: Store;

beforeEach(async () => {
  opened = await temporaryStore(NOW);
  ({ store } = opened);
  other = await opened.reopen('write');
});

afterEach(async () => {
  await other.close();
  await opened.cleanUp();
});

/** What anybody sees of keys and accounts, by every way to them. */
function seen(of: Store) {
  return of.read(async (tx, now) => {
    const keys = await tx.keys.page({ now }, { after: 0, limit: 1_000 });
    const accounts = await tx.accounts.page({}, { after: 0, limit: 1_000 });
    return {
      keys: keys.map(({ name, deletedAt }) => (deletedAt === null ? name : `${name} (deleted)`)),
      accounts: accounts.map(({ name }) => name),
      counts: [await tx.keys.count({ now }), await tx.accounts.count({})],
      byStatus: await tx.keys.countByStatus(now),
      byTier: [...(await tx.accounts.countByTier(Math.floor(now / 86_400_000)))],
      byName: [(await tx.keys.liveByName('key 1', null)).length, await tx.accounts.byName('acme'), await tx.accounts.byExternalId('C-1')],
    };
  });
}

/** Steps that look around after each. */
function lookingAround(look: (step: number) => Promise<void>): Steps {
  let number = 0;
  return {
    tell: () => undefined,
    run: async (step) => {
      const result = await step({ ...WHOLE, portion: 0.02 });
      number += 1;
      await look(number);
      return result;
    },
  };
}

const RECORDS = [{ ...keysOf('acme', 1)[0], external_id: 'C-1', tier: 'standard' }, ...keysOf('acme', 10).slice(1), ...keysOf('beta', 5)];

async function batchOf(records: readonly Readonly<Record<string, unknown>>[]): Promise<string> {
  const { batch } = await importRecords(store, records);
  if (batch === null) throw new RangeError('an import without its batch');
  return batch;
}

const undo = (batch: string) => undoImport(importer(store), batch);

describe('an import', () => {
  test('makes keys with their accounts, and says so once in the audit trail', async () => {
    expect(await importRecords(store, RECORDS)).toMatchObject({ keys: 15, accounts: 2, problems: [], problemCount: 0, holds: 'keys' });
    expect(await spend(store, 'acme-secret-3', 2)).toEqual(['ok', 'ok']);
    expect(await spend(other, 'beta-secret-4', 1)).toEqual(['ok']);
    expect(await viewAccount(store, 'acme')).toMatchObject({ externalId: 'C-1', tier: 'standard' });
    const trail = await store.read((tx) => tx.audit.page({}, null, 10));
    expect(trail).toMatchObject([{ action: 'store.import', targetKind: 'store', actor: ACTOR, after: { accounts: 2, keys: 15 } }]);
  });

  test('is seen by nobody before it is done, and then at once', async () => {
    const before = await seen(other);
    let steps = 0;
    await importRecords(store, RECORDS, {
      steps: lookingAround(async (step) => {
        steps = step;
        expect(await seen(other)).toEqual(before);
        expect(await spend(other, 'acme-secret-0', 1)).toEqual(['invalid_api_key']);
      }),
    });
    expect(steps).toBeGreaterThan(5);
    expect((await seen(other)).counts).toEqual([15, 3]);
    expect(await spend(other, 'acme-secret-0', 1)).toEqual(['ok']);
  });

  test('that is dry checks and counts the same, and leaves every byte as it was', async () => {
    const before = await seen(other);
    const dry = await importRecords(store, RECORDS, { choice: { dryRun: true, plain: false } });
    expect(dry).toMatchObject({ batch: null, dryRun: true, keys: 15, accounts: 2 });
    expect(await seen(other)).toEqual(before);
    expect(await store.read((tx) => tx.imports.any())).toBe(false);
  });

  test('that was killed is seen by nobody, and the next one clears it away', async () => {
    const killed = new Error('killed');
    const steps: Steps = {
      ...AT_ONCE,
      run: async (step) => {
        await step({ ...WHOLE, portion: 0.02 });
        // Nothing of the process goes on: not even the way back.
        throw killed;
      },
    };
    const before = await seen(other);
    await expect(importRecords(store, RECORDS, { steps })).rejects.toBe(killed);
    expect(await store.read((tx) => tx.imports.unfinished())).toMatchObject({ keys: 1, accounts: 1 });
    expect(await seen(other)).toEqual(before);
    // A name of it is not free yet, and whoever wants it is told why.
    expect(await failureOf(createAccount(other, { name: 'acme', tier: undefined, externalId: null }, ACTOR, randomBytes))).toBe('conflict');
    expect(await importRecords(other, RECORDS)).toMatchObject({ keys: 15, accounts: 2, problemCount: 0 });
    expect((await seen(store)).counts).toEqual([15, 3]);
  });

  test('beside another that goes on is refused, and the other one is not touched', async () => {
    let second: string | undefined;
    await importRecords(store, RECORDS, {
      steps: lookingAround(async (step) => {
        if (step !== 3) return;
        // The first has written once more by the time the second looks again.
        const rest = async (): Promise<void> => {
          await store.write(async (tx) => {
            const batch = await tx.imports.unfinished();
            const key = (await tx.keys.byRef(1)) ?? undefined;
            if (batch === null || key === undefined) throw new RangeError('nothing is under way');
            await tx.imports.addKey(batch.ref, { ...key, id: 'key_one_more', name: 'one more', digest: 'ab'.repeat(32) });
          });
        };
        second = await failureOf(importRecords(other, keysOf('gamma', 1), { rest }));
      }),
    });
    expect(second).toBe('conflict');
    expect((await seen(other)).counts).toEqual([16, 3]);
  });

  test('that begins in the same moment as another is refused before it writes anything', async () => {
    const rest = async (): Promise<void> => {
      // What was left of the killed one is gone, and somebody else has begun meanwhile.
      await store.write(async (tx, now) => {
        const left = await tx.imports.unfinished();
        if (left?.id !== 'imp_left') return;
        await tx.imports.markUndone(left.ref, now);
        await tx.imports.begin('imp_faster', now);
      });
    };
    await store.write((tx, now) => tx.imports.begin('imp_left', now));
    expect(await failureOf(importRecords(other, RECORDS, { rest }))).toBe('conflict');
    expect((await seen(store)).counts).toEqual([0, 1]);
  });

  test('that somebody has cleared away notices, and leaves nothing', async () => {
    const importing = importRecords(store, RECORDS, {
      steps: lookingAround(async (step) => {
        const batch = step === 3 ? await other.read((tx) => tx.imports.unfinished()) : null;
        if (batch !== null) await undoImport(importer(other), batch.id);
      }),
    });
    expect(await failureOf(importing)).toBe('conflict');
    expect((await seen(other)).counts).toEqual([0, 1]);
  });

  test('whose lines no longer fit when they are written leaves nothing, and names the line', async () => {
    const taken = lookingAround(async (step) => {
      if (step === 1) await makeKey(other, 'key 3', { account: 'default' });
    });
    const importing = importRecords(store, keysOf('default', 10), { steps: taken });
    await expect(importing).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/^Line 5 /) });
    expect((await seen(other)).keys).toEqual(['key 3']);
  });
});

describe('taking an import back', () => {
  test('of which nothing was used leaves no trace, and the same lines can come again', async () => {
    const before = await seen(other);
    const batch = await batchOf(RECORDS);
    expect(await undo(batch)).toEqual({ batch, keys: 15, keysKept: 0, accounts: 2, accountsKept: 0 });
    expect(await seen(other)).toEqual(before);
    expect(await spend(other, 'acme-secret-0', 1)).toEqual(['invalid_api_key']);
    expect(await importRecords(store, RECORDS)).toMatchObject({ keys: 15, accounts: 2 });
    expect(await spend(other, 'acme-secret-0', 1)).toEqual(['ok']);
  });

  test('keeps what was used: its debits, its account with its books, and its keys as deleted ones', async () => {
    const batch = await batchOf(RECORDS);
    expect(count(await spend(other, 'acme-secret-0', 3), 'ok')).toBe(3);
    expect(await undo(batch)).toEqual({ batch, keys: 15, keysKept: 1, accounts: 1, accountsKept: 1 });
    expect(await spend(other, 'acme-secret-0', 1)).toEqual(['invalid_api_key']);
    expect(await seen(other)).toMatchObject({ keys: ['key 0 (deleted)'], accounts: ['default', 'acme'] });
    expect(await store.read((tx) => tx.debits.page({}, null, 10))).toMatchObject([
      { keyName: 'key 0' },
      { keyName: 'key 0' },
      { keyName: 'key 0' },
    ]);
    // The key's own digest is free again: its customer gets in as soon as the lines are right.
    expect(await importRecords(store, RECORDS)).toMatchObject({ keys: 15, accounts: 1 });
    expect(await spend(other, 'acme-secret-0', 1)).toEqual(['ok']);
    expect((await viewAccount(store, 'acme')).credits).toMatchObject({ spent: 400 });
  });

  test('keeps accounts that somebody else has touched: a key, a charge, an adjustment, a change', async () => {
    const batch = await batchOf(['acme', 'beta', 'gamma', 'delta'].flatMap((name) => keysOf(name, 1)));
    await makeKey(store, 'own', { account: 'acme' });
    await charge(store, 'beta', 1);
    await rotate(store, 'gamma/key 0', 3_600_000);
    expect(await undo(batch)).toMatchObject({ keys: 4, keysKept: 1, accounts: 1, accountsKept: 3 });
    // A successor is somebody's new key, and no part of the import.
    expect((await seen(other)).keys).toEqual(['key 0~1 (deleted)', 'own', 'key 0']);
  });

  test('takes keys of accounts that were there, and leaves the accounts', async () => {
    await makeKey(store, 'own', { account: 'default' });
    const batch = await batchOf(keysOf('default', 3));
    await deleteKey(store, words('key 1'), ACTOR);
    expect(await undo(batch)).toEqual({ batch, keys: 3, keysKept: 1, accounts: 0, accountsKept: 0 });
    expect(await seen(other)).toMatchObject({ keys: ['own', 'key 1 (deleted)'], accounts: ['default'] });
  });

  test('that was interrupted goes on when it is called again; once more it is refused', async () => {
    const batch = await batchOf(RECORDS);
    const interrupted = lookingAround((step) => (step < 4 ? Promise.resolve() : Promise.reject(new Error('killed'))));
    await expect(undoImport({ ...importer(store), steps: interrupted }, batch)).rejects.toThrow('killed');
    expect(await undo(batch)).toMatchObject({ accounts: 2, accountsKept: 0 });
    expect((await seen(other)).counts).toEqual([0, 1]);
    expect(await failureOf(undo(batch))).toBe('conflict');
    expect(await failureOf(undo('imp_nothing'))).toBe('not_found');
    const trail = await store.read((tx) => tx.audit.page({ action: 'store' }, null, 10));
    expect(trail.map(({ action, targetId }) => [action, targetId])).toEqual([
      ['store.undo', batch],
      ['store.import', batch],
    ]);
  });
});
