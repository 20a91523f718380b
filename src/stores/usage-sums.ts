import type { UsageBucket, UsageSum } from '../domain/store.ts';
import { dayOf, hourOf } from '../domain/utc-day.ts';
import type { DenialCode } from '../domain/verdict.ts';

/** The two tables that usage is counted in, with those of denials beside them, and what a row of them is for. */
export const HOURS = { table: 'usage_hours', denied: 'denied_hours', column: 'hour', ms: 3_600_000, numberOf: hourOf };
export const DAYS = { table: 'usage_days', denied: 'denied_days', column: 'day', ms: 86_400_000, numberOf: dayOf };

/** What is summed up together, as an expression on such a table. */
export function bucketColumn(by: UsageBucket, unit: typeof HOURS): string {
  switch (by) {
    case 'hour':
      return unit.column;
    case 'day':
      return unit === HOURS ? 'hour / 24' : 'day';
    case 'account':
      return 'account_ref';
    case 'key':
      return 'key_ref';
    case 'service':
      return 'service_ref';
    case 'code':
      return '0';
  }
}

export interface SpentSum {
  readonly bucket: number;
  readonly requests: number;
  readonly credits: number;
}

export interface DeniedSum {
  readonly bucket: number;
  readonly code: DenialCode;
  readonly requests: number;
}

/** What was admitted and what was denied, one sum for each bucket that has either. */
export function joined(spent: readonly SpentSum[], denied: readonly DeniedSum[]): UsageSum[] {
  const sums = new Map<number, { requests: number; credits: number; denied: Partial<Record<DenialCode, number>> }>();
  for (const { bucket, requests, credits } of spent) sums.set(bucket, { requests, credits, denied: {} });
  for (const { bucket, code, requests } of denied) {
    const sum = sums.get(bucket) ?? { requests: 0, credits: 0, denied: {} };
    sum.denied[code] = requests;
    sums.set(bucket, sum);
  }
  return [...sums].map(([bucket, sum]) => ({ bucket, ...sum })).sort((one, other) => one.bucket - other.bucket);
}
