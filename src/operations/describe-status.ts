import { remaining } from '../domain/credits.ts';
import { tierOn, type KeyStatus } from '../domain/entities.ts';
import type { KeyFilter, ReadTransaction, Store } from '../domain/store.ts';
import {
  dayOf,
  formatDay,
  formatInstant,
  MS_PER_DAY,
  MS_PER_SECOND,
  nextReset,
  startOfDay,
  type Instant,
  type UtcDay,
} from '../domain/utc-day.ts';
import { describeKeys, type KeyView } from './describe-keys.ts';
import { totalOf, type UsageTotal } from './usage-rows.ts';

const BUSIEST = 5;
const EXPIRING_WITHIN_MS = 7 * MS_PER_DAY;
const MOST_EXPIRING = 10;

export interface BusyAccount {
  readonly account: string;
  readonly tier: string;
  readonly spent: number;
  /** What it may spend today: granted and adjusted. */
  readonly allowance: number;
  readonly remaining: number;
}

/** The day at a glance. */
export interface StatusView {
  readonly store: string;
  readonly now: Instant;
  readonly today: UsageTotal;
  readonly accounts: number;
  /** Those that spent the most today, most first. */
  readonly busiest: readonly BusyAccount[];
  readonly keys: Readonly<Record<KeyStatus, number>>;
  /** Active keys that end within 7 days: how many, and the first of them. */
  readonly expiring: { readonly count: number; readonly keys: readonly KeyView[] };
  readonly lastReset: { readonly at: Instant; readonly day: UtcDay } | null;
}

export const STATUS_FIELDS = [
  ...['store', 'day', 'today', 'accounts', 'busiest', 'keys', 'expiring', 'lastReset', 'resetsAt', 'resetsInSeconds'],
] as const;

export function statusJson({ store, now, today, accounts, busiest, keys, expiring, lastReset }: StatusView): Record<string, unknown> {
  return {
    ...{ store, day: formatDay(dayOf(now)), today, accounts, busiest, keys },
    expiring: {
      count: expiring.count,
      keys: expiring.keys.map(({ id, name, account, expiresAt }) => ({
        ...{ id, name, account },
        expiresAt: expiresAt === null ? null : formatInstant(expiresAt),
      })),
    },
    lastReset: lastReset === null ? null : { at: formatInstant(lastReset.at), day: formatDay(lastReset.day) },
    resetsAt: formatInstant(nextReset(now)),
    resetsInSeconds: Math.ceil((nextReset(now) - now) / MS_PER_SECOND),
  };
}

export function describeStatus(store: Store): Promise<StatusView> {
  return store.read(async (tx, now) => {
    const day = dayOf(now);
    const sums = await tx.usage.sums({ from: startOfDay(day), to: startOfDay(day + 1), table: 'day', by: 'code' });
    const ending: KeyFilter = { now, status: 'active', expiresBy: now + EXPIRING_WITHIN_MS };
    return {
      ...{ store: store.location, now, today: totalOf(sums) },
      accounts: await tx.accounts.count({}),
      busiest: await busiestAccounts(tx, day),
      keys: await tx.keys.countByStatus(now),
      expiring: {
        count: await tx.keys.count(ending),
        keys: await describeKeys(tx, await tx.keys.page(ending, { after: 0, limit: MOST_EXPIRING }), now),
      },
      lastReset: await tx.config.lastReset(),
    };
  });
}

async function busiestAccounts(tx: ReadTransaction, day: UtcDay): Promise<readonly BusyAccount[]> {
  const accounts: BusyAccount[] = [];
  for (const { accountRef, balance } of await tx.credits.busiest(day, BUSIEST)) {
    const account = await tx.accounts.byRef(accountRef);
    if (account === null) continue;
    const allowance = balance.granted + balance.adjusted;
    accounts.push({ account: account.name, tier: tierOn(account, day), spent: balance.spent, allowance, remaining: remaining(balance) });
  }
  return accounts;
}
