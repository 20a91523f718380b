import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, dayOf, type UtcDay } from '../../src/domain/utc-day.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { ACTOR } from '../harness.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const TODAY = dayOf(NOON);

describe.each(STORE_KINDS)('closing a day on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  function closedDay(day: UtcDay) {
    return opened.store.read(async (tx) => (await tx.credits.closedDays(day)).find((closed) => closed.day === day));
  }

  async function spendingKeys(count: number) {
    const keys = [];
    for (let index = 0; index < count; index += 1) {
      const account = await addAccount(opened.store, `a${String(index)}`);
      keys.push({ account, key: await addKey(opened.store, account) });
    }
    return keys;
  }

  test('a day that nobody spent on closes with zeros, once', async () => {
    await opened.store.write((tx, now) => tx.credits.closeDay(TODAY, now));
    await opened.store.write((tx, now) => tx.credits.closeDay(TODAY, now + 5));
    expect(await closedDay(TODAY)).toEqual({ day: TODAY, closedAt: NOON, accounts: 0, granted: 0, adjusted: 0, spent: 0 });
    expect(await opened.store.read((tx) => tx.credits.closedThrough())).toBe(TODAY);
  });

  test('books are counted range by range, and the day is no closed day before it is closed', async () => {
    const keys = await spendingKeys(3);
    for (const { key } of keys) await settleOne(opened.store, requestBy(key));
    const lastRef = await opened.store.read((tx) => tx.accounts.lastRef());
    expect(lastRef).toBe(keys[2]?.account.ref);
    await opened.store.write((tx) => tx.credits.countBooks(TODAY, { after: 0, through: 2 }));
    expect(await opened.store.read((tx) => tx.credits.countedThrough(TODAY))).toBe(2);
    expect(await closedDay(TODAY)).toBeUndefined();
    await opened.store.write(async (tx, now) => {
      await tx.credits.countBooks(TODAY, { after: 2, through: lastRef });
      await tx.credits.closeDay(TODAY, now);
    });
    expect(await closedDay(TODAY)).toMatchObject({ accounts: 3, granted: 300_000, adjusted: 0, spent: 300 });
    expect(await opened.store.read((tx) => tx.credits.sumsOf(TODAY))).toEqual({ accounts: 3, granted: 300_000, adjusted: 0, spent: 300 });
  });

  test('ranges and sums are exact in any order, in one transaction and over several, while debits come in', async () => {
    const keys = await spendingKeys(4);
    const spend = async (...places: number[]): Promise<void> => {
      for (const place of places) await settleOne(opened.store, requestBy(keys[place]?.key ?? fail()));
    };
    const spentIn = (after: number, through: number) =>
      opened.store.read(async (tx) => (await tx.credits.booksIn(TODAY, { after, through })).map(({ balance }) => balance.spent));
    const refs = keys.map(({ account }) => account.ref);
    const [first = 0, second = 0, , last = 0] = refs;
    await spend(0, 1, 2, 3);
    expect(await spentIn(first, second)).toEqual([100]);
    await opened.store.read(async (tx) => {
      expect(await tx.credits.booksIn(TODAY, { after: second, through: last })).toHaveLength(2);
      expect(await tx.credits.sumsOf(TODAY)).toMatchObject({ accounts: 4, spent: 400 });
      expect(await tx.credits.booksIn(TODAY, { after: 0, through: first })).toHaveLength(1);
    });
    await spend(1, 3, 3);
    expect(await spentIn(0, last)).toEqual([100, 200, 100, 300]);
    expect(await spentIn(second, last)).toEqual([100, 300]);
    expect(await opened.store.read((tx) => tx.credits.sumsOf(TODAY))).toMatchObject({ accounts: 4, spent: 700 });
  });

  test('no range is counted twice or left out', async () => {
    await opened.store.write((tx) => tx.credits.countBooks(TODAY, { after: 0, through: 2 }));
    await expect(opened.store.write((tx) => tx.credits.countBooks(TODAY, { after: 0, through: 2 }))).rejects.toThrow(RangeError);
    await expect(opened.store.write((tx) => tx.credits.countBooks(TODAY, { after: 3, through: 4 }))).rejects.toThrow(RangeError);
  });

  test('what changes between two steps is counted exactly once, before and behind the place that the count has come to', async () => {
    const [one, two, three] = await spendingKeys(3);
    if (one === undefined || two === undefined || three === undefined) throw new RangeError('three accounts');
    for (const { key } of [one, one, two, two]) await settleOne(opened.store, requestBy(key));
    await opened.store.write((tx) => tx.credits.countBooks(TODAY, { after: 0, through: one.account.ref }));
    const debits = await opened.store.read((tx) => tx.debits.page({}, null, 10));
    const refund = async (accountRef: number) => {
      const debit = debits.find((candidate) => candidate.accountRef === accountRef);
      if (debit === undefined) throw new RangeError('no debit');
      await refundDebit(opened.store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'test' });
    };
    await refund(one.account.ref);
    await refund(two.account.ref);
    // The clock still stands on the day that is being closed: an account that is counted spends, and one that had no books opens them.
    await settleOne(opened.store, requestBy(one.key));
    await settleOne(opened.store, requestBy(three.key));
    await opened.store.write(async (tx, now) => {
      await tx.credits.countBooks(TODAY, { after: one.account.ref, through: three.account.ref });
      await tx.credits.closeDay(TODAY, now);
    });
    expect(await closedDay(TODAY)).toMatchObject({ accounts: 3, granted: 300_000, spent: 200 + 100 + 100 });
    expect(await opened.store.read((tx) => tx.credits.sumsOf(TODAY))).toMatchObject({ accounts: 3, spent: 400 });
  });

  test('an account that opens books behind the count is added to it', async () => {
    const [one, two] = await spendingKeys(2);
    if (one === undefined || two === undefined) throw new RangeError('two accounts');
    await settleOne(opened.store, requestBy(two.key));
    await opened.store.write((tx) => tx.credits.countBooks(TODAY, { after: 0, through: two.account.ref }));
    await settleOne(opened.store, requestBy(one.key));
    await opened.store.write((tx, now) => tx.credits.closeDay(TODAY, now));
    expect(await closedDay(TODAY)).toMatchObject({ accounts: 2, granted: 200_000, spent: 200 });
  });

  test('books are found wherever they are: in the hot row, or displaced by the next day', async () => {
    const [one, two] = await spendingKeys(2);
    if (one === undefined || two === undefined) throw new RangeError('two accounts');
    for (const { key } of [one, two, two]) await settleOne(opened.store, requestBy(key));
    opened.clock.now = NOON + MS_PER_DAY;
    await settleOne(opened.store, requestBy(two.key));
    await opened.store.write((tx) => tx.usage.fold(1_000));
    const range = { after: 0, through: two.account.ref };
    const books = await opened.store.read((tx) => tx.credits.booksIn(TODAY, range));
    expect(books.map(({ accountRef, balance, used }) => ({ accountRef, spent: balance.spent, used }))).toEqual([
      { accountRef: one.account.ref, spent: 100, used: 100 },
      { accountRef: two.account.ref, spent: 200, used: 200 },
    ]);
    expect(await opened.store.read((tx) => tx.credits.storedDays(TODAY))).toEqual([TODAY, TODAY + 1]);
    expect(await opened.store.read((tx) => tx.credits.busiest(TODAY, 1))).toMatchObject([
      { accountRef: two.account.ref, balance: { spent: 200 } },
    ]);
  });

  test('a day before the store was made counts as closed: what a clock that steps back spends on it is in its sums', async () => {
    const [one, two] = await spendingKeys(2);
    if (one === undefined || two === undefined) throw new RangeError('two accounts');
    opened.clock.now = NOON - MS_PER_DAY;
    for (const { key } of [one, two, two]) await settleOne(opened.store, requestBy(key));
    expect(await closedDay(TODAY - 1)).toMatchObject({ closedAt: NOON, accounts: 2, granted: 200_000, spent: 300 });
    opened.clock.now = NOON;
    await settleOne(opened.store, requestBy(one.key));
    expect(await closedDay(TODAY)).toBeUndefined();
    expect(await closedDay(TODAY - 2)).toBeUndefined();
  });

  test('idle accounts with adjustments are found, by day, until their books are opened', async () => {
    const account = await addAccount(opened.store, 'acme');
    const adjust = (day: UtcDay, amount: number) =>
      opened.store.write((tx, now) =>
        tx.credits.insertAdjustment({
          id: `adj_${String(day)}${String(amount)}`,
          at: now,
          accountRef: account.ref,
          day,
          amount,
          reason: 'r',
          actor: 'a',
        }),
      );
    await adjust(TODAY, 5);
    await adjust(TODAY, 6);
    await adjust(TODAY + 2, 7);
    const idle = (from: UtcDay, until: UtcDay) => opened.store.read((tx) => tx.credits.adjustedIdle(from, until));
    expect(await idle(TODAY, TODAY + 2)).toEqual([{ accountRef: account.ref, day: TODAY }]);
    expect(await idle(TODAY, TODAY + 3)).toHaveLength(2);
    await opened.store.write((tx) => tx.credits.write(account.ref, { day: TODAY, granted: 100, adjusted: 11, spent: 0 }));
    expect(await idle(TODAY, TODAY + 3)).toEqual([{ accountRef: account.ref, day: TODAY + 2 }]);
  });
});

function fail(): never {
  throw new RangeError('no such key');
}
