import type { Alert, AlertOutcome } from './alerts.ts';
import type { RandomBytes } from './random.ts';
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND, type Instant } from './utc-day.ts';
import { answerInWords, isDelivered, type WebhookAnswer } from './webhook-post.ts';

const MINUTE = 60 * MS_PER_SECOND;
/** How long is waited after each attempt; after the last of these, as long again each time. */
const WAITS_MS = [
  ...[5 * MS_PER_SECOND, 30 * MS_PER_SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE],
  ...[MS_PER_HOUR, 2 * MS_PER_HOUR, 4 * MS_PER_HOUR, 8 * MS_PER_HOUR],
];
/** That is after some two and a half days. */
export const MOST_ATTEMPTS = 15;
/** Older than this it is given up sooner, but not without some tries: a server may have been off for as long, or its clock ahead. */
const MOST_AGE_MS = 7 * MS_PER_DAY;
const FEWEST_ATTEMPTS = 3;
/** A receiver may ask to be left alone for so long at most. */
const LONGEST_RETRY_AFTER_MS = 12 * MS_PER_HOUR;
/** Waits differ by up to a fifth, so that what failed together does not come back together. */
const JITTER = 0.2;

const GONE = 410;

/** What becomes of a message after an attempt. `alert` is as it was when it was taken for this attempt. */
export function afterAttempt(alert: Alert, answer: WebhookAnswer, now: Instant, randomBytes: RandomBytes): AlertOutcome {
  const result = answerInWords(answer);
  if (isDelivered(answer)) return { status: 'delivered', at: now, result };
  const { attempts, at } = alert;
  const tooOld = now - at > MOST_AGE_MS && attempts >= FEWEST_ATTEMPTS;
  // Gone is what a receiver says that wants no more of it.
  const gone = answer.kind === 'answered' && answer.status === GONE;
  if (gone || tooOld || attempts >= MOST_ATTEMPTS) return { status: 'given-up', at: now, result };
  return { status: 'waiting', dueAt: now + Math.max(waitAfter(attempts, randomBytes), retryAfterMs(answer)), result };
}

function waitAfter(attempts: number, randomBytes: RandomBytes): number {
  const wait = WAITS_MS[attempts - 1] ?? 8 * MS_PER_HOUR;
  const [chance = 0] = randomBytes(1);
  return Math.round(wait * (1 - JITTER + (2 * JITTER * chance) / 255));
}

/** `Retry-After` in seconds. The other form, a date, says what the receiver's clock says, and is left alone. */
function retryAfterMs(answer: WebhookAnswer): number {
  if (answer.kind === 'failed' || answer.retryAfter === null || !/^\d{1,9}$/.test(answer.retryAfter)) return 0;
  return Math.min(LONGEST_RETRY_AFTER_MS, Number(answer.retryAfter) * MS_PER_SECOND);
}
