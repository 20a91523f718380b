import { STATUS_CODES } from 'node:http';
import { PROBLEM_TYPE } from './problem.ts';

const STATUS_OF_CODE: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** The last answer on a connection whose bytes are no HTTP, written as it goes onto the wire. `code` is Node's for what is wrong. */
export function farewell(code: string | undefined): string {
  const status = STATUS_OF_CODE[code ?? ''] ?? 400;
  const title = STATUS_CODES[status] ?? 'Bad Request';
  const detail = 'The request is not HTTP/1.1, is too long, or took too long to arrive.';
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code: 'bad_request', requestId: null });
  const headers = [
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${String(body.length)}`,
    'X-Keyctl-Code: bad_request',
    'Connection: close',
  ];
  return [`HTTP/1.1 ${String(status)} ${title}`, ...headers, '', body].join('\r\n');
}
