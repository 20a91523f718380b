import { parse } from 'yaml';
import { page } from '../markdown.ts';
import { KeptConnection, requestBytes, type ClientRequest, type Header, type Outcome } from './wire.ts';

// What Traefik does with a request, as far as the recipe goes, by its sources of the two releases: which router and which middlewares
// it finds in the recipe's own files, the bytes that Go's HTTP client writes, and what becomes of the answer.

export interface ForwardAuth {
  readonly address: string;
  readonly trustForwardHeader: boolean;
  readonly authRequestHeaders: readonly string[];
  readonly authResponseHeadersRegex: string;
  readonly preserveRequestMethod?: boolean;
  readonly forwardBody?: boolean;
}

interface Middleware {
  readonly forwardAuth?: ForwardAuth;
  readonly headers?: { readonly customRequestHeaders: Readonly<Record<string, string>> };
}

interface Router {
  readonly rule: string;
  readonly priority?: number;
  readonly middlewares: readonly string[];
}

export interface Dynamic {
  readonly http: { readonly middlewares: Readonly<Record<string, Middleware>>; readonly routers: Readonly<Record<string, Router>> };
}

interface Static {
  readonly entryPoints: {
    readonly web: { readonly http: { readonly aliasHeadersStrategy: string }; readonly forwardedHeaders?: never };
  };
}

/** The old one and the new one differ in what they take off before they ask, and in one header more. */
export type Release = '2.11.0' | '3.7.12';

const KNOWN = ['address', 'trustForwardHeader', 'authRequestHeaders', 'authResponseHeadersRegex', 'preserveRequestMethod', 'forwardBody'];
const HOP = ['Connection', 'Keep-Alive', 'Te', 'Trailers', 'Transfer-Encoding', 'Upgrade'];
const FORWARDED =
  /^X[-_](Forwarded[-_](Proto|Scheme|For|Host|Port|Server|Uri|Method|Prefix|Tls[-_]Client[-_]Cert([-_]Info)?)|Scheme|Real[-_]Ip)$/i;

/** A name that an API may take for another one, which Go does not: doc.traefik.io/traefik/security/header-aliases/ */
const ALIAS = /[^A-Za-z0-9-]/;

/** Go's map of headers: canonical names, and all values of each. */
type Headers = Map<string, string[]>;

export class Traefik {
  readonly #release: Release;
  readonly #dynamic: Dynamic;
  readonly #static = parse(page('recipes/traefik/traefik.yml')) as Static;
  readonly #connection: KeptConnection;

  /** `change` is what an operator made of the recipe. */
  constructor(release: Release, keyctlPort: number, change: Partial<ForwardAuth> = {}) {
    this.#release = release;
    this.#connection = new KeptConnection(keyctlPort);
    this.#dynamic = parse(page('recipes/traefik/keyctl.yml')) as Dynamic;
    const own = this.#dynamic.http.middlewares['keyctl'] as { forwardAuth: ForwardAuth };
    own.forwardAuth = { ...own.forwardAuth, ...change };
  }

  get connection(): KeptConnection {
    return this.#connection;
  }

  async handle(request: ClientRequest): Promise<Outcome> {
    const { from = '127.0.0.1' } = request;
    let headers = inGo(request.headers ?? []);
    if (this.#release !== '2.11.0' && this.#static.entryPoints.web.http.aliasHeadersStrategy === 'delete') {
      headers = new Map([...headers].filter(([name]) => !ALIAS.test(name)));
    }
    headers = new Map([...headers].filter(([name]) => !FORWARDED.test(name)));
    headers.set('X-Real-Ip', [from]).set('X-Forwarded-Proto', ['http']).set('X-Forwarded-Host', ['api.example']);
    for (const name of this.#router(request).middlewares) {
      const { forwardAuth, headers: change } = this.#dynamic.http.middlewares[name] ?? {};
      for (const [key, value] of Object.entries(change?.customRequestHeaders ?? {})) {
        if (value === '') headers.delete(canonical(key));
        else headers.set(canonical(key), [value]);
      }
      const denied = forwardAuth === undefined ? null : await this.#ask(forwardAuth, request, headers);
      if (denied !== null) return denied;
    }
    return { passed: true, headers: listed(headers), toClient: [] };
  }

