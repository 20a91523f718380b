import { debitId, parseDebitId } from '../domain/debit.ts';
import { debitJson } from '../operations/refund-debit.ts';
import type { Exchange } from './exchange.ts';
import { sendProblem } from './problem.ts';
import { rateLimitFields } from './rate-limit-fields.ts';
import type { RefundQueue } from './refund-queue.ts';
import { header, headersOf } from './verdict-headers.ts';

/** `POST /v1/debits/{id}/refund`: gives a debit back; repeated, the same answer. `id` is as it stands in the path. */
export async function answerRefund(exchange: Exchange, refunds: RefundQueue, id: string): Promise<void> {
  exchange.ignoreBody();
  const number = parseDebitId(id);
  if (number === null) {
    sendProblem(exchange, 'not_found', 'There is no such debit.');
    return;
  }
  const { debit, environment, standing } = await refunds.submit(number);
  const { account, keyId, requestId, cost } = debit;
  const { at, tier, credits } = standing;
  const headers = headersOf({
    ...{ code: 'ok', status: 200, account, keyId, environment, tier, requestId },
    ...{ debitId: debitId(number), limitedBy: credits.limitedBy, creditsAvailable: credits.remaining },
  });
  const limits = rateLimitFields({ credits, cost, rate: null, code: 'ok', retryAfter: null }, at);
  exchange.send(200, headers + limits + header('Content-Type', 'application/json'), JSON.stringify(debitJson(debit)));
}
