import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, dayOf } from '../../src/domain/utc-day.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe.each(STORE_KINDS)('what is seen at a glance on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  test('accounts by what they spent, and by their share of what they could', async () => {
    const spent = [
      ['large', 'professional', 3],
      ['small', 'free', 2],
      ['middle', 'standard', 1],
    ] as const;
    for (const [name, tier, requests] of spent) {
      const key = await addKey(opened.store, await addAccount(opened.store, name, tier));
      for (let count = 0; count < requests; count += 1) await settleOne(opened.store, requestBy(key));
    }
    await addAccount(opened.store, 'idle');
    const names = (limit: number, by?: 'spent' | 'share') =>
      opened.store.read(async (tx, now) => {
        const busiest = await tx.credits.busiest(dayOf(now), limit, by);
        return Promise.all(busiest.map(async ({ accountRef }) => (await tx.accounts.byRef(accountRef))?.name));
      });
    expect(await names(9)).toEqual(['large', 'small', 'middle']);
    expect(await names(2, 'spent')).toEqual(['large', 'small']);
    expect(await names(9, 'share')).toEqual(['small', 'middle', 'large']);
    opened.clock.now = NOON + MS_PER_DAY;
    expect(await names(9, 'share')).toEqual([]);
  });

  test('active keys that end soon, the first to end first', async () => {
    const account = await addAccount(opened.store, 'acme');
    const ends = [
      ['third', { expiresAt: NOON + 3_000 }],
      ['first', { expiresAt: NOON + 1_000 }],
      ['second', { expiresAt: NOON + 2_000 }],
      ['over', { expiresAt: NOON }],
      ['later', { expiresAt: NOON + 3_001 }],
      ['never', {}],
      ['off', { expiresAt: NOON + 1_000, disabledAt: NOON }],
      ['gone', { expiresAt: NOON + 1_000, deletedAt: NOON }],
    ] as const;
    for (const [name, changed] of ends) await addKey(opened.store, account, { name, ...changed });
    const ending = (limit: number) =>
      opened.store.read(async (tx, now) => (await tx.keys.ending(now, now + 3_000, limit)).map(({ name }) => name));
    expect(await ending(9)).toEqual(['first', 'second', 'third']);
    expect(await ending(2)).toEqual(['first', 'second']);
  });

  test('the pace of the last moments, and whose it is', async () => {
    const account = await addAccount(opened.store, 'acme');
    const [slow, quick] = [await addKey(opened.store, account, { name: 'slow' }), await addKey(opened.store, account, { name: 'quick' })];
    const pace = (since: number, most: number, keys: number) => opened.store.read((tx) => tx.debits.pace(since, most, keys));
    expect(await pace(NOON, 10, 10)).toEqual({ requests: 0, credits: 0, since: null, keys: [] });
    await settleOne(opened.store, requestBy(slow));
    opened.clock.now = NOON + 1_000;
    await settleOne(opened.store, requestBy(slow));
    for (let count = 0; count < 3; count += 1) await settleOne(opened.store, requestBy(quick));
    opened.clock.now = NOON + 2_000;
    await settleOne(opened.store, requestBy(slow, { subject: { kind: 'account', ref: account.ref }, cost: 7 }));
    const of = (keyRef: number | null, requests: number, credits: number) => ({ accountRef: account.ref, keyRef, requests, credits });
    expect(await pace(NOON, 10, 10)).toEqual({
      ...{ requests: 6, credits: 507, since: NOON },
      keys: [of(quick.ref, 3, 300), of(slow.ref, 2, 200), of(null, 1, 7)],
    });
    expect(await pace(NOON + 1, 10, 1)).toEqual({ requests: 5, credits: 407, since: NOON + 1_000, keys: [of(quick.ref, 3, 300)] });
    expect(await pace(NOON, 4, 10)).toMatchObject({ requests: 4, since: NOON + 1_000, keys: [{ keyRef: quick.ref }, { keyRef: null }] });
    expect(await pace(NOON + 2_001, 10, 10)).toMatchObject({ requests: 0, since: null });
  });
});
