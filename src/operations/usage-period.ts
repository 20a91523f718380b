import { usageError } from '../domain/error.ts';
import type { UsageBucket } from '../domain/store.ts';
import { dayOf, hourOf, MS_PER_DAY, MS_PER_HOUR, startOfDay, type Instant, type UtcDay } from '../domain/utc-day.ts';

/** What was asked for, already read; undefined where nothing was said. */
export interface WantedPeriod {
  readonly since: Instant | undefined;
  readonly until: Instant | undefined;
  readonly month: { readonly first: UtcDay; readonly next: UtcDay } | undefined;
  readonly by: UsageBucket | undefined;
}

/** A half-open period [from, to) of whole hours or days, and which of the two tables of usage answers for it. */
export interface UsagePeriod {
  readonly from: Instant;
  readonly to: Instant;
  readonly by: UsageBucket;
  readonly table: 'hour' | 'day';
  /** Hours this old are not kept any more: the period was rounded to whole days for it, or what is told by the hour is not whole. */
  readonly hoursGone: boolean;
}

/** Periods up to this long are told by the hour unless something else is asked for. */
const LONGEST_BY_HOUR_MS = 2 * MS_PER_DAY;
const MOST_ROWS = 10_000;

/**
 * Rounds a period down to the hour, or to the day where it is told by the day. Without a beginning it begins at 00:00 UTC today, without
 * an end it ends with the running hour or day. `hoursKept` is the first hour's instant of which usage is still kept by the hour.
 * Throws `usage` for an empty period or one with too many rows.
 */
export function usagePeriod(wanted: WantedPeriod, now: Instant, hoursKept: Instant): UsagePeriod {
  if (wanted.month !== undefined) {
    const { first, next } = wanted.month;
    return checked({ from: startOfDay(first), to: startOfDay(next) }, wanted.by ?? 'day', hoursKept);
  }
  const hourly = rounded(wanted, now, MS_PER_HOUR);
  const by = wanted.by ?? (hourly.to - hourly.from <= LONGEST_BY_HOUR_MS ? 'hour' : 'day');
  // What is older than the hours that are kept is known by the day only.
  const daily = by === 'day' || (by !== 'hour' && hourly.from < hoursKept);
  if (!daily) return checked(hourly, by, hoursKept);
  const days = rounded(wanted, now, MS_PER_DAY);
  const isOther = days.from !== hourly.from || days.to !== hourly.to;
  return { ...checked(days, by, hoursKept), hoursGone: by !== 'day' && isOther };
}

function rounded({ since, until }: WantedPeriod, now: Instant, unit: number): { from: Instant; to: Instant } {
  const down = (at: Instant): Instant => Math.floor(at / unit) * unit;
  return { from: down(since ?? startOfDay(dayOf(now))), to: until === undefined ? down(now) + unit : down(until) };
}

function checked({ from, to }: { from: Instant; to: Instant }, by: UsageBucket, hoursKept: Instant): UsagePeriod {
  if (from >= to) {
    throw usageError(
      'The period is empty.',
      'It begins with --since and ends before --until, both rounded down to the hour, or the day with --by day.',
    );
  }
  const rows = by === 'hour' ? hourOf(to) - hourOf(from) : by === 'day' ? dayOf(to) - dayOf(from) : 0;
  if (rows > MOST_ROWS) {
    throw usageError(
      `That would be ${String(rows)} rows, more than ${String(MOST_ROWS)}.`,
      'Ask for a shorter period, or use --by day or --by account.',
    );
  }
  const wholeDays = from % MS_PER_DAY === 0 && to % MS_PER_DAY === 0;
  return { from, to, by, table: wholeDays && by !== 'hour' ? 'day' : 'hour', hoursGone: by === 'hour' && from < hoursKept };
}
