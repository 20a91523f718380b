import { createHash, timingSafeEqual } from 'node:crypto';
import { ipInRanges } from '../domain/ip-range.ts';
import { peerOf } from './client-address.ts';
import type { Exchange } from './exchange.ts';
import { isLoopbackAddress, listensOnLoopback, type ServeOptions } from './options.ts';
import { sendProblem } from './problem.ts';
import { hasHeader, headerValues } from './request-headers.ts';
import { header } from './verdict-headers.ts';

/**
 * Who may use a route. `anyone`: liveness, and what a customer's own key opens. `guarded`: those with the token and from an allowed
 * peer, where the server has such rules. `caller`: the same, and on loopback without a token only a local program
 * that says nothing of being a proxy or a web page: a catch-all proxy must not offer these to the world.
 */
export type Admission = 'anyone' | 'guarded' | 'caller';

const FORWARDED = new Set(['forwarded', 'via', 'origin', 'x-real-ip']);

export class Access {
  readonly #options: ServeOptions;
  readonly #token: Buffer | null;
  readonly #localOnly: boolean;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#token = options.token === null ? null : sha256(options.token);
    this.#localOnly = options.token === null && listensOnLoopback(options);
  }

  /** True if the request may go on; else it has been answered. */
  admits(exchange: Exchange, admission: Admission): boolean {
    const admitted = admission === 'anyone' || this.#passes(exchange, admission);
    if (!admitted) exchange.ignoreBody();
    return admitted;
  }

  #passes(exchange: Exchange, admission: Admission): boolean {
    if (!this.#allowedPeer(exchange)) {
      sendProblem(exchange, 'forbidden', 'This address may not use the verification service.');
      return false;
    }
    if (!this.#hasToken(exchange)) {
      const challenge = header('WWW-Authenticate', 'Bearer realm="keyctl"');
      sendProblem(exchange, 'unauthorized', "Send the verification service's own token as a bearer token.", challenge);
      return false;
    }
    const objection = admission === 'caller' && this.#localOnly ? this.#objection(exchange) : null;
    if (objection !== null) sendProblem(exchange, 'forbidden', objection);
    return objection === null;
  }

  #allowedPeer({ head }: Exchange): boolean {
    const { allowPeer, socket } = this.#options;
    if (allowPeer.length === 0) return true;
    const peer = peerOf(head, socket !== null);
    return peer.kind === 'socket' || ipInRanges(allowPeer, peer.ip);
  }

  /** SECURITY: digests of one length are compared, so that neither the time nor the length of a guess tells anything. */
  #hasToken({ head }: Exchange): boolean {
    if (this.#token === null) return true;
    const [value = '', second] = headerValues(head.rawHeaders, 'authorization');
    const given = /^bearer +(.+)$/i.exec(value)?.[1] ?? '';
    return timingSafeEqual(sha256(given), this.#token) && second === undefined && given !== '';
  }

  #objection(exchange: Exchange): string | null {
    const { rawHeaders, httpVersion, target } = exchange.head;
    const peer = peerOf(exchange.head, this.#options.socket !== null);
    if (peer.kind === 'address' && (peer.ip === null || !isLoopbackAddress(peer.ip)))
      return 'Only a program on the same host may use this route.';
    const named = headerValues(rawHeaders, 'host');
    const hosts = target.authority === null ? named : [...named, target.authority];
    if (hosts.length === 0 || !hosts.every(isLoopbackHost))
      return 'Address the server by a loopback host, such as 127.0.0.1, or give it a token.';
    // nginx says nothing of itself unless it is told to, but speaks HTTP/1.0 to what is behind it, which programs do not any more.
    if (httpVersion === '1.0' || hasHeader(rawHeaders, (name) => FORWARDED.has(name) || name.startsWith('x-forwarded-'))) {
      return 'The request came through a proxy or from a web page; give the server a token to allow that.';
    }
    return exchange.hasBody && !isJson(exchange) ? 'Send JSON, with Content-Type: application/json.' : null;
  }
}

/** True if the body says that it is JSON. */
export function isJson({ head }: Exchange): boolean {
  const [type = '', second] = headerValues(head.rawHeaders, 'content-type');
  return second === undefined && /^application\/json *(;|$)/i.test(type);
}

function isLoopbackHost(host: string): boolean {
  const [, bracketed, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.toLowerCase()) ?? [];
  return name === 'localhost' || isLoopbackAddress(bracketed ?? name);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
