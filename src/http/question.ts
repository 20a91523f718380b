import type { Request } from '../domain/decide.ts';
import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { normaliseIp } from '../domain/ip-range.ts';
import { isName } from '../domain/names.ts';
import type { Instant } from '../domain/utc-day.ts';
import { verdictJson, type Verdict } from '../domain/verdict.ts';
import { presentedKey } from '../domain/presented-key.ts';
import { isJson } from './access.ts';
import { insistedEnvironment, type Catalogue } from './catalogue.ts';
import type { Body, Exchange, HttpExchange } from './exchange.ts';
import type { ServeOptions } from './options.ts';
import { PROBLEM_TYPE, problemBody, sendProblem } from './problem.ts';
import { question } from './schemas.ts';
import { header, verdictHeaders } from './verdict-headers.ts';
import { statusOf, type VerifyDeps } from './verify.ts';

const MOST_BODY_BYTES = 16_384;

/** `POST /v1/verify`: a trusted caller asks in JSON, and may set the price. Well-formed questions get 200 with their verdict. */
export async function answerQuestion(exchange: HttpExchange, deps: VerifyDeps): Promise<void> {
  const { options, verification, catalogue, clock } = deps;
  const asked = await readQuestion(exchange);
  if (typeof asked === 'string') {
    sendProblem(exchange, 'bad_request', asked);
    return;
  }
  verification.ask(requestOf(asked, options, catalogue()), exchange.connection, (verdict) => {
    sendAnswer(exchange, verdict, options, clock());
  });
}

function sendAnswer(exchange: Exchange, verdict: Verdict, options: ServeOptions, now: Instant): void {
  const status = statusOf(verdict, options);
  const headers = verdictHeaders(verdict, status, now);
  if (verdict.code === 'store_unavailable') {
    const body = problemBody(verdict.code, status, verdict.message, verdict.requestId);
    exchange.send(status, headers + header('Content-Type', PROBLEM_TYPE), body);
  } else {
    exchange.send(200, headers + header('Content-Type', 'application/json'), JSON.stringify(verdictJson({ ...verdict, status })));
  }
}

type Question = ReturnType<typeof question.parse>;

/** The question, or in a sentence what is wrong with it. SECURITY: the sentence repeats nothing of the body, which may hold a key anywhere. */
async function readQuestion(exchange: HttpExchange): Promise<Question | string> {
  if (!isJson(exchange)) return 'Send JSON, with Content-Type: application/json.';
  const body = await exchange.readBody(MOST_BODY_BYTES);
  const parsed = parseJson(body);
  if (typeof parsed === 'string') return parsed;
  const result = question.safeParse(parsed.value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path[0];
  if (typeof field === 'string') return `The field ${field} is missing or not what it has to be.`;
  return `The body must be a JSON object with no other fields than ${Object.keys(question.shape).join(', ')}.`;
}

function parseJson(body: Body): { readonly value: unknown } | string {
  if (body === 'too-large') return `The body is longer than ${String(MOST_BODY_BYTES)} bytes.`;
  if (body === 'broken') return 'The body did not arrive whole.';
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return { value };
  } catch {
    return 'The body is not JSON in UTF-8.';
  }
}

function requestOf(asked: Question, options: ServeOptions, catalogue: Catalogue): Request {
  const service = asked.service ?? options.service ?? DEFAULT_SERVICE;
  return {
    subject: presentedKey(asked.apiKey, catalogue),
    service: isName(service) ? service : '',
    environment: insistedEnvironment(catalogue, options.environment, asked.environment ?? null),
    cost: asked.cost ?? null,
    ip: asked.ip === undefined ? null : normaliseIp(asked.ip),
    requestId: asked.requestId ?? null,
    requestIdRule: 'json',
    dryRun: asked.dryRun ?? false,
    fromShell: false,
  };
}
