import type { Admission } from './access.ts';

export interface Route {
  /** As OpenAPI writes them. */
  readonly paths: readonly string[];
  readonly methods: readonly string[];
  readonly admission: Admission;
}

const ANY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const READ = ['GET', 'HEAD'];

/** Every route of the endpoint. /verify takes any method at all; those that OpenAPI can name stand here. */
export const ROUTES = {
  verify: { paths: ['/verify', '/verify/{service}', '/verify/{service}/{rest}'], methods: ANY_METHOD, admission: 'guarded' },
  question: { paths: ['/v1/verify'], methods: ['POST'], admission: 'caller' },
  refund: { paths: ['/v1/debits/{id}/refund'], methods: ['POST'], admission: 'caller' },
  self: { paths: ['/v1/usage/self'], methods: READ, admission: 'anyone' },
  health: { paths: ['/healthz'], methods: READ, admission: 'anyone' },
  readiness: { paths: ['/readyz'], methods: READ, admission: 'guarded' },
  metrics: { paths: ['/metrics'], methods: READ, admission: 'caller' },
  openapi: { paths: ['/openapi.json'], methods: READ, admission: 'guarded' },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;

const REFUND = /^\/v1\/debits\/([^/]+)\/refund$/;

/** The route that a path belongs to, with its parameter; null for none. /verify is not asked here: it has rules of its own. */
export function routeOf(path: string): { readonly name: Exclude<RouteName, 'verify'>; readonly parameter: string } | null {
  const id = REFUND.exec(path)?.[1];
  if (id !== undefined) return { name: 'refund', parameter: id };
  for (const name of ['question', 'self', 'health', 'readiness', 'metrics', 'openapi'] as const) {
    if (ROUTES[name].paths[0] === path) return { name, parameter: '' };
  }
  return null;
}
