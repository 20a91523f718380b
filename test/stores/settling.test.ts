import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { remaining } from '../../src/domain/credits.ts';
import { parseDebitId } from '../../src/domain/debit.ts';
import { MS_PER_DAY, dayOf } from '../../src/domain/utc-day.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from './contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';

describe.each(STORE_KINDS)('settling on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(NOON);
  });

  afterEach(() => opened.cleanUp());

  async function balanceToday(accountRef: number) {
    const balances = await opened.store.read((tx, now) => tx.credits.balances([accountRef], dayOf(now)));
    return balances.get(accountRef);
  }

  test('an admitted request costs 100 credits and leaves one debit with the balance after it', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const verdict = await settleOne(opened.store, requestBy(key));
    expect(verdict).toMatchObject({
      valid: true,
      code: 'ok',
      cost: 100,
      credits: { limit: 100_000, remaining: 99_900, limitedBy: 'account' },
    });
    const debits = await opened.store.read((tx) => tx.debits.page({ accountRef: account.ref }, null, 10));
    expect(debits).toEqual([
      expect.objectContaining({
        number: parseDebitId(verdict.debitId ?? ''),
        cost: 100,
        balanceAfter: 99_900,
        keyId: key.id,
        account: 'acme',
      }),
    ]);
  });

  test('with B credits left exactly floor(B / 100) requests are admitted, whatever the batches', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    await settleOne(opened.store, requestBy(key, { cost: 95_050 }));
    const verdicts = [];
    for (const size of [1, 7, 64, 3]) {
      verdicts.push(...(await opened.store.settle(Array.from({ length: size }, () => requestBy(key)))));
    }
    expect(verdicts.filter((verdict) => verdict.valid)).toHaveLength(49);
    expect(verdicts.filter((verdict) => verdict.code === 'insufficient_credits')).toHaveLength(26);
    expect(await balanceToday(account.ref)).toMatchObject({ granted: 100_000, spent: 99_950 });
  });

  test('a denial writes nothing', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account, { disabledAt: 1 });
    expect((await settleOne(opened.store, requestBy(key))).code).toBe('api_key_disabled');
    expect(await balanceToday(account.ref)).toBeUndefined();
    expect(await opened.store.read((tx) => tx.debits.newestAt())).toBeNull();
  });

  test('the balance is back at the first instant of the day, and the day before is kept', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    opened.clock.now = Date.parse('2026-11-22T23:59:59.999Z');
    await settleOne(opened.store, requestBy(key, { cost: 100_000 }));
    expect((await settleOne(opened.store, requestBy(key))).code).toBe('insufficient_credits');
    opened.clock.now += 1;
    expect(await settleOne(opened.store, requestBy(key))).toMatchObject({ valid: true, credits: { remaining: 99_900 } });
    const yesterday = await opened.store.read((tx, now) => tx.credits.balances([account.ref], dayOf(now) - 1));
    expect(yesterday.get(account.ref)).toMatchObject({ spent: 100_000 });
  });

  test('a clock that steps back over midnight finds the day as it was and grants nothing twice', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    await settleOne(opened.store, requestBy(key, { cost: 99_900 }));
    opened.clock.now += MS_PER_DAY;
    await settleOne(opened.store, requestBy(key, { cost: 50_000 }));
    opened.clock.now -= MS_PER_DAY;
    expect(await settleOne(opened.store, requestBy(key))).toMatchObject({ valid: true, credits: { remaining: 0 } });
    expect((await settleOne(opened.store, requestBy(key))).code).toBe('insufficient_credits');
    opened.clock.now += MS_PER_DAY;
    expect(await settleOne(opened.store, requestBy(key))).toMatchObject({ credits: { remaining: 49_900 } });
  });

  test("debit numbers rise although the clock falls, and a period's debits are found all the same", async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const first = await settleOne(opened.store, requestBy(key));
    opened.clock.now -= 3_600_000;
    const second = await settleOne(opened.store, requestBy(key));
    expect(parseDebitId(second.debitId ?? '')).toBeGreaterThan(parseDebitId(first.debitId ?? '') ?? Infinity);
    const early = await opened.store.read((tx, now) => tx.debits.page({ since: now, until: now + 1 }, null, 10));
    expect(early.map((debit) => debit.number)).toEqual([parseDebitId(second.debitId ?? '')]);
  });

  test.each(['disabledAt', 'deletedAt'] as const)('a change of %s holds for the very next batch', async (column) => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    // A key is remembered when it comes for the second time.
    for (const request of [requestBy(key), requestBy(key)]) expect((await settleOne(opened.store, request)).valid).toBe(true);
    await opened.store.write((tx, now) => tx.keys.update(key.ref, { [column]: now }));
    expect((await settleOne(opened.store, requestBy(key))).valid).toBe(false);
  });

  test('a change of tier, limits or suspension holds for the very next batch', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const paced = requestBy(key, { fromShell: false });
    for (const request of [paced, paced]) expect((await settleOne(opened.store, request)).rate).toMatchObject({ limit: 5 });
    await opened.store.write((tx) => tx.tiers.setLimits('free', new Map([['*', { requestsPerSecond: 7, burst: 9 }]])));
    expect((await settleOne(opened.store, paced)).rate).toMatchObject({ limit: 7, burst: 9 });
    await opened.store.write((tx, now) => tx.accounts.setTier(account.ref, dayOf(now), 'startup', now));
    expect(await settleOne(opened.store, paced)).toMatchObject({ tier: 'startup', rate: { limit: 20 } });
    await opened.store.write((tx, now) => tx.accounts.update(account.ref, { suspendedAt: now }));
    expect((await settleOne(opened.store, paced)).code).toBe('account_suspended');
  });

  test('a request id is charged once, within its window, and not for another price', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const request = requestBy(key, { requestId: 'r-1' });
    const [first, second] = await opened.store.settle([request, request]);
    const third = await settleOne(opened.store, request);
    expect([first?.replayed, second?.replayed, third.replayed]).toEqual([false, true, true]);
    expect(new Set([first?.debitId, second?.debitId, third.debitId]).size).toBe(1);
    expect((await settleOne(opened.store, { ...request, cost: 1 })).code).toBe('request_id_conflict');
    expect(await balanceToday(account.ref)).toMatchObject({ spent: 100 });
    opened.clock.now += MS_PER_DAY;
    expect((await settleOne(opened.store, request)).replayed).toBe(false);
  });

  test("the header's ids are remembered for 60 seconds and 3 replays", async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const request = requestBy(key, { requestId: 'r-1', requestIdRule: 'header' });
    const codes = [];
    for (let turn = 0; turn < 5; turn += 1) codes.push((await settleOne(opened.store, request)).code);
    expect(codes).toEqual(['ok', 'ok', 'ok', 'ok', 'request_id_conflict']);
    opened.clock.now += 60_000;
    expect(await settleOne(opened.store, request)).toMatchObject({ code: 'ok', replayed: false });
  });

  test('one cap counts for a key and its successor', async () => {
    const account = await addAccount(opened.store, 'acme');
    const old = await addKey(opened.store, account, { dailyCap: 300 });
    const successor = await addKey(opened.store, account, { name: 'next', dailyCap: 300, capGroup: old.capGroup });
    const codes = [];
    for (const key of [old, successor, old, successor]) codes.push((await settleOne(opened.store, requestBy(key))).code);
    expect(codes).toEqual(['ok', 'ok', 'ok', 'insufficient_credits']);
    expect(await settleOne(opened.store, requestBy(old))).toMatchObject({ credits: { limit: 300, remaining: 0, limitedBy: 'key' } });
  });

  test('a day closed too early goes on, and its stored sums follow', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const today = dayOf(opened.clock.now);
    await opened.store.write((tx, now) => tx.credits.closeDay(today, now));
    await opened.store.settle([requestBy(key), requestBy(key)]);
    await settleOne(opened.store, requestBy(key));
    const [closed] = await opened.store.read((tx) => tx.credits.closedDays(today));
    expect(closed).toMatchObject({ accounts: 1, granted: 100_000, spent: 300 });
  });

  test('what was spent by any road is what usage says, before and after folding', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const usage = () =>
      opened.store.read(async (tx, now) => ({
        sums: await tx.usage.sums({ from: now - MS_PER_DAY, to: now + MS_PER_DAY, table: 'hour', by: 'account', accountRef: account.ref }),
        keys: await tx.usage.ofKeys([key.ref], dayOf(now)),
      }));
    await opened.store.settle(Array.from({ length: 5 }, () => requestBy(key)));
    const [newest] = await opened.store.read((tx) => tx.debits.page({}, null, 1));
    if (newest === undefined) throw new RangeError('no debit');
    await opened.store.write((tx, now) => tx.debits.refund(newest, now));
    const before = await usage();
    expect(before.sums).toEqual([{ bucket: account.ref, requests: 5, credits: 400, denied: {} }]);
    expect(await opened.store.write((tx) => tx.usage.fold(2))).toBe(2);
    expect(await usage()).toEqual(before);
    const unfolded = (wait: number) => opened.store.write((tx, now) => tx.usage.unfoldedBefore(now + wait));
    expect([await unfolded(-1), await unfolded(1)]).toEqual([false, true]);
    expect(await opened.store.write((tx) => tx.usage.fold(100))).toBe(3);
    expect(await unfolded(MS_PER_DAY)).toBe(false);
    expect(await usage()).toEqual(before);
    const [oldest] = (await opened.store.read((tx) => tx.debits.page({}, null, 9))).slice(-1);
    if (oldest === undefined) throw new RangeError('no debit');
    await opened.store.write((tx, now) => tx.debits.refund(oldest, now));
    expect((await usage()).sums).toEqual([{ bucket: account.ref, requests: 5, credits: 300, denied: {} }]);
  });

  test('a transaction that throws leaves nothing behind, and the store goes on', async () => {
    const account = await addAccount(opened.store, 'acme');
    const act = opened.store.write(async (tx, now) => {
      await tx.accounts.update(account.ref, { suspendedAt: now });
      throw new RangeError('changed my mind');
    });
    await expect(act).rejects.toThrow('changed my mind');
    expect((await opened.store.read((tx) => tx.accounts.byRef(account.ref)))?.suspendedAt).toBeNull();
  });

  test('acts that overlap in time do not mix: each sees the others whole or not at all', async () => {
    const account = await addAccount(opened.store, 'acme');
    const key = await addKey(opened.store, account);
    const add = () =>
      opened.store.write(async (tx, now) => {
        const day = dayOf(now);
        const books = (await tx.credits.balances([account.ref], day)).get(account.ref) ?? { day, granted: 100_000, adjusted: 0, spent: 0 };
        await Promise.resolve();
        await tx.credits.write(account.ref, { ...books, adjusted: books.adjusted + 10 });
      });
    await Promise.all([add(), opened.store.settle([requestBy(key)]), add(), opened.store.settle([requestBy(key)]), add()]);
    const balance = await balanceToday(account.ref);
    expect(balance).toMatchObject({ adjusted: 30, spent: 200 });
    expect(balance === undefined ? null : remaining(balance)).toBe(99_830);
  });
});
