import { STATUS_CODES } from 'node:http';
import { PROBLEM_TYPE, problemBody } from './problem.ts';
import { header, headersOf } from './verdict-headers.ts';

const STATUS_OF_CODE: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** The last answer on a connection whose bytes are no HTTP, written as it goes onto the wire. `code` is Node's for what is wrong. */
export function farewell(code: string | undefined): string {
  const status = STATUS_OF_CODE[code ?? ''] ?? 400;
  const detail = 'The request is not HTTP/1.1, is too long, or took too long to arrive.';
  const body = problemBody('bad_request', status, detail, null);
  const fields = [header('Content-Type', PROBLEM_TYPE), header('Content-Length', String(body.length)), header('Connection', 'close')].join(
    '',
  );
  return `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}\r\n${headersOf({ code: 'bad_request', status })}${fields}\r\n${body}`;
}
