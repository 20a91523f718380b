import type { Balance } from '../domain/credits.ts';
import type { Account, Key } from '../domain/entities.ts';
import type { Forecast } from '../domain/forecast.ts';
import { settingDuration } from '../domain/settings.ts';
import type { ReadTransaction, Store, UsageSum } from '../domain/store.ts';
import { dayOf, formatInstant, hourOf, MS_PER_HOUR, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { balanceOn } from './balance-on.ts';
import { balanceJson } from './describe-accounts.ts';
import { findAccount } from './find-account.ts';
import { forecastCredits, forecastJson } from './forecast-credits.ts';
import { findKey, type KeyReference } from './find-key.ts';
import { checkServiceEver } from './service-ever.ts';
import { rowsOf, totalOf, type UsageRow, type UsageTotal } from './usage-rows.ts';
import { usagePeriod, type UsagePeriod, type WantedPeriod } from './usage-period.ts';

export interface ReportUsage extends WantedPeriod {
  /** A name or id. */
  readonly account: string | undefined;
  readonly key: KeyReference | undefined;
  readonly service: string | undefined;
  /** At most so many accounts or keys, those that spent the most, in that order; without it all, the oldest first. */
  readonly most?: number;
}

export interface UsageReport extends UsagePeriod {
  readonly rows: readonly UsageRow[];
  /** How many rows there would be without `most`. */
  readonly rowsInAll: number;
  readonly total: UsageTotal;
  /** The books of today of the one account that is meant, or null. */
  readonly credits: Balance | null;
  /** When these will be spent at this pace. */
  readonly forecast: Forecast | null;
  /** What could be spent on each day of the period, by the one account that is meant or by a key with a cap; for a picture of hours or days. */
  readonly allowances: ReadonlyMap<UtcDay, number>;
}

export const USAGE_FIELDS = ['from', 'to', 'by', 'rows', 'total', 'credits', 'forecast'] as const;

export function usageJson({ from, to, by, rows, total, credits, forecast }: UsageReport): Record<string, unknown> {
  return {
    ...{ from: formatInstant(from), to: formatInstant(to), by, rows, total },
    credits: credits === null ? null : balanceJson(credits),
    forecast: forecast === null ? null : forecastJson(forecast),
  };
}

/**
 * Requests and credits over a period, and what was denied in it. Hours and days without traffic are rows of zeros.
 * Throws `not_found`, `ambiguous`, or `usage` for a period that cannot be told.
 */
export function reportUsage(store: Store, wanted: ReportUsage): Promise<UsageReport> {
  return store.read(async (tx, now) => {
    const key = wanted.key === undefined ? null : await findKey(tx, wanted.key);
    const account = await accountMeant(tx, wanted, key);
    if (wanted.service !== undefined) await checkServiceEver(tx, wanted.service);
    const period = usagePeriod(wanted, now, await hoursKeptFrom(tx, now));
    const { from, to, by, table } = period;
    const sums = await tx.usage.sums({
      ...{ from, to, table, by },
      ...(account === null ? {} : { accountRef: account.ref }),
      ...(key === null ? {} : { keyRef: key.ref }),
      ...(wanted.service === undefined ? {} : { service: wanted.service }),
    });
    const billed = account ?? (await onlyAccount(tx));
    const credits = billed === null ? null : await balanceOn(tx, billed, dayOf(now));
    const shown = wanted.most !== undefined && (by === 'account' || by === 'key') ? busiest(sums, wanted.most) : sums;
    const rows = await rowsOf(tx, shown, period, account, now);
    return {
      ...period,
      rows,
      rowsInAll: rows.length + sums.length - shown.length,
      total: totalOf(sums),
      credits,
      forecast: billed === null || credits === null ? null : await forecastOf(tx, billed, credits, now),
      allowances: billed === null ? new Map() : await allowancesIn(tx, period, billed, key),
    };
  });
}

/** Naming a hundred thousand keys takes seconds: who sees fifty of them waits for those only. */
function busiest(sums: readonly UsageSum[], most: number): readonly UsageSum[] {
  return sums.toSorted((one, other) => other.credits - one.credits || other.requests - one.requests).slice(0, most);
}

/** Each day is looked up by itself: of years there is no picture that has room for them. */
const MOST_ALLOWANCES = 100;

async function allowancesIn(
  tx: ReadTransaction,
  { from, to, by }: UsagePeriod,
  account: Account,
  key: Key | null,
): Promise<ReadonlyMap<UtcDay, number>> {
  const allowances = new Map<UtcDay, number>();
  const [first, last] = [dayOf(from), dayOf(to - 1)];
  if ((by !== 'hour' && by !== 'day') || last - first >= MOST_ALLOWANCES) return allowances;
  for (let day = first; day <= last; day += 1) {
    const { granted, adjusted } = await balanceOn(tx, account, day);
    allowances.set(day, Math.min(granted + adjusted, key?.dailyCap ?? Infinity));
  }
  return allowances;
}

async function accountMeant(tx: ReadTransaction, wanted: ReportUsage, key: Key | null): Promise<Account | null> {
  if (key !== null) return tx.accounts.byRef(key.accountRef);
  return wanted.account === undefined ? null : findAccount(tx, wanted.account);
}

async function forecastOf(tx: ReadTransaction, { ref }: Account, balance: Balance, now: Instant): Promise<Forecast | null> {
  return (await forecastCredits(tx, [{ accountRef: ref, balance }], now)).get(ref) ?? null;
}

/** Whose balance is meant when nobody is named. */
async function onlyAccount(tx: ReadTransaction): Promise<Account | null> {
  const [only, another] = await tx.accounts.page({}, { after: 0, limit: 2 });
  return another === undefined ? (only ?? null) : null;
}

/** The same instant up to which `reset` prunes hours. */
async function hoursKeptFrom(tx: ReadTransaction, now: Instant): Promise<Instant> {
  return hourOf(now - settingDuration(await tx.config.all(), 'keep-hourly-usage')) * MS_PER_HOUR;
}
