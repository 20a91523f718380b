import { debitId, parseDebitId } from '../domain/debit.ts';
import { debitJson } from '../operations/refund-debit.ts';
import type { Exchange } from './exchange.ts';
import { sendProblem } from './problem.ts';
import type { RefundQueue } from './refund-queue.ts';
import { headersOf } from './verdict-headers.ts';

/** `POST /v1/debits/{id}/refund`: gives a debit back; repeated, the same answer. `id` is as it stands in the path. */
export async function answerRefund(exchange: Exchange, refunds: RefundQueue, id: string): Promise<void> {
  exchange.ignoreBody();
  const number = parseDebitId(id);
  if (number === null) {
    sendProblem(exchange, 'not_found', 'There is no such debit.');
    return;
  }
  const debit = await refunds.submit(number);
  const { account, keyId, requestId } = debit;
  const headers = headersOf({ code: 'ok', status: 200, account, keyId, requestId, debitId: debitId(number) });
  exchange.send(200, [...headers, 'Content-Type', 'application/json'], JSON.stringify(debitJson(debit)));
}
