/** Milliseconds since 1970-01-01T00:00:00.000Z. */
export type Instant = number;

/** Whole UTC days since 1970-01-01. A day is half-open: [00:00:00.000, next 00:00:00.000). */
export type UtcDay = number;

/** Whole UTC hours since 1970-01-01T00:00Z. */
export type UtcHour = number;

export const MS_PER_SECOND = 1_000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;
export const HOURS_PER_DAY = 24;

export function dayOf(at: Instant): UtcDay {
  return Math.floor(at / MS_PER_DAY);
}

export function startOfDay(day: UtcDay): Instant {
  return day * MS_PER_DAY;
}

export function hourOf(at: Instant): UtcHour {
  return Math.floor(at / MS_PER_HOUR);
}

export function dayOfHour(hour: UtcHour): UtcDay {
  return Math.floor(hour / HOURS_PER_DAY);
}

/** The instant at which every account's balance comes back: the first instant of the next UTC day. */
export function nextReset(at: Instant): Instant {
  return startOfDay(dayOf(at) + 1);
}

/** `2026-11-22` */
export function formatDay(day: UtcDay): string {
  return new Date(startOfDay(day)).toISOString().slice(0, 10);
}

/** `2026-11-22T10:15:00.000Z` (ISO 8601, UTC) */
export function formatInstant(at: Instant): string {
  return new Date(at).toISOString();
}

/** A calendar date `YYYY-MM-DD` that exists, between the years 1970 and 9999, or null. */
export function parseDay(text: string): UtcDay | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return null;
  const [year, month, date] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const at = Date.UTC(year, month - 1, date);
  const found = new Date(at);
  const exists = found.getUTCFullYear() === year && found.getUTCMonth() === month - 1 && found.getUTCDate() === date;
  return exists && at >= 0 ? dayOf(at) : null;
}

/** The first day of a month `YYYY-MM` and of the month after it, or null. */
export function parseMonth(text: string): { first: UtcDay; next: UtcDay } | null {
  const first = /^\d{4}-\d{2}$/.test(text) ? parseDay(`${text}-01`) : null;
  if (first === null) return null;
  const date = new Date(startOfDay(first));
  return { first, next: dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)) };
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: MS_PER_HOUR, d: MS_PER_DAY, w: 7 * MS_PER_DAY };

/** A length of time such as `90d`, `24h`, `30m`, `45s`, `2w`, at most 100 years, in milliseconds; `0` is zero. Null if it is none. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  const match = /^(\d{1,9})([smhdw])$/.exec(text);
  if (match === null) return null;
  const length = Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN);
  return length <= 36_525 * MS_PER_DAY ? length : null;
}

/** A length of time as it is written, in the largest unit that it is a whole number of. */
export function formatLength(ms: number): string {
  const unit = ['d', 'h', 'm'].find((letter) => ms % (UNIT_MS[letter] ?? Number.NaN) === 0) ?? 's';
  return `${String(Math.floor(ms / (UNIT_MS[unit] ?? Number.NaN)))}${unit}`;
}

/**
 * An instant written as a date (`2026-11-22`, its 00:00 UTC) or as ISO 8601 with an explicit offset or `Z`
 * (`2026-11-22T10:00:00Z`; without seconds too). A time without an offset is refused: it would mean the host's zone.
 */
export function parseInstant(text: string): Instant | null {
  const day = parseDay(text);
  if (day !== null) return startOfDay(day);
  const match = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null || parseDay(match[1] ?? '') === null) return null;
  const at = Date.parse(text);
  return Number.isFinite(at) && at >= 0 ? at : null;
}
