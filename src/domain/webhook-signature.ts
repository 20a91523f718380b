import { createHmac } from 'node:crypto';
import type { RandomBytes } from './random.ts';
import { MS_PER_SECOND, type Instant } from './utc-day.ts';

// Messages are signed as Standard Webhooks 1.0.0 says (standardwebhooks.com), so that its libraries can check them: HMAC-SHA-256
// over `<id>.<seconds>.<body>`, in base64 after `v1,`, with a secret of random bytes that is written `whsec_` and base64.

const PREFIX = 'whsec_';
/** The standard asks for 24 at least and 64 at most. */
const SECRET_BYTES = 32;

/** A new secret for one receiver. */
export function mintWebhookSecret(randomBytes: RandomBytes): string {
  return PREFIX + Buffer.from(randomBytes(SECRET_BYTES)).toString('base64');
}

/** What people see instead of the secret. */
export function maskWebhookSecret(secret: string): string {
  return `${secret.slice(0, PREFIX.length + 4)}…`;
}

export interface SignedMessage {
  /** The same for every attempt, so that the receiver can tell one that it has already. */
  readonly id: string;
  /** Of this attempt; a receiver refuses what is minutes old. */
  readonly at: Instant;
  readonly body: string;
}

/** The headers of a message. It has a signature by each of the secrets; one that the receiver knows is enough. */
export function webhookHeaders({ id, at, body }: SignedMessage, secrets: readonly string[]): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(at / MS_PER_SECOND));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
