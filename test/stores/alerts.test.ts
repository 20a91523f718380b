import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { NewAlert, Webhook } from '../../src/domain/alerts.ts';
import { dayOf, hourOf, MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const NOW = Date.parse(NOON);
const TODAY = dayOf(NOW);
const THRESHOLDS = [50, 90, 100];

const WEBHOOK: Webhook = {
  ...{ url: 'https://example.test/alerts', allowsHttp: false, secret: 'whsec_new', former: { secret: 'whsec_old', until: NOW } },
  ...{ thresholds: THRESHOLDS, expiryMs: 14 * MS_PER_DAY, since: TODAY },
};

function message(id: string, at = NOW): NewAlert {
  return { id, type: 'credits.threshold_reached', at, body: `{"id":"${id}"}` };
}

describe.each(STORE_KINDS)('alerts on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(NOON);
    await opened.store.write((tx) => tx.tiers.insert('small', 1_000, 0));
  });

  afterEach(() => opened.cleanUp());

  const reached = (changed = {}) =>
    opened.store.read((tx) =>
      tx.alerts.reached({
        refs: { after: 0, through: 1_000 },
        days: [TODAY - 1, TODAY],
        thresholds: THRESHOLDS,
        exact: true,
        limit: 100,
        ...changed,
      }),
    );

  /** An account that spends so many credits of its thousand. */
  async function spender(name: string, credits: number): Promise<number> {
    const account = await addAccount(opened.store, name, 'small');
    const key = await addKey(opened.store, account);
    if (credits > 0) await settleOne(opened.store, requestBy(key, { cost: credits }));
    return account.ref;
  }

  test('the webhook is none, or the one that was set last', async () => {
    const { store } = opened;
    const webhook = () => store.read((tx) => tx.alerts.webhook());
    expect(await webhook()).toBeNull();
    await store.write((tx) => tx.alerts.setWebhook(WEBHOOK));
    expect(await webhook()).toEqual(WEBHOOK);
    const changed = { ...WEBHOOK, allowsHttp: true, former: null, expiryMs: null, since: null, thresholds: [] };
    await store.write((tx) => tx.alerts.setWebhook(changed));
    expect(await webhook()).toEqual(changed);
  });

  test('books that have reached a threshold are found, those below and those told of are not', async () => {
    const { store } = opened;
    await spender('idle', 0);
    await spender('below', 499);
    const half = await spender('half', 500);
    const all = await spender('all', 1_000);
    expect(await reached()).toEqual({
      found: [
        { accountRef: half, day: TODAY },
        { accountRef: all, day: TODAY },
      ],
      through: 1_000,
    });
    await store.write(async (tx) => {
      await tx.alerts.setTold(half, TODAY, 50);
      await tx.alerts.setTold(all, TODAY, 90);
    });
    expect((await reached()).found).toEqual([{ accountRef: all, day: TODAY }]);
    await store.write((tx) => tx.alerts.setTold(all, TODAY, 100));
    expect((await reached()).found).toEqual([]);
    expect(await store.read((tx) => tx.alerts.told(half, TODAY))).toBe(50);
    expect(await store.read((tx) => tx.alerts.told(half, TODAY - 1))).toBe(0);
    await store.write((tx) => tx.alerts.setTold(all, TODAY, 0));
    expect((await reached()).found).toEqual([{ accountRef: all, day: TODAY }]);
  });

  test('so are books whose debits are folded, credits that were taken, and the day before once another has begun', async () => {
    const { store, clock } = opened;
    const ref = await spender('acme', 450);
    expect((await reached()).found).toEqual([]);
    await store.write(async (tx) => tx.credits.write(ref, { day: TODAY, granted: 1_000, adjusted: -100, spent: 450 }));
    expect((await reached()).found).toEqual([{ accountRef: ref, day: TODAY }]);
    await store.write((tx) => tx.usage.fold(100));
    expect((await reached()).found).toEqual([{ accountRef: ref, day: TODAY }]);
    clock.now += MS_PER_DAY;
    const key = await addKey(store, await store.read(async (tx) => must(await tx.accounts.byRef(ref))), { name: 'other' });
    await settleOne(store, requestBy(key, { cost: 950 }));
    expect((await reached({ days: [TODAY, TODAY + 1] })).found).toEqual(
      expect.arrayContaining([
        { accountRef: ref, day: TODAY },
        { accountRef: ref, day: TODAY + 1 },
      ]),
    );
    expect((await reached({ days: [TODAY + 1] })).found).toEqual([{ accountRef: ref, day: TODAY + 1 }]);
    expect((await reached({ days: [TODAY + 2] })).found).toEqual([]);
  });

  test('a range is walked through in pieces, without leaving anybody out', async () => {
    const refs: number[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) refs.push(await spender(name, 600));
    await opened.store.write((tx) => tx.usage.fold(100));
    const seen: number[] = [];
    for (let after = 0; after < 1_000;) {
      const { found, through } = await reached({ refs: { after, through: 1_000 }, limit: 2 });
      expect(through).toBeGreaterThan(after);
      seen.push(...found.map(({ accountRef }) => accountRef));
      after = through;
    }
    expect(seen).toEqual(refs);
    expect((await reached({ refs: { after: refs[0], through: refs[2] } })).found.map(({ accountRef }) => accountRef)).toEqual(
      refs.slice(1, 3),
    );
  });

  test('of those who were charged of late, however many others have reached one', async () => {
    const { store, clock } = opened;
    const lately = (since: number, most = 10) =>
      store.read((tx) => tx.alerts.reachedLately({ since, most, days: [TODAY - 1, TODAY], thresholds: THRESHOLDS, limit: 100 }));
    const [one, two] = [await spender('one', 600), await spender('two', 600)];
    await spender('below', 499);
    const both = [one, two].map((accountRef) => ({ accountRef, day: TODAY }));
    expect(await lately(NOW)).toEqual(both);
    await store.write((tx) => tx.usage.fold(100));
    expect(await lately(NOW)).toEqual(both);
    clock.now += 1_000;
    const account = await store.read(async (tx) => must(await tx.accounts.byRef(two)));
    const key = await addKey(store, account, { name: 'other' });
    await settleOne(store, requestBy(key, { cost: 10 }));
    const three = await spender('three', 900);
    expect(await lately(NOW + 1_000)).toEqual([two, three].map((accountRef) => ({ accountRef, day: TODAY })));
    expect(await lately(NOW + 1_001)).toEqual([]);
    expect(await lately(NOW, 1)).toEqual([{ accountRef: three, day: TODAY }]);
    await store.write((tx) => tx.alerts.setTold(two, TODAY, 50));
    expect(await lately(NOW + 1_000)).toEqual([{ accountRef: three, day: TODAY }]);
    await settleOne(store, requestBy(key, { cost: 290 }));
    expect((await lately(NOW + 1_000)).map(({ accountRef }) => accountRef)).toContain(two);
  });

  test('without what was debited of late nobody is found too early, and all are once it is folded', async () => {
    const { store } = opened;
    const ref = await spender('acme', 400);
    await store.write((tx) => tx.usage.fold(100));
    const key = await addKey(store, await store.read(async (tx) => must(await tx.accounts.byRef(ref))), { name: 'other' });
    await settleOne(store, requestBy(key, { cost: 99 }));
    expect((await reached({ exact: false })).found).toEqual([]);
    await settleOne(store, requestBy(key, { cost: 1 }));
    await store.write((tx) => tx.usage.fold(100));
    expect((await reached({ exact: false })).found).toEqual([{ accountRef: ref, day: TODAY }]);
  });

  test('keys that end soon are found, the first to end first, until somebody was told', async () => {
    const { store } = opened;
    const account = await addAccount(store, 'acme');
    const ending = (name: string, expiresAt: number, changed = {}) => addKey(store, account, { name, expiresAt, ...changed });
    const later = await ending('later', NOW + 2 * MS_PER_DAY);
    const sooner = await ending('sooner', NOW + MS_PER_DAY);
    await ending('too late', NOW + 3 * MS_PER_DAY + 1);
    await ending('over', NOW);
    await ending('disabled', NOW + MS_PER_DAY, { disabledAt: NOW });
    await ending('deleted', NOW + MS_PER_DAY, { deletedAt: NOW });
    await ending('rotated', NOW + MS_PER_DAY, { rotatedTo: later.id });
    await addKey(store, account, { name: 'endless' });
    const found = async (limit = 10) =>
      (await store.read((tx) => tx.alerts.expiring(NOW, NOW + 3 * MS_PER_DAY, limit))).map(({ name }) => name);
    expect(await found()).toEqual(['sooner', 'later']);
    expect(await found(1)).toEqual(['sooner']);
    await store.write((tx) => tx.alerts.setToldExpiry(sooner.ref, NOW + MS_PER_DAY));
    expect(await found()).toEqual(['later']);
    await store.write((tx) => tx.keys.update(sooner.ref, { expiresAt: NOW + MS_PER_DAY + 5 }));
    expect(await found()).toEqual(['sooner', 'later']);
  });

  test('a message is due until it is claimed, and again when nobody said what came of it', async () => {
    const { store } = opened;
    const claim = (now: number, limit = 10) => store.write((tx) => tx.alerts.claim(now, now + 60_000, limit));
    const isDue = (now: number) => store.read((tx) => tx.alerts.isDue(now));
    expect(await isDue(NOW)).toBe(false);
    await store.write(async (tx) => {
      for (const id of ['a', 'b']) await tx.alerts.add(message(id));
    });
    expect(await isDue(NOW - 1)).toBe(false);
    expect(await isDue(NOW)).toBe(true);
    expect(await claim(NOW)).toMatchObject([
      { ...message('a'), status: 'waiting', attempts: 1, dueAt: NOW + 60_000, lastAt: NOW, lastResult: null, endedAt: null },
      { ...message('b'), attempts: 1 },
    ]);
    expect(await isDue(NOW + 59_999)).toBe(false);
    expect(await claim(NOW)).toEqual([]);
    expect(await claim(NOW + 60_000, 1)).toMatchObject([{ attempts: 2 }]);
    expect(await isDue(NOW + 60_000)).toBe(true);
  });

  test('what came of an attempt counts only from whoever made the last one', async () => {
    const { store } = opened;
    await store.write((tx) => tx.alerts.add(message('a')));
    const [first] = await store.write((tx) => tx.alerts.claim(NOW, NOW + 1_000, 1));
    const [second] = await store.write((tx) => tx.alerts.claim(NOW + 1_000, NOW + 2_000, 1));
    const { number, attempts } = must(second);
    const one = async () => must((await store.read((tx) => tx.alerts.page(null, null, 10)))[0]);
    await store.write((tx) => tx.alerts.record(number, must(first).attempts, { status: 'given-up', at: NOW + 1_500, result: 'HTTP 410' }));
    expect(await one()).toMatchObject({ status: 'waiting', lastResult: null });
    const dueAt = NOW + 9_000;
    await store.write((tx) => tx.alerts.record(number, attempts, { status: 'waiting', dueAt, result: 'HTTP 500' }));
    expect(await one()).toMatchObject({ status: 'waiting', dueAt, lastResult: 'HTTP 500', attempts: 2 });
    const [third] = await store.write((tx) => tx.alerts.claim(dueAt, dueAt + 1_000, 1));
    await store.write((tx) => tx.alerts.record(number, must(third).attempts, { status: 'delivered', at: dueAt, result: 'HTTP 200' }));
    const delivered = { status: 'delivered', dueAt: null, endedAt: dueAt, lastResult: 'HTTP 200', attempts: 3 };
    expect(await one()).toMatchObject(delivered);
    await store.write((tx) => tx.alerts.record(number, must(third).attempts, { status: 'waiting', dueAt, result: 'timed out' }));
    expect(await one()).toMatchObject(delivered);
    expect(await store.read((tx) => tx.alerts.isDue(dueAt + MS_PER_DAY))).toBe(false);
  });

  test('a message that a clock ahead has put off for longer than anything waits is due', async () => {
    const { store } = opened;
    await store.write((tx) => tx.alerts.add(message('a', NOW + 10 * MS_PER_DAY)));
    expect(await store.read((tx) => tx.alerts.isDue(NOW))).toBe(true);
    expect(await store.write((tx) => tx.alerts.claim(NOW, NOW + 1, 1))).toHaveLength(1);
  });

  test('given up is over until it is tried again; what waits can be hurried', async () => {
    const { store } = opened;
    await store.write(async (tx) => {
      for (const id of ['a', 'b', 'c']) await tx.alerts.add(message(id));
      for (const { number, id } of await tx.alerts.claim(NOW, NOW + 1, 2))
        await tx.alerts.record(number, 1, { status: 'given-up', at: NOW, result: `no ${id}` });
    });
    const pages = (status: 'waiting' | 'delivered' | 'given-up' | null, before: number | null = null, limit = 10) =>
      store.read(async (tx) => (await tx.alerts.page(status, before, limit)).map(({ id }) => id));
    expect([await pages('given-up'), await pages('waiting'), await pages('delivered')]).toEqual([['b', 'a'], ['c'], []]);
    const [newest] = await store.read((tx) => tx.alerts.page(null, null, 1));
    expect([await pages(null), await pages(null, newest?.number, 1)]).toEqual([['c', 'b', 'a'], ['b']]);
    const depth = (most: number) => store.read((tx) => tx.alerts.depth(most));
    expect([await depth(10), await depth(1)]).toEqual([
      { waiting: 1, givenUp: 2, oldestAt: NOW, lastResult: null },
      { waiting: 1, givenUp: 1, oldestAt: NOW, lastResult: null },
    ]);
    expect(await store.write((tx) => tx.alerts.retry('a', NOW + 5))).toBe(1);
    expect(await store.write((tx) => tx.alerts.retry('c', NOW + 5))).toBe(0);
    expect(await store.write((tx) => tx.alerts.retry(null, NOW + 5))).toBe(1);
    expect(await depth(10)).toEqual({ waiting: 3, givenUp: 0, oldestAt: NOW, lastResult: 'no b' });
    const claimed = await store.write((tx) => tx.alerts.claim(NOW + 5, NOW + 6_000, 10));
    expect(claimed.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(await store.write((tx) => tx.alerts.hurry(NOW + 6))).toBe(3);
    expect(await store.read((tx) => tx.alerts.isDue(NOW + 6))).toBe(true);
  });

  test('what is over is pruned with its time, what waits is not', async () => {
    const { store } = opened;
    await store.write(async (tx) => {
      for (const id of ['over', 'waits']) await tx.alerts.add(message(id, NOW - 2 * MS_PER_DAY));
      await tx.alerts.claim(NOW, NOW + 1, 1);
      await tx.alerts.record(1, 1, { status: 'delivered', at: NOW, result: 'HTTP 204' });
      await tx.alerts.setTold(1, TODAY - 2, 50);
      await tx.alerts.setTold(1, TODAY, 50);
      await tx.alerts.setToldExpiry(1, NOW - 2 * MS_PER_DAY);
    });
    const limits = {
      ...{ debitsBefore: TODAY * MS_PER_DAY, requestIdsExpiredBy: NOW },
      ...{ hoursBefore: hourOf(NOW - 24 * MS_PER_HOUR), daysBefore: TODAY - 100 },
    };
    expect(await store.read((tx) => tx.countPrunable(limits))).toMatchObject({ usage: 3 });
    expect(await store.write((tx) => tx.prune(limits, 10))).toMatchObject({ usage: 3 });
    expect((await store.read((tx) => tx.alerts.page(null, null, 10))).map(({ id }) => id)).toEqual(['waits']);
    expect(await store.read((tx) => tx.alerts.told(1, TODAY))).toBe(50);
    expect(await store.read((tx) => tx.alerts.told(1, TODAY - 2))).toBe(0);
  });
});

function must<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new RangeError('there is none');
  return value;
}
