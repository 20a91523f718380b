import { KeyctlError } from '../domain/error.ts';
import { VERDICT_MESSAGE, anonymousVerdict } from '../domain/verdict.ts';
import type { Access } from './access.ts';
import type { Exchange, HttpExchange } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import type { Outage } from './outage.ts';
import { PROBLEM_OF_ERROR, sendProblem } from './problem.ts';
import { answerQuestion } from './question.ts';
import { answerRefund } from './refund.ts';
import type { RefundQueue } from './refund-queue.ts';
import { headerValues } from './request-headers.ts';
import { serviceInPath } from './request-target.ts';
import { ROUTES, routeOf, type RouteName } from './routes.ts';
import { answerSelf, type SelfDeps } from './self.ts';
import { header } from './verdict-headers.ts';
import { Verify, sendVerdict } from './verify.ts';

export interface EndpointDeps extends SelfDeps {
  readonly refunds: RefundQueue;
  readonly access: Access;
  readonly metrics: Metrics;
  /** The document at /openapi.json. */
  readonly openapi: string;
  readonly stopping: () => boolean;
  /** Is told of every failure that was answered 503, and of every answer for which the store was asked. */
  readonly outage: Outage;
}

/** Verification has a queue, and an outage, of its own. */
const ASKS_THE_STORE: ReadonlySet<RouteName> = new Set<RouteName>(['refund', 'self', 'readiness']);

/** Takes a request to what answers it. */
export class Endpoint {
  readonly #deps: EndpointDeps;
  readonly #verify: Verify;

  constructor(deps: EndpointDeps) {
    this.#deps = deps;
    this.#verify = new Verify(deps);
  }

  /** Answers the exchange, sooner or later, and throws nothing. */
  handle(exchange: HttpExchange): void {
    const service = serviceInPath(exchange.head.target.path);
    try {
      if (!this.#wellFormed(exchange)) return;
      if (service === null) this.#route(exchange);
      else this.verify(exchange, service);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  /** Answers a well-formed request to verify for a service, as its path names it, and throws nothing. */
  verify(exchange: Exchange, service: string): void {
    try {
      if (this.#deps.access.admits(exchange, ROUTES.verify.admission)) this.#verify.answer(exchange, service);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  /** The parser takes other versions too. RFC 9112, section 3.2: an HTTP/1.1 request names its host, once. */
  #wellFormed(exchange: Exchange): boolean {
    const { httpVersion, rawHeaders } = exchange.head;
    const spoken = httpVersion === '1.1' || httpVersion === '1.0';
    if (spoken && (httpVersion === '1.0' || headerValues(rawHeaders, 'host').length === 1)) return true;
    exchange.ignoreBody();
    sendProblem(exchange, 'bad_request', spoken ? 'Send exactly one Host header.' : 'Send HTTP/1.1.');
    return false;
  }

  #route(exchange: HttpExchange): void {
    const { access } = this.#deps;
    const found = routeOf(exchange.head.target.path);
    const route = found === null ? null : ROUTES[found.name];
    if (!access.admits(exchange, route?.admission ?? 'guarded')) return;
    if (found === null || route === null) {
      exchange.ignoreBody();
      sendProblem(exchange, 'not_found', 'There is no such route.');
      return;
    }
    if (!(route.methods as readonly string[]).includes(exchange.head.method)) {
      exchange.ignoreBody();
      sendProblem(exchange, 'method_not_allowed', 'The route does not take this method.', header('Allow', route.methods.join(', ')));
      return;
    }
    this.#answer(exchange, found.name, found.parameter).then(
      () => {
        if (ASKS_THE_STORE.has(found.name)) this.#deps.outage.works();
      },
      (error: unknown) => {
        this.#fail(exchange, error);
      },
    );
  }

  async #answer(exchange: HttpExchange, name: Exclude<RouteName, 'verify'>, parameter: string): Promise<void> {
    const { store, refunds, metrics, openapi, stopping } = this.#deps;
    switch (name) {
      case 'question':
        await answerQuestion(exchange, this.#deps);
        return;
      case 'refund':
        await answerRefund(exchange, refunds, parameter);
        return;
      case 'self':
        await answerSelf(exchange, this.#deps);
        return;
      case 'health':
        sendText(exchange, 'application/json', JSON.stringify({ status: 'ok' }));
        return;
      case 'readiness':
        if (!stopping()) await store.read((tx) => tx.config.prefixes());
        if (stopping()) sendProblem(exchange, 'store_unavailable', 'The server is stopping.');
        else sendText(exchange, 'application/json', JSON.stringify({ status: 'ok' }));
        return;
      case 'metrics':
        sendText(exchange, metrics.contentType, await metrics.text());
        return;
      case 'openapi':
        sendText(exchange, 'application/json', openapi);
        return;
    }
  }

  /** SECURITY: a failure is never an admission, and what is told of it is one of our own sentences. */
  #fail(exchange: Exchange, error: unknown): void {
    const code = error instanceof KeyctlError ? PROBLEM_OF_ERROR[error.code] : 'store_unavailable';
    if (code !== 'store_unavailable') {
      sendProblem(exchange, code, error instanceof KeyctlError ? error.message : '');
      return;
    }
    this.#deps.outage.failed(error);
    if (serviceInPath(exchange.head.target.path) === null) sendProblem(exchange, code, VERDICT_MESSAGE[code]);
    else sendVerdict(exchange, anonymousVerdict(code, null, 1), this.#deps.options, this.#deps.clock());
  }
}

function sendText(exchange: Exchange, type: string, body: string): void {
  exchange.ignoreBody();
  exchange.send(200, header('Content-Type', type) + header('Cache-Control', 'no-store'), body);
}
