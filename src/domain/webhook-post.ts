/** One message on its way. */
export interface WebhookRequest {
  readonly url: string;
  readonly allowsHttp: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a receiver said, or why it could not be asked. Neither holds a secret. */
export type WebhookAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | null; readonly text: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** The port to the network. It resolves in any case, after some seconds at most; the signal cuts it short. */
export type PostWebhook = (request: WebhookRequest, signal?: AbortSignal) => Promise<WebhookAnswer>;

export function isDelivered(answer: WebhookAnswer): boolean {
  return answer.kind === 'answered' && answer.status >= 200 && answer.status <= 299;
}

/** The answer in a few words: `HTTP 503`, `timed out`. */
export function answerInWords(answer: WebhookAnswer): string {
  if (answer.kind === 'failed') return answer.reason;
  const redirects = answer.status >= 300 && answer.status <= 399;
  return `HTTP ${String(answer.status)}${redirects ? ', redirects are not followed' : ''}`;
}
