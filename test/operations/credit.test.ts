import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Actor, Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, parseDay } from '../../src/domain/utc-day.ts';
import { editTier } from '../../src/operations/edit-tier.ts';
import { adjustmentJson, giveCredit } from '../../src/operations/give-credit.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, memoryStore, trail, viewAccount } from './account-fixture.ts';

const TODAY = parseDay('2026-11-22') ?? 0;

let store: Store;
let clock: TestClock;

beforeEach(async () => {
  ({ store, clock } = await memoryStore('2026-11-22T12:00:00.000Z'));
  await addAccount(store, 'acme');
});

const give = (amount: number, day?: number, actor: Actor = ACTOR) =>
  giveCredit(store, { account: 'acme', amount, day, reason: 'a birthday' }, actor, randomBytes);
const credits = async () => (await viewAccount(store, 'acme')).credits;

describe('credits for today', () => {
  test('count at once, and expire with the day', async () => {
    const given = await give(5_000);
    expect(given).toMatchObject({ account: 'acme', remaining: 105_000, isToday: true });
    expect(adjustmentJson(given.adjustment, given.account)).toEqual({
      ...{ id: given.adjustment.id, at: '2026-11-22T12:00:00.000Z', account: 'acme', day: '2026-11-22' },
      ...{ amount: 5_000, reason: 'a birthday', actor: 'tester' },
    });
    expect(given.adjustment.id).toMatch(/^adj_[a-z0-9]{20}$/);
    expect(await credits()).toEqual({ day: TODAY, granted: 100_000, adjusted: 5_000, spent: 0 });
    clock.now += MS_PER_DAY;
    expect(await credits()).toEqual({ day: TODAY + 1, granted: 100_000, adjusted: 0, spent: 0 });
  });

  test('let exactly so many more requests pass', async () => {
    await charge(store, 'acme', 1, 100_000);
    await give(250);
    expect((await charge(store, 'acme', 3)).map(({ code }) => code)).toEqual(['ok', 'ok', 'insufficient_credits']);
    expect(await credits()).toMatchObject({ adjusted: 250, spent: 100_200 });
  });

  test('are taken down to nothing, and not a credit further', async () => {
    await charge(store, 'acme', 1, 40_000);
    expect(await failureOf(give(-60_001))).toBe('conflict');
    expect(await credits()).toMatchObject({ adjusted: 0, spent: 40_000 });
    expect(await store.read((tx) => tx.credits.adjustments(null, 10))).toEqual([]);
    expect(await give(-60_000)).toMatchObject({ remaining: 0 });
    expect((await charge(store, 'acme', 1))[0]?.code).toBe('insufficient_credits');
    expect(await failureOf(give(-1))).toBe('conflict');
    expect(await give(100)).toMatchObject({ remaining: 100 });
  });

  test('add up on books that are open, that wait in the archive, and that were never opened', async () => {
    await give(1_000);
    await give(-400);
    clock.now += MS_PER_DAY;
    await charge(store, 'acme', 1);
    clock.now -= MS_PER_DAY;
    await give(50);
    expect(await credits()).toEqual({ day: TODAY, granted: 100_000, adjusted: 650, spent: 0 });
    expect((await charge(store, 'acme', 1))[0]).toMatchObject({ credits: { limit: 100_650, remaining: 100_550 } });
  });

  test('of a day that a clock ahead has closed correct its sums', async () => {
    await store.write((tx, now) => tx.credits.closeDay(TODAY, now));
    await give(5_000);
    await charge(store, 'acme', 2);
    await setTier(store, { account: 'acme', tier: 'standard', timing: 'now' }, ACTOR);
    await editTier(store, { name: 'standard', dailyCredits: 400_000, limits: [], now: true }, ACTOR);
    const [closed] = await store.read((tx) => tx.credits.closedDays(TODAY));
    expect(closed).toMatchObject({ accounts: 1, granted: 400_000, adjusted: 5_000, spent: 200 });
  });

  test('never make a day hold more than can be counted', async () => {
    expect(await failureOf(give(1e15))).toBe('conflict');
    expect(await give(1e15 - 100_000)).toMatchObject({ remaining: 1e15 });
    expect(await failureOf(give(1))).toBe('conflict');
    await charge(store, 'acme', 1);
    expect(await failureOf(give(1))).toBe('conflict');
    await setTier(store, { account: 'acme', tier: 'professional', timing: 'now' }, ACTOR);
    expect(await credits()).toMatchObject({ granted: 10_000_000, adjusted: 1e15 - 100_000, spent: 100 });
  });
});

