import type { Webhook } from '../domain/alerts.ts';
import { formatInstant, formatLength, type Instant } from '../domain/utc-day.ts';
import { maskWebhookSecret } from '../domain/webhook-signature.ts';
import { shownWebhookUrl } from '../domain/webhook-url.ts';

export const WEBHOOK_FIELDS = ['url', 'on', 'thresholds', 'expiring', 'allowHttp', 'secretMask', 'formerSecretUntil'] as const;

/** The webhook as JSON shows it. `expiring` is a length of time such as `14d`, or null for never. */
export function webhookJson(webhook: Webhook, now: Instant): Record<string, unknown> {
  const { url, allowsHttp, secret, former, thresholds, expiryMs, since } = webhook;
  return {
    ...{ url: shownWebhookUrl(url), on: since !== null, thresholds, expiring: expiryMs === null ? null : formatLength(expiryMs) },
    ...{ allowHttp: allowsHttp, secretMask: maskWebhookSecret(secret) },
    formerSecretUntil: former === null || former.until <= now ? null : formatInstant(former.until),
  };
}
