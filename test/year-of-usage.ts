import { randomBytes } from 'node:crypto';
import { mintApiKey } from '../src/domain/api-key.ts';
import { newId } from '../src/domain/random.ts';
import type { Store } from '../src/domain/store.ts';
import { dayOf, HOURS_PER_DAY, MS_PER_DAY, MS_PER_HOUR, startOfDay, type UtcDay } from '../src/domain/utc-day.ts';
import { blankKey } from '../src/operations/create-key.ts';
import { giveCredit } from '../src/operations/give-credit.ts';
import { refundDebit } from '../src/operations/refund-debit.ts';
import { reset } from '../src/operations/reset.ts';
import { openStore } from '../src/stores/open-store.ts';
import { ACTOR, type TestClock } from './harness.ts';
import { AT_ONCE } from './operations/import-fixture.ts';
import { requestBy } from './stores/contract.ts';

/** How much a store was used. */
export interface YearOfUsage {
  readonly accounts: number;
  readonly keysEach: number;
  readonly days: number;
  /** Requests on each day whose single debits are kept, and on each of the days before, of which usage and balances are left. */
  readonly requestsADay: number;
  readonly requestsADayBefore: number;
  /** Requests come in so many hours of a day, so that hours and days differ. */
  readonly busyHours: number;
}

export const SMALL_YEAR: YearOfUsage = { accounts: 30, keysEach: 3, days: 365, requestsADay: 200, requestsADayBefore: 24, busyHours: 2 };
/** What a company has that has outgrown one machine: some 1.4 million debits, and four times as many rows in all. */
export const LARGE_YEAR: YearOfUsage = {
  accounts: 2_000,
  keysEach: 5,
  days: 365,
  requestsADay: 40_000,
  requestsADayBefore: 4_000,
  busyHours: 12,
};

/** Days whose single debits `reset` keeps, by default. */
const DAYS_KEPT = 35;
const DAILY_CREDITS = 1_000_000_000;
const AT_ONCE_MOST = 1_000;
const ROWS_PER_WRITE = 1_000;
/** Some days have an operator's acts: a refund, and credits for a customer. */
const DAYS_BETWEEN_ACTS = 10;

/**
 * Makes a store as it is after a year of use: by the program itself, whose clock runs through the year, `reset` after every midnight. Nothing in it is
 * written by anybody else. Returns the secret of each account's first key.
 */
export async function useForAYear(path: string, year: YearOfUsage): Promise<readonly string[]> {
  const until = Date.now();
  const clock: TestClock = { now: startOfDay(dayOf(until) - year.days) };
  const { store } = await openStore({ location: path, mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 });
  try {
    const secrets = await addCustomers(store, year);
    for (let day = dayOf(clock.now); day <= dayOf(until); day += 1) {
      await useForADay({ store, clock, secrets, year, until }, day);
      clock.now = Math.min(until, startOfDay(day + 1) + 1);
      await reset(store, ACTOR, false, AT_ONCE);
    }
    return secrets.filter((_, place) => place % year.keysEach === 0);
  } finally {
    await store.close();
  }
}

async function addCustomers(store: Store, { accounts, keysEach }: YearOfUsage): Promise<string[]> {
  await store.write((tx) => tx.tiers.insert('year', DAILY_CREDITS, 0));
  const secrets: string[] = [];
  for (let from = 0; from < accounts; from += ROWS_PER_WRITE) {
    await store.write(async (tx, now) => {
      for (let place = from; place < Math.min(accounts, from + ROWS_PER_WRITE); place += 1) {
        const named = { id: newId('acct', randomBytes), name: `customer-${String(place)}`, externalId: String(place) };
        const account = await tx.accounts.insert({ ...named, createdAt: now, suspendedAt: null }, 'year');
        for (let which = 0; which < keysEach; which += 1) {
          const apiKey = mintApiKey('kc', 'prod', randomBytes);
          const key = { ...blankKey(account, apiKey, now, randomBytes), name: `key ${String(which)}`, environment: 'production' };
          await tx.keys.insert({ ...key, dailyCap: which === 1 ? DAILY_CREDITS : null });
          secrets.push(apiKey);
        }
      }
    });
  }
  return secrets;
}

interface Used {
  readonly store: Store;
  readonly clock: TestClock;
  readonly secrets: readonly string[];
  readonly year: YearOfUsage;
  readonly until: number;
}

async function useForADay(used: Used, day: UtcDay): Promise<void> {
  const { store, clock, year, until } = used;
  const requests = day > dayOf(until) - DAYS_KEPT ? year.requestsADay : year.requestsADayBefore;
  for (let turn = 0; turn < year.busyHours; turn += 1) {
    const hour = startOfDay(day) + ((day + turn * 2) % HOURS_PER_DAY) * MS_PER_HOUR;
    const at = Math.max(clock.now + 1, hour);
    if (at >= until || at >= startOfDay(day) + MS_PER_DAY) continue;
    clock.now = at;
    await spend(used, Math.round(requests / year.busyHours), day * HOURS_PER_DAY + turn);
  }
  if (day % DAYS_BETWEEN_ACTS !== 0) return;
  const guess = { keyId: null, account: null, service: null, code: 'invalid_api_key', ip: '192.0.2.1', requestId: null, count: 3 } as const;
  await store.write((tx, at) => tx.usage.addDenials([{ at, ...guess }]));
  const [newest] = await store.read((tx) => tx.debits.page({}, null, 1));
  if (newest !== undefined) await refundDebit(store, newest.number, { kind: 'shell', actor: ACTOR, reason: 'it failed' });
  const account = `customer-${String(day % year.accounts)}`;
  await giveCredit(store, { account, amount: 500, day: undefined, reason: 'a gift' }, ACTOR, randomBytes);
}

/** Few customers have most of the traffic; half of the requests have an id. */
async function spend({ store, clock, secrets }: Used, count: number, seed: number): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE_MOST) {
    clock.now += 1;
    const requests = Array.from({ length: Math.min(AT_ONCE_MOST, count - from) }, (_, place) => {
      const chance = (((seed * 40_503 + from + place) * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
      const apiKey = secrets[Math.floor(secrets.length * chance ** 2)] ?? '';
      const requestId = place % 2 === 0 ? null : `year-${String(seed)}-${String(from + place)}`;
      return requestBy({ apiKey }, { requestId, cost: 100 + (place % 3) });
    });
    await store.settle(requests);
  }
}
