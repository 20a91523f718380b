import type { Balance } from '../domain/credits.ts';
import type { Ref } from '../domain/entities.ts';
import { forecast, FORECAST_DAYS, type Forecast } from '../domain/forecast.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, formatInstant, hourOf, MS_PER_HOUR, startOfDay, type Instant } from '../domain/utc-day.ts';

/**
 * Says of each account when today's credits will be spent at this pace, by its ref; `balance` is the account's books of today. Reads at
 * most 15 days of its hours, each looked up by itself, so that it costs the same beside many accounts. See `Forecast` for what it returns.
 */
export async function forecastCredits(
  tx: ReadTransaction,
  accounts: readonly { readonly accountRef: Ref; readonly balance: Balance }[],
  now: Instant,
): Promise<ReadonlyMap<Ref, Forecast>> {
  const prices = (await tx.catalogue.services()).map(({ cost }) => cost).filter((cost) => cost > 0);
  const price = prices.length === 0 ? 1 : Math.min(...prices);
  const period = { from: startOfDay(dayOf(now) - FORECAST_DAYS), to: (hourOf(now) + 1) * MS_PER_HOUR };
  const found = new Map<Ref, Forecast>();
  for (const { accountRef, balance } of accounts) {
    const sums = await tx.usage.sums({ ...period, table: 'hour', by: 'hour', accountRef });
    const hours = sums.map(({ bucket, credits, denied }) => ({
      ...{ hour: bucket, credits },
      exhausted: (denied.insufficient_credits ?? 0) > 0,
    }));
    found.set(accountRef, forecast(hours, balance, price, now));
  }
  return found;
}

/** A forecast as JSON has it, in `usage` and in `status`. */
export function forecastJson({ state, exhaustedAt, spentByReset, basis, days }: Forecast): Record<string, unknown> {
  return { state, exhaustedAt: exhaustedAt === null ? null : formatInstant(exhaustedAt), spentByReset, basis, days };
}
