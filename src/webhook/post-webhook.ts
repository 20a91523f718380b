import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { PostWebhook, WebhookAnswer, WebhookRequest } from '../domain/webhook-post.ts';
import { mayReceive } from '../domain/webhook-url.ts';

/** From the first look for the name to the end of the answer's head: whoever has more to do answers first and does it then. */
const TIMEOUT_MS = 15_000;
/** Of the answer's body, which only `alert test` shows. */
const MOST_BODY_BYTES = 2_000;

/** Our own reason for a failure, in the place of a system's code. */
class Refused extends Error {
  readonly code = 'KEYCTL_REFUSED';
}

/**
 * Sends a message: one connection, one POST, no redirect is followed. The address that a name leads to is looked at when the connection is
 * made, so that no answer of a name server in between leads elsewhere.
 */
export const postWebhook: PostWebhook = (message, signal) =>
  new Promise((resolve) => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signals = signal === undefined ? [timeout] : [timeout, signal];
    const answer = (given: WebhookAnswer): void => {
      resolve(given);
    };
    const fail = (error: unknown): void => {
      answer({ kind: 'failed', reason: timeout.aborted ? 'timed out' : signal?.aborted === true ? 'stopped' : reasonOf(error) });
    };
    try {
      const request = open(message, AbortSignal.any(signals));
      let isAnswered = false;
      request.on('error', (error) => {
        // The head has come, and with it the answer; a body that does not is no reason to send the message again.
        if (!isAnswered) fail(error);
      });
      request.on('response', (response) => {
        isAnswered = true;
        readAnswer(response, answer);
      });
      request.end(message.body);
    } catch (error) {
      fail(error);
    }
  });

function open({ url, allowsHttp, headers, body }: WebhookRequest, signal: AbortSignal): ClientRequest {
  const target = new URL(url);
  const encrypted = target.protocol === 'https:' || allowsHttp;
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !mayReceive(host, encrypted)) throw new Refused();
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    // No connection is kept: messages are few, and a receiver that was restarted is found again.
    agent: false,
    signal,
    lookup: (name, given, done) => {
      checkedLookup(name, given, encrypted, done);
    },
  };
  return target.protocol === 'https:' ? httpsRequest(target, options) : httpRequest(target, options);
}

type LookupDone = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

function checkedLookup(name: string, options: LookupOptions, encrypted: boolean, done: LookupDone): void {
  lookup(name, { ...options, all: true }, (error, found) => {
    const addresses = error === null ? found.filter(({ address }) => mayReceive(address, encrypted)) : [];
    const [first] = addresses;
    if (error !== null || first === undefined) done(error ?? new Refused(), '', 0);
    else if (options.all === true) done(null, addresses);
    else done(null, first.address, first.family);
  });
}

function readAnswer(response: IncomingMessage, answer: (given: WebhookAnswer) => void): void {
  const pieces: Buffer[] = [];
  let length = 0;
  response.on('data', (piece: Buffer) => {
    pieces.push(piece);
    length += piece.length;
    if (length >= MOST_BODY_BYTES) response.destroy();
  });
  response.on('error', () => undefined);
  response.on('close', () => {
    const retryAfter = response.headers['retry-after'] ?? null;
    const text = Buffer.concat(pieces).subarray(0, MOST_BODY_BYTES).toString('utf8');
    answer({ kind: 'answered', status: response.statusCode ?? 0, retryAfter, text });
  });
}

const WORDS: Readonly<Record<string, string>> = {
  KEYCTL_REFUSED: 'the name leads to an address that messages are not sent to',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed',
  EPIPE: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name could not be looked up',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'timed out',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** By the code alone: a message may quote what nobody should read. */
function reasonOf(error: unknown): string {
  // A name with several addresses fails with an error of each.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  const code = typeof first === 'object' && first !== null && 'code' in first ? String(first.code) : '';
  if (/SELF_SIGNED|UNABLE_TO_|CERT_/.test(code) && WORDS[code] === undefined) return `its certificate is not trusted (${code})`;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return `TLS failed (${code})`;
  return WORDS[code] ?? `failed${code === '' ? '' : ` (${code})`}`;
}
