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
  const deniedIn = new Map<number, Partial<Record<DenialCode, number>>>();
  for (const { bucket, code, requests } of denied) {
    const codes = deniedIn.get(bucket);
    if (codes === undefined) deniedIn.set(bucket, { [code]: requests });
    else codes[code] = requests;
  }
  // A hundred thousand sums of which few have denials: each is made once, where it stays.
  const sums: UsageSum[] = spent.map(({ bucket, requests, credits }) => ({
    bucket,
    requests,
    credits,
    denied: deniedIn.get(bucket) ?? {},
  }));
  if (deniedIn.size === 0) return sums;
  for (const { bucket } of spent) deniedIn.delete(bucket);
  for (const [bucket, codes] of deniedIn) sums.push({ bucket, requests: 0, credits: 0, denied: codes });
  return sums.sort((one, other) => one.bucket - other.bucket);
}
