import type { Request } from '../domain/decide.ts';
import { isName, isRequestId } from '../domain/names.ts';
import type { Instant } from '../domain/utc-day.ts';
import type { Verdict } from '../domain/verdict.ts';
import { presentedKey } from '../domain/presented-key.ts';
import { insistedEnvironment, type Catalogue } from './catalogue.ts';
import { clientAddress, peerOf } from './client-address.ts';
import type { Exchange } from './exchange.ts';
import type { ServeOptions } from './options.ts';
import { PROBLEM_TYPE, problemBody } from './problem.ts';
import { singleHeader } from './request-headers.ts';
import { header, verdictHeaders } from './verdict-headers.ts';
import type { Verification } from './verification.ts';

const ADMITTED = JSON.stringify({ valid: true, code: 'ok' });

export interface VerifyDeps {
  readonly options: ServeOptions;
  readonly verification: Verification;
  readonly catalogue: () => Catalogue;
  readonly clock: () => Instant;
}

/** Forward authentication: a proxy asks, with its client's headers, whether a request may pass. One request is one debit. */
export class Verify {
  readonly #deps: VerifyDeps;
  readonly #header: string;
  readonly #requestIdHeader: string | null;

  constructor(deps: VerifyDeps) {
    this.#deps = deps;
    this.#header = deps.options.header.toLowerCase();
    this.#requestIdHeader = deps.options.requestIdHeader?.toLowerCase() ?? null;
  }

  /** `service` is what the path names, as it stands there. */
  answer(exchange: Exchange, service: string): void {
    exchange.ignoreBody();
    const { verification, clock } = this.#deps;
    verification.ask(this.#request(exchange, service), exchange.connection, (verdict) => {
      sendVerdict(exchange, verdict, this.#deps.options, clock());
    });
  }

  #request({ head }: Exchange, named: string): Request {
    const { options, catalogue } = this.#deps;
    const { rawHeaders } = head;
    const known = catalogue();
    const service = options.service ?? named;
    const requestId = this.#requestIdHeader === null ? null : singleHeader(rawHeaders, this.#requestIdHeader);
    return {
      subject: presentedKey(singleHeader(rawHeaders, this.#header), known),
      // What is no name names no service: the store is not asked for kilobytes of path.
      service: isName(service) ? service : '',
      environment: insistedEnvironment(known, options.environment, null),
      cost: null,
      ip: clientAddress(head, peerOf(head, options.socket !== null), options.trustProxy),
      requestId: requestId !== null && isRequestId(requestId) ? requestId : null,
      requestIdRule: 'header',
      dryRun: false,
      fromShell: false,
    };
  }
}

/** The verdict's own status, or the operator's for exhausted credits. */
export function statusOf(verdict: Verdict, options: ServeOptions): number {
  return verdict.code === 'insufficient_credits' ? options.exhaustedStatus : verdict.status;
}

/** nginx passes on 401 and 403 and makes 500 of every other denial, so that for it they all become 403. */
export function answeredAs(status: number, options: ServeOptions): number {
  return options.nginx && status !== 200 && status !== 401 ? 403 : status;
}

/** Answers a verdict as the status of the exchange. */
export function sendVerdict(exchange: Exchange, verdict: Verdict, options: ServeOptions, now: Instant): void {
  const { code, message, requestId } = verdict;
  const told = statusOf(verdict, options);
  const status = answeredAs(told, options);
  const headers = verdictHeaders(verdict, told, now);
  if (code === 'ok') {
    exchange.send(200, `${headers}Content-Type: application/json\r\n`, ADMITTED);
    return;
  }
  const challenge = status === 401 ? header('WWW-Authenticate', `ApiKey realm="keyctl", header="${options.header}"`) : '';
  exchange.send(status, headers + challenge + header('Content-Type', PROBLEM_TYPE), problemBody(code, status, message, requestId));
}
