import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { maskWebhookSecret, mintWebhookSecret, webhookHeaders } from '../../src/domain/webhook-signature.ts';

describe('the signature of a message', () => {
  test('is the one of the standard’s own example', () => {
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: 1_614_265_330_999, body: '{"test": 2432232314}' };
    expect(webhookHeaders(message, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('is made by each of the secrets, the present one first', () => {
    const [present, former] = [mintWebhookSecret(randomBytes), mintWebhookSecret(randomBytes)];
    const headers = webhookHeaders({ id: 'alert_1', at: 5_000, body: '{}' }, [present, former]);
    const own = (secret: string) =>
      `v1,${createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
        .update('alert_1.5.{}')
        .digest('base64')}`;
    expect(headers['webhook-signature']).toBe(`${own(present)} ${own(former)}`);
  });
});

test('a secret is 32 random bytes, and its mask tells four characters of it', () => {
  const secret = mintWebhookSecret(randomBytes);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(mintWebhookSecret(randomBytes)).not.toBe(secret);
  expect(maskWebhookSecret(secret)).toBe(`${secret.slice(0, 10)}…`);
});
