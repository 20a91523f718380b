import { usageError } from '../domain/error.ts';
import { parseDuration, parseInstant, type Instant } from '../domain/utc-day.ts';

/** A moment from a flag such as `--since`: a length of time back from now (`1h`, `7d`), a date (its 00:00 UTC) or a time with its offset. */
export function readMoment(name: string, text: string, now: Instant): Instant {
  const length = parseDuration(text);
  const at = length === null ? parseInstant(text) : now - length;
  if (at !== null) return at;
  throw usageError(`${name} cannot be read.`, 'Write 1h or 7d for so long ago, a date such as 2026-11-22, or 2026-11-22T10:00:00Z.');
}