  /** The router whose rule matches, by its priority, which is the length of the rule where none is set. */
  #router({ method = 'GET', target = '/' }: ClientRequest): Router {
    const path = target.split('?')[0] ?? '';
    const matches = ({ rule }: Router): boolean =>
      rule.split(' && ').every((part) => {
        const [, name, value = ''] = /^(\w+)\(`([^`]*)`\)$/.exec(part) ?? [];
        if (name === 'Method') return method === value;
        if (name === 'Path') return path === value;
        if (name === 'PathPrefix') return path.startsWith(value);
        throw new Error(`no such rule: ${rule}`);
      });
    const priority = (router: Router): number => router.priority ?? router.rule.length;
    const found = Object.values(this.#dynamic.http.routers).filter(matches);
    const [router] = found.sort((one, other) => priority(other) - priority(one));
    if (router === undefined) throw new Error('no router matches');
    return router;
  }

  /** Changes the headers and returns null where the request may pass. */
  async #ask(settings: ForwardAuth, request: ClientRequest, headers: Headers): Promise<Outcome | null> {
    const unknown = Object.keys(settings).filter((name) => !KNOWN.includes(name));
    if (unknown.length > 0) throw new Error(`Traefik would refuse ${unknown.join(', ')}`);
    const method = settings.preserveRequestMethod === true ? (request.method ?? 'GET') : 'GET';
    const bytes = this.#question(settings, request, headers, method);
    const answer = await this.#connection.ask(bytes, method).catch(() => null);
    if (answer === null) return { passed: false, answer: { status: 500, headers: [], body: '' } };
    if (answer.status < 200 || answer.status >= 300) {
      return { passed: false, answer: { ...answer, headers: answer.headers.filter(([name]) => !HOP.includes(canonical(name))) } };
    }
    const pattern = new RegExp(
      settings.authResponseHeadersRegex.replace(/^\(\?i\)/, ''),
      settings.authResponseHeadersRegex.startsWith('(?i)') ? 'i' : '',
    );
    for (const name of [...headers.keys()]) if (pattern.test(name)) headers.delete(name);
    for (const [name, values] of inGo(answer.headers)) if (pattern.test(name)) headers.set(name, values);
    return null;
  }

  #question(settings: ForwardAuth, request: ClientRequest, headers: Headers, method: string): string {
    const { hostname, port, pathname } = new URL(settings.address);
    const sent: Headers = new Map(headers);
    if (this.#release !== '2.11.0') {
      for (const named of (headers.get('Connection') ?? []).join(',').split(',')) sent.delete(canonical(named.trim()));
      if (!settings.trustForwardHeader) for (const name of sent.keys()) if (FORWARDED.test(name)) sent.delete(name);
    }
    for (const name of HOP) sent.delete(name);
    const allowed = settings.authRequestHeaders.map(canonical);
    for (const name of sent.keys()) if (allowed.length > 0 && !allowed.includes(name)) sent.delete(name);
    const told = { Method: request.method ?? 'GET', Proto: 'http', Host: 'api.example', Uri: request.target ?? '/' };
    for (const [name, value] of Object.entries(told)) sent.set(`X-Forwarded-${name}`, [value]);
    if (this.#release !== '2.11.0') sent.set('X-Forwarded-Port', ['80']);
    sent.set('X-Forwarded-For', [request.from ?? '127.0.0.1']);
    const body = settings.forwardBody === true ? (request.body ?? '') : '';
    const withLength = body !== '' || ['POST', 'PUT', 'PATCH'].includes(method);
    const first: Header[] = [
      ['Host', `${hostname}:${port}`],
      ['User-Agent', sent.get('User-Agent')?.[0] ?? 'Go-http-client/1.1'],
      ...(withLength ? [['Content-Length', String(Buffer.byteLength(body))] as const] : []),
    ];
    const others = listed(sent).filter(([name]) => name !== 'User-Agent' && name !== 'Content-Length');
    const last: Header[] = sent.has('Accept-Encoding') || method === 'HEAD' ? [] : [['Accept-Encoding', 'gzip']];
    return requestBytes(`${method} ${pathname} HTTP/1.1`, [...first, ...others, ...last], body);
  }
}

/** A name as Go writes it: X-Api-Key, and with underscores X_api_key. */
function canonical(name: string): string {
  return name
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
    .join('-');
}

function inGo(headers: readonly Header[]): Headers {
  const map: Headers = new Map();
  for (const [name, value] of headers) map.set(canonical(name), [...(map.get(canonical(name)) ?? []), value]);
  return map;
}

function listed(headers: Headers): readonly Header[] {
  return [...headers.keys()].sort().flatMap((name) => (headers.get(name) ?? []).map((value): Header => [name, value]));
}
