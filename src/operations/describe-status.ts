import { remaining, type Balance } from '../domain/credits.ts';
import { tierOn, type KeyStatus } from '../domain/entities.ts';
import type { Forecast } from '../domain/forecast.ts';
import type { AccountBooks, KeyFilter, ReadTransaction, Store, UsageSum } from '../domain/store.ts';
import {
  dayOf,
  formatDay,
  formatInstant,
  hourOf,
  HOURS_PER_DAY,
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_SECOND,
  nextReset,
  startOfDay,
  type Instant,
  type UtcDay,
} from '../domain/utc-day.ts';
import { currentPace, type Pace } from './current-pace.ts';
import { describeKeys, type KeyView } from './describe-keys.ts';
import { forecastCredits, forecastJson } from './forecast-credits.ts';
import { describeOutbox, outboxJson, type OutboxView } from './describe-outbox.ts';
import { describeServers, serverJson, type ServerView } from './server-signs.ts';
import { totalOf, type UsageTotal } from './usage-rows.ts';

const BUSIEST = 5;
/** From this share of its allowance on an account is one to look after, however little it spends. */
const TIGHT_SHARE = 0.75;
const EXPIRING_WITHIN_MS = 7 * MS_PER_DAY;
const MOST_EXPIRING = 10;

export interface BusyAccount {
  readonly account: string;
  readonly tier: string;
  readonly spent: number;
  /** What it may spend today: granted and adjusted. */
  readonly allowance: number;
  readonly remaining: number;
  readonly forecast: Forecast;
}

export interface StatusHour extends UsageTotal {
  readonly at: Instant;
}

/** The day at a glance. */
export interface StatusView {
  readonly store: string;
  readonly now: Instant;
  readonly today: UsageTotal;
  /** Today's hours, the running one included. */
  readonly hours: readonly StatusHour[];
  readonly accounts: number;
  /** Those that spent the most today, most first. */
  readonly busiest: readonly BusyAccount[];
  /** Those that are nearest to their allowance, or have spent it, the nearest first. */
  readonly tightest: readonly BusyAccount[];
  readonly keys: Readonly<Record<KeyStatus, number>>;
  /** Active keys that end within 7 days: how many, and the first of them. */
  readonly expiring: { readonly count: number; readonly keys: readonly KeyView[] };
  readonly lastReset: { readonly at: Instant; readonly day: UtcDay } | null;
  readonly pace: Pace;
  readonly servers: readonly ServerView[];
  /** How the messages to the webhook are doing; null without one. */
  readonly alerts: OutboxView | null;
}

export const STATUS_FIELDS = [
  ...['store', 'day', 'today', 'accounts', 'busiest', 'keys', 'expiring', 'lastReset', 'resetsAt', 'resetsInSeconds'],
  ...['at', 'hours', 'tightest', 'pace', 'servers', 'alerts'],
] as const;

export function statusJson(view: StatusView): Record<string, unknown> {
  const { store, now, today, hours, accounts, busiest, tightest, keys, expiring, lastReset, pace, servers, alerts } = view;
  return {
    ...{ store, day: formatDay(dayOf(now)), today, accounts, busiest: busiest.map(busyJson), keys },
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
    at: formatInstant(now),
    hours: hours.map(({ at, ...sums }) => ({ hour: formatInstant(at), ...sums })),
    tightest: tightest.map(busyJson),
    pace,
    servers: servers.map(serverJson),
    alerts: alerts === null ? null : outboxJson(alerts),
  };
}

function busyJson({ forecast, ...account }: BusyAccount): Record<string, unknown> {
  return { ...account, forecast: forecastJson(forecast) };
}

export function describeStatus(store: Store): Promise<StatusView> {
  return store.read(async (tx, now) => {
    const day = dayOf(now);
    const sums = await tx.usage.sums({ from: startOfDay(day), to: startOfDay(day + 1), table: 'hour', by: 'hour' });
    const ending: KeyFilter = { now, status: 'active', expiresBy: now + EXPIRING_WITHIN_MS };
    const tightest = await tx.credits.busiest(day, BUSIEST, 'share');
    return {
      ...{ store: store.location, now, today: totalOf(sums), hours: hoursOf(sums, now) },
      accounts: await tx.accounts.count({}),
      busiest: await busyAccounts(tx, await tx.credits.busiest(day, BUSIEST), now),
      tightest: await busyAccounts(
        tx,
        tightest.filter(({ balance }) => isTight(balance)),
        now,
      ),
      keys: await tx.keys.countByStatus(now),
      expiring: {
        count: await tx.keys.count(ending),
        keys: await describeKeys(tx, await tx.keys.ending(now, now + EXPIRING_WITHIN_MS, MOST_EXPIRING), now),
      },
      lastReset: await tx.config.lastReset(),
      pace: await currentPace(tx, now),
      servers: await describeServers(tx, now),
      alerts: await describeOutbox(tx, now),
    };
  });
}

function hoursOf(sums: readonly UsageSum[], now: Instant): readonly StatusHour[] {
  const byHour = new Map(sums.map((sum) => [sum.bucket, sum]));
  const first = dayOf(now) * HOURS_PER_DAY;
  return Array.from({ length: hourOf(now) - first + 1 }, (_, place) => {
    const { requests = 0, credits = 0, denied = {} } = byHour.get(first + place) ?? {};
    return { at: (first + place) * MS_PER_HOUR, requests, credits, denied };
  });
}

function isTight(balance: Balance): boolean {
  return balance.spent >= TIGHT_SHARE * (balance.granted + balance.adjusted);
}

async function busyAccounts(tx: ReadTransaction, books: readonly AccountBooks[], now: Instant): Promise<readonly BusyAccount[]> {
  const forecasts = await forecastCredits(tx, books, now);
  const accounts: BusyAccount[] = [];
  for (const { accountRef, balance } of books) {
    const [account, forecast] = [await tx.accounts.byRef(accountRef), forecasts.get(accountRef)];
    if (account === null || forecast === undefined) continue;
    const allowance = balance.granted + balance.adjusted;
    accounts.push({
      ...{ account: account.name, tier: tierOn(account, dayOf(now)), spent: balance.spent, allowance, remaining: remaining(balance) },
      forecast,
    });
  }
  return accounts;
}
