import { fine, warning, type Finding } from '../domain/finding.ts';
import type { OutboxDepth } from '../domain/alerts.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { formatInstant, MS_PER_HOUR, type Instant } from '../domain/utc-day.ts';

const MS_PER_MINUTE = 60_000;
/** Messages are counted up to so many: what is beyond it is no better news. */
const MOST_COUNTED = 10_000;
/** What fails for less than this a receiver's restart explains; Prometheus' rule waits as long. */
const FAILING_AFTER_MS = 30 * MS_PER_MINUTE;

/** How the messages to the webhook are doing. */
export interface OutboxView extends OutboxDepth {
  /** Whether the webhook is switched on. */
  readonly on: boolean;
  /** Whether somebody has to look after it: messages have waited for half an hour, or were given up. */
  readonly failing: boolean;
}

/** Null without a webhook. */
export async function describeOutbox(tx: ReadTransaction, now: Instant): Promise<OutboxView | null> {
  const webhook = await tx.alerts.webhook();
  if (webhook === null) return null;
  const depth = await tx.alerts.depth(MOST_COUNTED);
  const on = webhook.since !== null;
  const late = on && depth.oldestAt !== null && now - depth.oldestAt > FAILING_AFTER_MS;
  return { ...depth, on, failing: late || depth.givenUp > 0 };
}

export function outboxJson({ on, waiting, givenUp, oldestAt, lastResult, failing }: OutboxView): Record<string, unknown> {
  return { on, waiting, givenUp, oldestAt: oldestAt === null ? null : formatInstant(oldestAt), lastResult, failing };
}

/** Whether those who want to be told are told. */
export async function checkAlerts(tx: ReadTransaction, now: Instant): Promise<Finding> {
  const outbox = await describeOutbox(tx, now);
  if (outbox === null) return fine('alerts', 'There is no webhook.');
  const { on, failing, waiting, givenUp, oldestAt, lastResult } = outbox;
  if (!failing)
    return fine('alerts', on ? `The webhook takes its messages; ${count(waiting)} on the way.` : 'The webhook is switched off.');
  const facts = [
    ...(waiting > 0 && oldestAt !== null ? [`${count(waiting)} waiting, the oldest for ${age(now - oldestAt)}`] : []),
    ...(givenUp > 0 ? [`${count(givenUp)} given up`] : []),
    ...(lastResult === null ? [] : [`the last answer was: ${lastResult}`]),
  ];
  const hint = givenUp > 0 ? 'Try it with keyctl alert test; when it works, send them again with keyctl alert retry.' : TRY;
  return warning('alerts', `The webhook does not take its messages: ${facts.join('; ')}.`, hint);
}

const TRY = 'Try it with keyctl alert test, and see keyctl alert list. Messages are sent by keyctl serve and keyctl reset.';

function count(messages: number): string {
  return `${String(messages)} ${messages === 1 ? 'message' : 'messages'}`;
}

function age(ms: number): string {
  return ms < 2 * MS_PER_HOUR ? `${String(Math.floor(ms / MS_PER_MINUTE))} minutes` : `${String(Math.floor(ms / MS_PER_HOUR))} hours`;
}
