import { STATUS_CODES } from 'node:http';
import type { ErrorCode } from '../domain/error.ts';
import type { VerdictCode } from '../domain/verdict.ts';
import type { Exchange } from './exchange.ts';
import { header, headersOf } from './verdict-headers.ts';

/** What can be wrong with a request before anybody asks about its key. */
export const PROBLEM_STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  refund_window_closed: 409,
  store_unavailable: 503,
} as const satisfies Record<string, number>;

export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** Failures of keyctl as a caller over HTTP sees them. Whatever is not the caller's fault is that the store cannot answer: fail closed. */
export const PROBLEM_OF_ERROR = {
  usage: 'bad_request',
  secret_in_argument: 'bad_request',
  not_found: 'not_found',
  store_missing: 'store_unavailable',
  already_exists: 'bad_request',
  ambiguous: 'bad_request',
  conflict: 'bad_request',
  refund_window_closed: 'refund_window_closed',
  store_busy: 'store_unavailable',
  store_full: 'store_unavailable',
  store_read_only: 'store_unavailable',
  store_damaged: 'store_unavailable',
  store_foreign: 'store_unavailable',
  store_newer: 'store_unavailable',
  store_older: 'store_unavailable',
  store_moved: 'store_unavailable',
  failed: 'store_unavailable',
  cancelled: 'store_unavailable',
} as const satisfies Record<ErrorCode, ProblemCode>;

/** The body of a denial or problem, RFC 9457. `about:blank` says that the status explains itself; `code` is what programs read. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: VerdictCode | ProblemCode;
  readonly requestId: string | null;
}

export const PROBLEM_TYPE = 'application/problem+json';

export function problemBody(code: Problem['code'], status: number, detail: string, requestId: string | null): string {
  const problem: Problem = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, code, requestId };
  return JSON.stringify(problem);
}

/** Answers a problem, with more headers as lines. `detail` is one of our own sentences and repeats nothing of the request. */
export function sendProblem(exchange: Exchange, code: ProblemCode, detail: string, headers = ''): void {
  const status = PROBLEM_STATUS[code];
  const retry = code === 'store_unavailable' ? header('Retry-After', '1') : '';
  const fields = headersOf({ code, status }) + retry + headers + header('Content-Type', PROBLEM_TYPE);
  exchange.send(status, fields, problemBody(code, status, detail, null));
}