describe('credits for a later day', () => {
  test('wait for it, and count from its first instant', async () => {
    expect(await give(5_000, TODAY + 2)).toMatchObject({ remaining: 105_000, isToday: false });
    expect(await credits()).toMatchObject({ adjusted: 0 });
    clock.now += MS_PER_DAY;
    expect(await credits()).toMatchObject({ adjusted: 0 });
    clock.now = (TODAY + 2) * MS_PER_DAY;
    expect(await credits()).toEqual({ day: TODAY + 2, granted: 100_000, adjusted: 5_000, spent: 0 });
    expect((await charge(store, 'acme', 1))[0]).toMatchObject({ credits: { limit: 105_000, remaining: 104_900 } });
  });

  test('are measured by the tier and the credits that hold on it', async () => {
    await setTier(store, { account: 'acme', tier: 'standard', timing: 'at-reset' }, ACTOR);
    expect(await give(-300_000, TODAY + 1)).toMatchObject({ remaining: 0 });
    expect(await failureOf(give(-1, TODAY + 1))).toBe('conflict');
    expect(await failureOf(give(-100_001))).toBe('conflict');
  });

  test('that were taken do not make a day begin below zero when the tier goes down meanwhile', async () => {
    await setTier(store, { account: 'acme', tier: 'standard', timing: 'now' }, ACTOR);
    await give(-250_000, TODAY + 1);
    await setTier(store, { account: 'acme', tier: 'free', timing: 'by-credits' }, ACTOR);
    clock.now += MS_PER_DAY;
    expect(await credits()).toEqual({ day: TODAY + 1, granted: 250_000, adjusted: -250_000, spent: 0 });
    expect((await charge(store, 'acme', 1))[0]?.code).toBe('insufficient_credits');
    expect(await give(500)).toMatchObject({ remaining: 500 });
  });

  test('say what will remain, which is nothing where more was taken than the tier now gives', async () => {
    await setTier(store, { account: 'acme', tier: 'standard', timing: 'now' }, ACTOR);
    await give(-250_000, TODAY + 1);
    await setTier(store, { account: 'acme', tier: 'free', timing: 'by-credits' }, ACTOR);
    const { remaining } = await give(10_000, TODAY + 1);
    clock.now += MS_PER_DAY;
    const { granted, adjusted, spent } = await credits();
    expect(granted + adjusted - spent).toBe(remaining);
  });
});

describe('the edges', () => {
  test('a day that is over is refused, by the clock of the store', async () => {
    expect(await failureOf(give(5, TODAY - 1))).toBe('usage');
    clock.now = Date.parse('2026-11-22T23:59:59.999Z');
    expect(await give(5, TODAY)).toMatchObject({ isToday: true });
    clock.now += 1;
    expect(await failureOf(give(5, TODAY))).toBe('usage');
  });

  test('the account has to be named when there are several, and has to be there', async () => {
    const wanted = { amount: 5, day: undefined, reason: 'why' };
    expect(await failureOf(giveCredit(store, { ...wanted, account: undefined }, ACTOR, randomBytes))).toBe('usage');
    expect(await failureOf(giveCredit(store, { ...wanted, account: 'nobody' }, ACTOR, randomBytes))).toBe('not_found');
  });

  test('who gave it is kept: as claimed, else who ran sudo, else the user', async () => {
    await give(1, undefined, { claimed: null, osUser: 'root', sudoUser: 'alice', host: 'h' });
    await give(1, undefined, { claimed: null, osUser: 'bob', sudoUser: null, host: 'h' });
    await give(1);
    const adjustments = await store.read((tx) => tx.credits.adjustments(null, 10));
    expect(adjustments.map(({ actor }) => actor)).toEqual(['tester', 'bob', 'alice']);
  });

  test('the trail holds the amount, the reason, and what was before and after', async () => {
    const { adjustment } = await give(-700);
    expect((await trail(store)).at(-1)).toEqual({
      ...{ action: 'credit.take', targetKind: 'account', targetName: 'acme' },
      before: { day: '2026-11-22', adjusted: 0, remaining: 100_000 },
      after: { day: '2026-11-22', adjusted: -700, remaining: 99_300, amount: -700, reason: 'a birthday', adjustment: adjustment.id },
    });
    await give(1, dayOf(clock.now) + 1);
    expect((await trail(store)).at(-1)).toMatchObject({ action: 'credit.give', after: { day: '2026-11-23', remaining: 100_001 } });
  });
});
