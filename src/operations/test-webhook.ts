import { testMessage } from '../domain/alert-messages.ts';
import { KeyctlError } from '../domain/error.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Store } from '../domain/store.ts';
import { answerInWords, isDelivered, type PostWebhook } from '../domain/webhook-post.ts';
import { webhookHeaders } from '../domain/webhook-signature.ts';
import { shownWebhookUrl } from '../domain/webhook-url.ts';

export interface WebhookTest {
  readonly url: string;
  /** The message's id, which the receiver's log has as well. */
  readonly id: string;
  readonly delivered: boolean;
  /** The receiver's status, or null when there was no answer. */
  readonly status: number | null;
  readonly result: string;
  readonly milliseconds: number;
  /** How the receiver's answer begins. */
  readonly answer: string;
}

export const WEBHOOK_TEST_FIELDS = ['url', 'id', 'delivered', 'status', 'result', 'milliseconds', 'answer'] as const;

/** Sends a message that is about nothing, signed as any other, past the outbox, and tells what came back. Throws `not_found` without a webhook. */
export async function testWebhook(
  store: Store,
  post: PostWebhook,
  stopwatch: () => number,
  randomBytes: RandomBytes,
): Promise<WebhookTest> {
  const { webhook, now } = await store.read(async (tx, at) => ({ webhook: await tx.alerts.webhook(), now: at }));
  if (webhook === null) {
    throw new KeyctlError('not_found', 'There is no webhook.', { hint: 'Make one with: keyctl alert set https://example.com/keyctl' });
  }
  const { id, body } = testMessage(now, randomBytes);
  const { url, allowsHttp, secret, former } = webhook;
  const secrets = [secret, ...(former !== null && now < former.until ? [former.secret] : [])];
  const begun = stopwatch();
  const answer = await post({ url, allowsHttp, headers: webhookHeaders({ id, at: now, body }, secrets), body });
  return {
    ...{ url: shownWebhookUrl(url), id, delivered: isDelivered(answer), result: answerInWords(answer) },
    status: answer.kind === 'answered' ? answer.status : null,
    milliseconds: Math.round(stopwatch() - begun),
    answer: answer.kind === 'answered' ? beginning(answer.text) : '',
  };
}

const SHOWN_CHARACTERS = 200;

/** One line without what a terminal would obey. */
function beginning(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  const characters = [...line];
  return characters.length <= SHOWN_CHARACTERS ? line : `${characters.slice(0, SHOWN_CHARACTERS).join('')}…`;
}
