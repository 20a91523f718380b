import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Account } from '../../src/domain/entities.ts';
import { addAccount, addKey, STORE_KINDS } from './contract.ts';

describe.each(STORE_KINDS)('the names of many at once on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;
  let acme: Account;
  let beta: Account;

  beforeAll(async () => {
    opened = await kind.open('2026-11-22T12:00:00.000Z');
    acme = await addAccount(opened.store, 'acme');
    beta = await addAccount(opened.store, 'beta', 'standard');
  });

  afterAll(() => opened.cleanUp());

  test('are those of the keys that there are, deleted ones too', async () => {
    const shop = await addKey(opened.store, acme, { name: 'shop' });
    const old = await addKey(opened.store, beta, { name: 'shop of old', deletedAt: 1 });
    await addKey(opened.store, beta, { name: 'not asked for' });
    const names = await opened.store.read((tx) => tx.keys.namesOf([shop.ref, 999_999, old.ref]));
    expect(names.toSorted((one, other) => one.ref - other.ref)).toEqual([
      { ref: shop.ref, id: shop.id, accountRef: acme.ref, name: 'shop', deletedAt: null },
      { ref: old.ref, id: old.id, accountRef: beta.ref, name: 'shop of old', deletedAt: 1 },
    ]);
    expect(await opened.store.read((tx) => tx.keys.namesOf([]))).toEqual([]);
  });

  test('are those of the accounts that there are, each with its tiers', async () => {
    const found = await opened.store.read((tx) => tx.accounts.byRefs([beta.ref, 999_999, acme.ref]));
    expect(found.toSorted((one, other) => one.ref - other.ref)).toEqual([acme, beta]);
    expect(await opened.store.read((tx) => tx.accounts.byRefs([]))).toEqual([]);
  });
});
