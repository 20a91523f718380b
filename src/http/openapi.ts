import { z } from 'zod';
import { VERDICT_STATUS } from '../domain/verdict.ts';
import { ROUTES, type RouteName } from './routes.ts';
import { admitted, debit, health, problem, question, self, verdict } from './schemas.ts';

type Json = Record<string, unknown>;

const SCHEMAS = { Question: question, Verdict: verdict, Admitted: admitted, Debit: debit, Self: self, Problem: problem, Health: health };

/** Bodies that come in are described as what may be written, those that go out as what will be read. */
function schemas(): Json {
  const described = Object.entries(SCHEMAS).map(([name, schema]): [string, Json] => [
    name,
    z.toJSONSchema(schema, { io: schema === question ? 'input' : 'output' }),
  ]);
  // The document says for all of them which dialect they are written in.
  for (const [, schema] of described) delete schema['$schema'];
  return Object.fromEntries(described);
}

function body(name: keyof typeof SCHEMAS, type = 'application/json'): Json {
  return { [type]: { schema: { $ref: `#/components/schemas/${name}` } } };
}

const problemBody = { content: body('Problem', 'application/problem+json') };

function answers(...problems: readonly (readonly [number, string])[]): Json {
  return Object.fromEntries(problems.map(([status, description]) => [String(status), { description, ...problemBody }]));
}

const UNAVAILABLE = [503, 'The store or the queue cannot take it; see Retry-After.'] as const;
const NO_TOKEN = [401, "The server's own token is missing or wrong."] as const;
const NOT_ALLOWED = [403, 'The caller may not use this route.'] as const;

const TOLD_IN_HEADERS = [
  'X-Keyctl-Code',
  'X-Keyctl-Status',
  'X-Keyctl-Account',
  'X-Keyctl-Key-Id',
  'X-Keyctl-Environment',
  'X-Keyctl-Tier',
  'X-Keyctl-Limited-By',
  'X-Keyctl-Debit-Id',
  'X-Request-Id',
  'X-Credits-Consumed',
  'X-Credits-Available',
];

function verdictAnswers(): Json {
  const headers = Object.fromEntries(TOLD_IN_HEADERS.map((name) => [name, { schema: { type: 'string' } }]));
  const statuses = [...new Set<number>(Object.values(VERDICT_STATUS))].sort((one, other) => one - other);
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(VERDICT_STATUS).flatMap(([code, its]) => (its === status ? [code] : []));
      const content = status === 200 ? { content: body('Admitted') } : problemBody;
      return [String(status), { description: codes.join(', '), headers, ...content }];
    }),
  );
}

/** What each route does, beside its paths and methods; a route without an entry does not compile. */
const OPERATIONS = {
  verify: {
    summary: 'Forward authentication: may this request pass? Admits and charges.',
    description:
      'Any method. The service is the bytes between /verify/ and the next / or ?; what follows, the query and the body are ignored.',
    security: [{ apiKey: [] }],
    responses: verdictAnswers(),
  },
  question: {
    summary: 'A trusted caller asks whether a key may pass, and charges it.',
    requestBody: { required: true, content: body('Question') },
    responses: {
      200: { description: 'The verdict, whatever it is.', content: body('Verdict') },
      ...answers([400, 'The question is not well formed.'], NO_TOKEN, NOT_ALLOWED, UNAVAILABLE),
    },
  },
  refund: {
    summary: 'Gives a debit back, once; repeated, the same answer.',
    responses: {
      200: { description: 'The debit.', content: body('Debit') },
      ...answers(NO_TOKEN, NOT_ALLOWED, [404, 'No such debit.'], [409, 'refund_window_closed: older than 24 hours.'], UNAVAILABLE),
    },
  },
  self: {
    summary: 'What a key may know about itself: tier, credits and limits. Costs nothing.',
    security: [{ apiKey: [] }],
    responses: {
      200: { description: 'Tier, credits and limits.', content: body('Self') },
      ...answers([401, 'As on /verify.'], [403, 'As on /verify.'], UNAVAILABLE),
    },
  },
  health: { summary: 'Liveness.', responses: { 200: { description: 'Alive.', content: body('Health') } } },
  readiness: {
    summary: 'Readiness: the store answers.',
    responses: { 200: { description: 'Ready.', content: body('Health') }, ...answers(NO_TOKEN, NOT_ALLOWED, UNAVAILABLE) },
  },
  metrics: {
    summary: 'Metrics for Prometheus.',
    responses: {
      200: { description: 'Text exposition format.', content: { 'text/plain': { schema: { type: 'string' } } } },
      ...answers(NO_TOKEN, NOT_ALLOWED),
    },
  },
  openapi: {
    summary: 'This document.',
    responses: {
      200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
      ...answers(NO_TOKEN, NOT_ALLOWED),
    },
  },
} satisfies Record<RouteName, Json>;

/** The contract as OpenAPI 3.1, made from the schemas that check the input. `header` is the one that API keys come in. */
export function openApiDocument(version: string, header: string): Json {
  const names = Object.keys(ROUTES) as RouteName[];
  return {
    openapi: '3.1.0',
    info: {
      title: 'keyctl',
      version,
      description: 'Verification of API keys, their credits and their rate limits.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths: Object.fromEntries(names.flatMap((name) => ROUTES[name].paths.map((path) => [path, pathItem(name, path)]))),
    components: {
      schemas: schemas(),
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: header },
        token: { type: 'http', scheme: 'bearer', description: "The server's own token, where it has one." },
      },
    },
  };
}

function pathItem(name: RouteName, path: string): Json {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const item: Json = parameters.length === 0 ? {} : { parameters };
  for (const method of ROUTES[name].methods) {
    item[method.toLowerCase()] = OPERATIONS[name];
  }
  return item;
}
