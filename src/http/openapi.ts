import { z } from 'zod';
import { VERDICT_MESSAGE, VERDICT_STATUS, anonymousVerdict, type VerdictCode } from '../domain/verdict.ts';
import { PLAIN_HEADERS, headersWith } from './openapi-headers.ts';
import type { ServeOptions } from './options.ts';
import { PROBLEM_STATUS, PROBLEM_TYPE, type ProblemCode } from './problem.ts';
import { ROUTES, type RouteName } from './routes.ts';
import { admitted, debit, health, problem, question, self, verdict } from './schemas.ts';
import { answeredAs, statusOf } from './verify.ts';

type Json = Record<string, unknown>;
type Code = VerdictCode | ProblemCode;

const SCHEMAS = { Question: question, Verdict: verdict, Admitted: admitted, Debit: debit, Self: self, Problem: problem, Health: health };

/**
 * Bodies that come in are described as what may be written, those that go out as what will be read: later releases may add fields, and a
 * client that holds them to this document must not trip over those.
 */
function schemas(): Json {
  const described = Object.entries(SCHEMAS).map(([name, schema]): [string, Json] => [
    name,
    schema === question ? z.toJSONSchema(schema, { io: 'input' }) : z.toJSONSchema(schema, { io: 'output', override: letFieldsBeAdded }),
  ]);
  // The document says for all of them which dialect they are written in.
  for (const [, schema] of described) delete schema['$schema'];
  return Object.fromEntries(described);
}

