import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { dayOf, MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const TODAY = dayOf(Date.parse(NOON));

describe.each(STORE_KINDS)('histories on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(NOON);
  });

  afterEach(() => opened.cleanUp());

  test('the accounts of a tier come once each and in order, page by page, however often they had it', async () => {
    const { store } = opened;
    const refs: number[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      const { ref } = await addAccount(store, name, 'standard');
      if (name !== 'd') refs.push(ref);
      await store.write(async (tx, now) => {
        await tx.accounts.setTier(ref, TODAY - 5, 'startup', now);
        if (name !== 'd') await tx.accounts.setTier(ref, TODAY - 1, 'standard', now);
      });
    }
    const filter = { tier: { name: 'standard', day: TODAY } };
    const first = await store.read((tx) => tx.accounts.page(filter, { after: 0, limit: 2 }));
    const second = await store.read((tx) => tx.accounts.page(filter, { after: first.at(-1)?.ref ?? 0, limit: 2 }));
    expect([...first, ...second].map(({ ref }) => ref)).toEqual(refs);
    expect(first[0]?.tiers.map(({ tier }) => tier)).toEqual(['standard', 'startup', 'standard']);
    expect(await store.read((tx) => tx.accounts.count(filter))).toBe(3);
    expect(await store.read((tx) => tx.accounts.page({ tier: { name: 'standard', day: TODAY - 3 } }, { after: 0, limit: 9 }))).toEqual([]);
  });

  test('a deleted tier is listed no more, stays known by its name, and comes back with credits from a day on', async () => {
    const { store } = opened;
    await store.write((tx, now) => tx.tiers.delete('startup', now));
    expect((await store.read((tx) => tx.tiers.all())).map(({ name }) => name)).toEqual(['advanced', 'free', 'professional', 'standard']);
    expect((await store.read((tx) => tx.tiers.byName('startup')))?.credits).toEqual([{ from: 0, credits: 1_000_000 }]);
    await store.write((tx) => tx.tiers.insert('startup', 7, TODAY));
    expect(await store.read((tx) => tx.tiers.byName('startup'))).toEqual({
      name: 'startup',
      credits: [
        { from: 0, credits: 1_000_000 },
        { from: TODAY, credits: 7 },
      ],
      limits: new Map(),
    });
    expect((await store.read((tx) => tx.tiers.all())).map(({ name }) => name)).toContain('startup');
  });

  test('the limits of a deleted tier hold no service back', async () => {
    const { store } = opened;
    await store.write(async (tx, now) => {
      await tx.tiers.setLimits('startup', new Map([['default', { requestsPerSecond: 1, burst: 1 }]]));
      expect(await tx.tiers.countNamingService('default')).toBe(1);
      await tx.tiers.delete('startup', now);
      expect(await tx.tiers.countNamingService('default')).toBe(0);
    });
  });

  test('stored books are found from a day on, whether they are the running ones or not', async () => {
    const { store, clock } = opened;
    const account = await addAccount(store, 'acme');
    const key = await addKey(store, account);
    for (const days of [2, 0, 1]) {
      clock.now = Date.parse(NOON) + days * MS_PER_DAY;
      await settleOne(store, requestBy(key));
    }
    const days = async (from: number) => (await store.read((tx) => tx.credits.balancesFrom(account.ref, from))).map(({ day }) => day);
    expect(await days(TODAY)).toEqual([TODAY, TODAY + 1, TODAY + 2]);
    expect(await days(TODAY + 2)).toEqual([TODAY + 2]);
    expect(await store.read((tx) => tx.credits.storedDays(TODAY + 1))).toEqual([TODAY + 1, TODAY + 2]);
    expect(await store.read((tx) => tx.credits.storedDays(TODAY + 3))).toEqual([]);
    expect(await store.read((tx) => tx.credits.balancesFrom(account.ref + 1, 0))).toEqual([]);
  });

  test('adjustments come newest first, page by page, of one account or of all', async () => {
    const { store } = opened;
    const [acme, globex] = [await addAccount(store, 'acme'), await addAccount(store, 'globex')];
    await store.write(async (tx, now) => {
      for (const [index, { ref }] of [acme, globex, acme, acme].entries()) {
        const id = `adj_${String(index)}`;
        await tx.credits.insertAdjustment({ id, at: now, accountRef: ref, day: TODAY, amount: index + 1, reason: 'r', actor: 'a' });
      }
    });
    const page = (ref: number | null, before: number | null) => store.read((tx) => tx.credits.adjustments(ref, 2, before));
    const first = await page(null, null);
    expect(first.map(({ id }) => id)).toEqual(['adj_3', 'adj_2']);
    expect((await page(null, first.at(-1)?.number ?? null)).map(({ id }) => id)).toEqual(['adj_1', 'adj_0']);
    const own = await page(acme.ref, null);
    expect((await page(acme.ref, own.at(-1)?.number ?? null)).map(({ id }) => id)).toEqual(['adj_0']);
  });

  test('the trail is found by any of several ids and names', async () => {
    const { store } = opened;
    await store.write(async (tx, now) => {
      for (const [targetId, targetName] of [
        ['id_1', 'one'],
        ['id_2', 'two'],
        ['id_3', 'id_1'],
      ] as const) {
        const actor = { claimed: null, osUser: 'u', sudoUser: null, host: 'h' };
        await tx.audit.append({ at: now, actor, action: 'key.create', targetKind: 'key', targetId, targetName, before: null, after: null });
      }
    });
    const found = async (...targets: string[]) =>
      (await store.read((tx) => tx.audit.page({ targets }, null, 10))).map(({ targetId }) => targetId);
    expect(await found('id_1')).toEqual(['id_3', 'id_1']);
    expect(await found('two', 'one')).toEqual(['id_2', 'id_1']);
    expect(await found("' OR 1=1 --", '%')).toEqual([]);
    expect(await found()).toEqual([]);
  });
});
