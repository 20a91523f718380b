import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Account } from '../../src/domain/entities.ts';
import { addAccount, addKey, STORE_KINDS } from './contract.ts';

describe.each(STORE_KINDS)('names by how they begin on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;
  let acme: Account;

  beforeAll(async () => {
    opened = await kind.open('2026-11-22T12:00:00.000Z');
    acme = await addAccount(opened.store, 'acme');
    const zenith = await addAccount(opened.store, 'acme-west');
    await addAccount(opened.store, 'beta');
    for (const name of ['shop', 'shop é', 'shöp', 'Shop', 'mobile']) await addKey(opened.store, acme, { name });
    await addKey(opened.store, acme, { name: 'shop of old', deletedAt: 1 });
    await addKey(opened.store, zenith, { name: 'shop' });
  });

  afterAll(() => opened.cleanUp());

  const accounts = (prefix: string, limit = 10): Promise<readonly string[]> =>
    opened.store.read(async (tx) => (await tx.accounts.byNamePrefix(prefix, limit)).map(({ name }) => name));
  const keys = (prefix: string, ref: number | null, limit = 10): Promise<readonly string[]> =>
    opened.store.read(async (tx) => (await tx.keys.liveByNamePrefix(prefix, ref, limit)).map(({ name }) => name));

  test('accounts come by name, and no more of them than were asked for', async () => {
    expect(await accounts('')).toEqual(['acme', 'acme-west', 'beta', 'default']);
    expect(await accounts('acme')).toEqual(['acme', 'acme-west']);
    expect(await accounts('ac', 1)).toEqual(['acme']);
    expect(await accounts('acme-west-')).toEqual([]);
  });

  test('the keys of one account come by name; capitals, accents and signs are what they are', async () => {
    expect(await keys('', acme.ref)).toEqual(['Shop', 'mobile', 'shop', 'shop é', 'shöp']);
    expect(await keys('sh', acme.ref)).toEqual(['shop', 'shop é', 'shöp']);
    expect(await keys('shö', acme.ref)).toEqual(['shöp']);
    for (const nothing of ['%', '_', 'shop of']) expect(await keys(nothing, acme.ref)).toEqual([]);
  });

  test('so do those of all accounts, a name as often as there are keys of it, and deleted ones not at all', async () => {
    expect(await keys('shop', null)).toEqual(['shop', 'shop', 'shop é']);
    expect(await keys('shop', null, 2)).toEqual(['shop', 'shop']);
  });
});
