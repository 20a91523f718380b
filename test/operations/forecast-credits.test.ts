import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, MS_PER_HOUR, startOfDay } from '../../src/domain/utc-day.ts';
import { balanceOn } from '../../src/operations/balance-on.ts';
import { createService } from '../../src/operations/create-service.ts';
import { editService } from '../../src/operations/edit-service.ts';
import { findAccount } from '../../src/operations/find-account.ts';
import { forecastCredits, forecastJson } from '../../src/operations/forecast-credits.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, memoryStore } from './account-fixture.ts';
import { runReset } from './reset-fixture.ts';

const FIRST = startOfDay(20_770);

async function told(store: Store, ...names: readonly string[]): Promise<readonly unknown[]> {
  return store.read(async (tx, now) => {
    const accounts = await Promise.all(names.map((name) => findAccount(tx, name)));
    const books = await Promise.all(
      accounts.map(async (account) => ({ accountRef: account.ref, balance: await balanceOn(tx, account, dayOf(now)) })),
    );
    const found = await forecastCredits(tx, books, now);
    return accounts.map(({ ref }) => {
      const forecast = found.get(ref);
      return forecast === undefined ? null : forecastJson(forecast);
    });
  });
}

/** Days in which an account asks for a hundred requests an hour from 8 to 12. */
async function pastDays(store: Store, clock: TestClock, count: number): Promise<void> {
  for (let day = 0; day < count; day += 1) {
    for (let hour = 8; hour < 12; hour += 1) {
      clock.now = FIRST + day * MS_PER_DAY + hour * MS_PER_HOUR;
      await charge(store, 'acme', 100);
    }
  }
}

describe('the forecast of an account', () => {
  test('comes from its own hours, closed and open days alike, and beside those of others', async () => {
    const { store, clock } = await memoryStore(new Date(FIRST).toISOString());
    await addAccount(store, 'acme');
    await addAccount(store, 'other');
    await pastDays(store, clock, 4);
    await runReset(store);
    clock.now = FIRST + 4 * MS_PER_DAY + 8 * MS_PER_HOUR;
    await charge(store, 'acme', 200);
    await charge(store, 'other', 900);
    clock.now += MS_PER_HOUR;
    const [acme, other] = await told(store, 'acme', 'other');
    expect(acme).toMatchObject({ state: 'lasts', basis: 'profile', days: 4 });
    expect(other).toEqual({
      ...{ state: 'runs_out', exhaustedAt: '2026-11-17T09:21:00.000Z' },
      ...{ spentByReset: 503_688, basis: 'pace', days: 0 },
    });
  });

  test('knows that past days ran out: their denials for want of credits are read with them', async () => {
    const { store, clock } = await memoryStore(new Date(FIRST).toISOString());
    await addAccount(store, 'acme');
    await pastDays(store, clock, 3);
    clock.now = FIRST + 3 * MS_PER_DAY + 8 * MS_PER_HOUR;
    await charge(store, 'acme', 100);
    clock.now += MS_PER_HOUR;
    expect(await told(store, 'acme')).toMatchObject([{ state: 'lasts', spentByReset: 40_000, days: 3 }]);
    for (let day = 0; day < 3; day += 1) {
      const at = FIRST + day * MS_PER_DAY + 12 * MS_PER_HOUR;
      await store.write((tx) =>
        tx.usage.addDenials([
          { at, keyId: null, account: 'acme', service: 'default', code: 'insufficient_credits', ip: null, requestId: null, count: 3 },
        ]),
      );
    }
    // The twelve hours that were never seen are as busy as those that were.
    expect(await told(store, 'acme')).toMatchObject([{ state: 'lasts', spentByReset: 80_000, days: 3 }]);
  });

  test('a request is as dear as the cheapest service that costs anything', async () => {
    const { store } = await memoryStore(new Date(FIRST + 12 * MS_PER_HOUR).toISOString());
    await createService(store, { name: 'free', cost: 0, environment: null }, ACTOR);
    await addAccount(store, 'acme');
    await charge(store, 'acme', 1, 99_950);
    expect(await told(store, 'acme')).toMatchObject([{ state: 'spent' }]);
    await createService(store, { name: 'cheap', cost: 10, environment: null }, ACTOR);
    expect(await told(store, 'acme')).toMatchObject([{ state: 'runs_out' }]);
    await editService(store, { name: 'cheap', cost: 0, environment: undefined }, ACTOR);
    await editService(store, { name: 'default', cost: 0, environment: undefined }, ACTOR);
    expect(await told(store, 'acme')).toMatchObject([{ state: 'runs_out' }]);
  });
});
