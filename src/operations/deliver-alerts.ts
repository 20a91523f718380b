import { afterAttempt } from '../domain/alert-retries.ts';
import type { Alert } from '../domain/alerts.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Store } from '../domain/store.ts';
import { MS_PER_SECOND } from '../domain/utc-day.ts';
import type { PostWebhook, WebhookAnswer, WebhookRequest } from '../domain/webhook-post.ts';
import { webhookHeaders } from '../domain/webhook-signature.ts';

/** Sent side by side. */
const MESSAGES_AT_ONCE = 8;
/** Longer than an attempt takes. Who has taken messages and is killed before they are sent leaves them to others after this time. */
const CLAIM_MS = 60 * MS_PER_SECOND;

/** Messages that nobody else takes meanwhile, ready to be sent. */
export interface ClaimedMessage {
  readonly alert: Alert;
  readonly request: WebhookRequest;
}

export interface Attempt {
  readonly alert: Alert;
  readonly answer: WebhookAnswer;
}

/** The halves of a delivery that are transactions; between them lies the network. */
export interface DeliveryActs {
  /** Takes the messages that are due, some of them. */
  readonly claimAlerts: () => Promise<readonly ClaimedMessage[]>;
  readonly recordAlerts: (attempts: readonly Attempt[]) => Promise<void>;
}

/** See `DeliveryActs`. Nothing is written where nothing is due. */
export async function claimAlerts(store: Store): Promise<readonly ClaimedMessage[]> {
  const due = await store.read(async (tx, now) => {
    const webhook = await tx.alerts.webhook();
    return webhook !== null && webhook.since !== null && (await tx.alerts.isDue(now));
  });
  if (!due) return [];
  return store.writeBeside(async (tx, now) => {
    const webhook = await tx.alerts.webhook();
    if (webhook === null || webhook.since === null) return [];
    const { url, allowsHttp, secret, former } = webhook;
    const secrets = [secret, ...(former !== null && now < former.until ? [former.secret] : [])];
    const alerts = await tx.alerts.claim(now, now + CLAIM_MS, MESSAGES_AT_ONCE);
    return alerts.map((alert) => {
      const { id, body } = alert;
      return { alert, request: { url, allowsHttp, headers: webhookHeaders({ id, at: now, body }, secrets), body } };
    });
  });
}

export async function recordAlerts(store: Store, attempts: readonly Attempt[], randomBytes: RandomBytes): Promise<void> {
  await store.writeBeside(async (tx, now) => {
    for (const { alert, answer } of attempts) {
      await tx.alerts.record(alert.number, alert.attempts, afterAttempt(alert, answer, now, randomBytes));
    }
  });
}

export interface Delivery {
  readonly acts: DeliveryActs;
  readonly post: PostWebhook;
  /** Ends it: what is on its way is cut off, and sent again later. */
  readonly signal: AbortSignal;
}

/**
 * Sends the messages that are due until none is. A message is delivered when its receiver has said so; whoever does not hear that, since the
 * receiver, the network or this process ended, sends it again.
 */
export async function deliverAlerts({ acts, post, signal }: Delivery, told: (attempt: Attempt) => void = () => undefined): Promise<void> {
  while (!signal.aborted) {
    const claimed = await acts.claimAlerts();
    if (claimed.length === 0) return;
    const attempts = await Promise.all(
      claimed.map(async ({ alert, request }) => {
        const attempt = { alert, answer: await post(request, signal) };
        told(attempt);
        return attempt;
      }),
    );
    await acts.recordAlerts(attempts);
  }
}