function letFieldsBeAdded({ jsonSchema }: { readonly jsonSchema: Json }): void {
  if (jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties'];
}

function body(name: keyof typeof SCHEMAS): Json {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
}

const MEANING: Readonly<Record<Code, string>> = {
  ...VERDICT_MESSAGE,
  bad_request: 'The request is not well formed, too long, or took too long to arrive.',
  unauthorized: "The server's own token is missing or wrong.",
  forbidden: 'The caller may not use this route.',
  not_found: 'There is no such debit.',
  method_not_allowed: 'The route does not take this method.',
  refund_window_closed: 'The debit is older than 24 hours.',
};

/** Bytes that are no request, that are too many, or that come too slowly: any route may be the one that they were for. */
const BROKEN: readonly (readonly [Code, number])[] = [400, 408, 431].map((status) => ['bad_request', status]);
const GUARDED: readonly (readonly [Code, number])[] = asProblems('unauthorized', 'forbidden');

function asProblems(...codes: readonly ProblemCode[]): (readonly [Code, number])[] {
  return codes.map((code) => [code, PROBLEM_STATUS[code]]);
}

function asVerdicts(...codes: readonly VerdictCode[]): (readonly [Code, number])[] {
  return codes.map((code) => [code, VERDICT_STATUS[code]]);
}

/** One response for each status, which names the codes that it may have. `known` as for `headersWith`. */
function denials(all: readonly (readonly [Code, number])[], known = false): Json {
  const statuses = [...new Set(all.map(([, status]) => status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = [...new Set(all.flatMap(([code, its]) => (its === status ? [code] : [])))];
      const schema = {
        $ref: '#/components/schemas/Problem',
        type: 'object',
        properties: { code: { enum: codes }, status: { const: status } },
      };
      const description = codes.map((code) => `${code}: ${MEANING[code]}`).join(' ');
      return [String(status), { description, headers: headersWith(status, codes, known), content: { [PROBLEM_TYPE]: { schema } } }];
    }),
  );
}

/** `codes`: those that an answer of 200 may tell. */
function success(description: string, name: keyof typeof SCHEMAS, codes: readonly VerdictCode[] = ['ok']): Json {
  const headers = name === 'Health' ? PLAIN_HEADERS : headersWith(200, codes, true);
  return { 200: { description, headers, content: body(name) } };
}

function plain(description: string, type: string, schema: Json): Json {
  return { 200: { description, headers: PLAIN_HEADERS, content: { [type]: { schema } } } };
}

const VERDICTS = Object.keys(VERDICT_STATUS) as VerdictCode[];

/** The verdicts of /verify, with the statuses that this server gives them. */
function verdictAnswers(options: ServeOptions): Json {
  const all = VERDICTS.flatMap((code): (readonly [Code, number])[] =>
    code === 'ok' ? [] : [[code, answeredAs(statusOf(anonymousVerdict(code, null), options), options)]],
  );
  return { ...success('ok: Admitted and charged.', 'Admitted'), ...denials([...all, ...GUARDED, ...BROKEN], true) };
}

const UNAVAILABLE = asProblems('store_unavailable');

/** What each route does, beside its paths and methods; a route without an entry does not compile. */
function operations(options: ServeOptions): Record<RouteName, Json> {
  return {
    verify: {
      summary: 'Forward authentication: may this request pass? Admits and charges.',
      description:
        'Any method. The service is the bytes between /verify/ and the next / or ?; what follows, the query and the body are ignored.',
      security: [{ apiKey: [] }, { apiKey: [], token: [] }],
      responses: verdictAnswers(options),
    },
    question: {
      summary: 'A trusted caller asks whether a key may pass, and charges it.',
      requestBody: { required: true, content: body('Question') },
      responses: {
        ...success('The verdict, whatever it is.', 'Verdict', VERDICTS),
        ...denials([...BROKEN, ...GUARDED, ...UNAVAILABLE]),
      },
    },
    refund: {
      summary: 'Gives a debit back, once; repeated, the same answer.',
      responses: {
        ...success('The debit.', 'Debit'),
        ...denials([...BROKEN, ...GUARDED, ...asProblems('not_found', 'refund_window_closed'), ...UNAVAILABLE]),
      },
    },
    self: {
      summary: 'What a key may know about itself: tier, credits and limits. Costs nothing.',
      security: [{ apiKey: [] }],
      responses: {
        ...success('Tier, credits and limits.', 'Self'),
        ...denials([...SELF_DENIALS, ...BROKEN, ...UNAVAILABLE]),
      },
    },
    health: { summary: 'Liveness.', security: [], responses: { ...success('Alive.', 'Health'), ...denials(BROKEN) } },
    readiness: {
      summary: 'Readiness: the store answers.',
      responses: { ...success('Ready.', 'Health'), ...denials([...BROKEN, ...GUARDED, ...UNAVAILABLE]) },
    },
    metrics: {
      summary: 'Metrics for Prometheus.',
      responses: { ...plain('Text exposition format.', 'text/plain', { type: 'string' }), ...denials([...BROKEN, ...GUARDED]) },
    },
    openapi: {
      summary: 'This document.',
      responses: { ...plain('OpenAPI 3.1.', 'application/json', { type: 'object' }), ...denials([...BROKEN, ...GUARDED]) },
    },
  };
}

const SELF_DENIALS = asVerdicts(
  ...(['missing_api_key', 'invalid_api_key', 'api_key_disabled', 'api_key_expired', 'account_suspended', 'ip_not_allowed'] as const),
);

/** The contract of a server with these options as OpenAPI 3.1, made from the schemas that check the input. */
export function openApiDocument(version: string, options: ServeOptions): Json {
  const names = Object.keys(ROUTES) as RouteName[];
  const described = operations(options);
  return {
    openapi: '3.1.0',
    info: {
      title: 'keyctl',
      version,
      description: 'Verification of API keys, their credits and their rate limits.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // A token is asked for only where the server has one.
    security: options.token === null ? [] : [{ token: [] }],
    paths: Object.fromEntries(names.flatMap((name) => ROUTES[name].paths.map((path) => [path, pathItem(name, path, described[name])]))),
    components: {
      schemas: schemas(),
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: options.header },
        token: { type: 'http', scheme: 'bearer', description: "The server's own token, where it has one." },
      },
    },
  };
}

function pathItem(name: RouteName, path: string, operation: Json): Json {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const item: Json = parameters.length === 0 ? {} : { parameters };
  for (const method of ROUTES[name].methods) {
    item[method.toLowerCase()] = operation;
  }
  return item;
}
