import { usageError } from '../domain/error.ts';
import { formatInstant, MS_PER_DAY, parseDay, parseDuration, parseInstant, startOfDay, type Instant } from '../domain/utc-day.ts';

/** Beyond it ISO 8601 needs a sign and six digits for the year, which many readers refuse. */
const END_OF_TIME = Date.UTC(9999, 11, 31);

/** `90d` from now, a date through whose end (UTC) the key is valid, an instant, or `never`. Throws `usage` for the past. */
export function readExpiry(text: string, now: Instant): Instant | null {
  if (text === 'never') return null;
  const length = parseDuration(text);
  const day = parseDay(text);
  const at = length !== null ? now + length : day !== null ? startOfDay(day) + MS_PER_DAY : parseInstant(text);
  if (at === null)
    throw usageError('--expires cannot be read.', 'Write 90d, a date such as 2027-01-31, a time such as 2027-01-31T18:00:00Z, or never.');
  if (at >= END_OF_TIME) throw usageError('--expires is too far away.', 'Write a date before 9999-12-31, or never.');
  if (at <= now) throw usageError(`--expires is not in the future: ${formatInstant(at)}.`);
  return at;
}
