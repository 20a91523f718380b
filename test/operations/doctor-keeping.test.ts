import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dayOf, MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { changeSetting } from '../../src/operations/change-setting.ts';
import { whatIsKept, wholeFrom } from '../../src/operations/what-is-kept.ts';
import { ACTOR, temporaryStore } from '../harness.ts';
import { addAccount, charge } from './account-fixture.ts';
import { diagnose, tamper, wrongIn } from './doctor-fixture.ts';
import { runReset } from './reset-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

let opened: Awaited<ReturnType<typeof temporaryStore>>;

beforeEach(async () => {
  opened = await temporaryStore(new Date(NOON).toISOString());
});

afterEach(() => opened.cleanUp());

async function liveUntil(day: number): Promise<void> {
  for (; opened.clock.now < NOON + day * MS_PER_DAY; opened.clock.now += MS_PER_DAY) {
    await runReset(opened.store);
    await charge(opened.store, 'acme', 3);
  }
  await runReset(opened.store);
}

test('the books hold for months, while debits, hours and at last books are pruned behind them', async () => {
  await addAccount(opened.store, 'acme');
  await changeSetting(opened.store, { name: 'keep-daily-usage', value: '40d' }, ACTOR);
  for (const day of [34, 36, 41, 80]) {
    await liveUntil(day);
    expect(wrongIn(await diagnose(opened.path, opened.clock))).toEqual({});
  }
  // Of days that are kept whole, what is gone is missed.
  const firstNumber = (daysAgo: number): string => String((dayOf(opened.clock.now) - daysAgo) * MS_PER_DAY * 1_000);
  tamper(opened.path, `DELETE FROM debits WHERE number < ${firstNumber(35)}`);
  expect(wrongIn(await diagnose(opened.path, opened.clock))).toEqual({});
  tamper(opened.path, `DELETE FROM debits WHERE number < ${firstNumber(34)}`);
  expect(wrongIn(await diagnose(opened.path, opened.clock))).toEqual({ debits: 'error' });
});

test('what a shorter setting has pruned is not missed when it is longer again', async () => {
  await addAccount(opened.store, 'acme');
  await changeSetting(opened.store, { name: 'keep-debits', value: '3d' }, ACTOR);
  await liveUntil(10);
  await changeSetting(opened.store, { name: 'keep-debits', value: null }, ACTOR);
  expect(wrongIn(await diagnose(opened.path, opened.clock))).toEqual({});
  const from = await opened.store.read(async (tx, now) => wholeFrom(await whatIsKept(tx), now, await tx.credits.closedThrough()));
  expect(from.debits).toBe(dayOf(opened.clock.now) - 3);
});

test('what a reset with a clock ahead has pruned is not missed when the clock is back', async () => {
  await addAccount(opened.store, 'acme');
  await liveUntil(10);
  opened.clock.now += 40 * MS_PER_DAY;
  await runReset(opened.store, true);
  opened.clock.now -= 40 * MS_PER_DAY;
  expect(wrongIn(await diagnose(opened.path, opened.clock))).toEqual({ clock: 'warning' });
});
