import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { dayOf, hourOf, MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe.each(STORE_KINDS)('pruning on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  test('a debit stays until usage has counted it, however old it is', async () => {
    const { store, clock } = opened;
    const key = await addKey(store, await addAccount(store, 'acme'));
    for (let time = 0; time < 3; time += 1) await settleOne(store, requestBy(key));
    clock.now += 40 * MS_PER_DAY;
    const limits = {
      ...{ debitsBefore: clock.now, requestIdsExpiredBy: clock.now },
      ...{ hoursBefore: hourOf(NOON) - 1, daysBefore: dayOf(NOON) - 1 },
    };
    const prune = () => store.write(async (tx) => (await tx.prune(limits, 100)).debits);
    expect(await store.read((tx) => tx.countPrunable(limits))).toMatchObject({ debits: 0 });
    expect(await prune()).toBe(0);
    await store.write((tx) => tx.usage.fold(2));
    expect(await prune()).toBe(2);
    await store.write((tx) => tx.usage.fold(2));
    expect(await prune()).toBe(1);
    const [sum] = await store.read((tx) => tx.usage.sums({ from: 0, to: clock.now, table: 'hour', by: 'account' }));
    expect(sum).toMatchObject({ requests: 3, credits: 300 });
  });
});
