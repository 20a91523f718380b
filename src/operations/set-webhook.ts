import type { Webhook } from '../domain/alerts.ts';
import { usageError } from '../domain/error.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Actor, Store } from '../domain/store.ts';
import { dayOf, MS_PER_DAY, type Instant } from '../domain/utc-day.ts';
import { mintWebhookSecret } from '../domain/webhook-signature.ts';
import { checkWebhookUrl } from '../domain/webhook-url.ts';
import { webhookJson } from './describe-webhook.ts';

const DEFAULT_THRESHOLDS: readonly number[] = [75, 90, 100];
const DEFAULT_EXPIRY_MS = 14 * MS_PER_DAY;
/** How long the receiver may go on with the secret before, once there is a new one. */
const FORMER_SECRET_MS = MS_PER_DAY;

/** Whatever is left out stays as it is. */
export interface SetWebhook {
  readonly url?: string;
  readonly allowHttp: boolean;
  /** Whole percents; none for never. */
  readonly thresholds?: readonly number[];
  /** Milliseconds; null for never. */
  readonly expiryMs?: number | null;
  readonly on?: boolean;
  readonly newSecret: boolean;
}

export interface WebhookSet {
  readonly webhook: Webhook;
  readonly now: Instant;
  readonly changed: boolean;
  /** A secret that was made, which nobody is shown again. */
  readonly secret: string | null;
}

/**
 * Says where messages go and what they are about. The first time, and when asked to, it makes a secret, which `deliver` gets inside the
 * transaction: when that fails, nothing has changed. Throws `usage`.
 */
export function setWebhook(
  store: Store,
  wanted: SetWebhook,
  actor: Actor,
  randomBytes: RandomBytes,
  deliver: (secret: string) => void = () => undefined,
): Promise<WebhookSet> {
  return store.write(async (tx, now) => {
    const before = await tx.alerts.webhook();
    const webhook = changed(before, wanted, now, randomBytes);
    const secret = before?.secret === webhook.secret ? null : webhook.secret;
    if (JSON.stringify(before) === JSON.stringify(webhook)) return { webhook, now, changed: false, secret: null };
    await tx.alerts.setWebhook(webhook);
    // What waited for another receiver, or for this one to come back, is sent now.
    await tx.alerts.hurry(now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'alert.set', targetKind: 'config', targetId: 'webhook', targetName: 'webhook' },
      before: before === null ? null : webhookJson(before, now),
      after: webhookJson(webhook, now),
    });
    if (secret !== null) deliver(secret);
    return { webhook, now, changed: true, secret };
  });
}

function changed(before: Webhook | null, wanted: SetWebhook, now: Instant, randomBytes: RandomBytes): Webhook {
  const { allowHttp, on, newSecret } = wanted;
  const allowsHttp = wanted.url === undefined ? (before?.allowsHttp ?? false) || allowHttp : allowHttp;
  const given = wanted.url ?? before?.url;
  if (given === undefined)
    throw usageError('There is no webhook yet.', 'Say where messages go: keyctl alert set https://example.com/keyctl');
  const url = wanted.url === undefined ? given : checkWebhookUrl(given, allowsHttp);
  const isOn = on ?? (before === null || before.since !== null);
  return {
    ...{ url, allowsHttp },
    ...secrets(before, newSecret, now, randomBytes),
    thresholds: wanted.thresholds ?? before?.thresholds ?? DEFAULT_THRESHOLDS,
    expiryMs: wanted.expiryMs === undefined ? (before === null ? DEFAULT_EXPIRY_MS : before.expiryMs) : wanted.expiryMs,
    // Days before it was switched on are no news.
    since: isOn ? (before?.since ?? dayOf(now)) : null,
  };
}

function secrets(before: Webhook | null, renew: boolean, now: Instant, randomBytes: RandomBytes): Pick<Webhook, 'secret' | 'former'> {
  if (before === null) return { secret: mintWebhookSecret(randomBytes), former: null };
  const { secret, former } = before;
  if (!renew) return { secret, former };
  return { secret: mintWebhookSecret(randomBytes), former: { secret, until: now + FORMER_SECRET_MS } };
}
