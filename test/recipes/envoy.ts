import { parse } from 'yaml';
import { page } from '../markdown.ts';
import { header, KeptConnection, requestBytes, type ClientRequest, type Header, type Outcome, type WireAnswer } from './wire.ts';

// What Envoy does with a request, as far as the recipe goes, by its sources: which route and which filters it finds in the recipe's own
// file, the bytes that its HTTP client writes, and what becomes of the answer. Paths are not normalised, so that keyctl gets the worst.

interface Matcher {
  readonly exact?: string;
  readonly prefix?: string;
}

interface Patterns {
  readonly patterns: readonly Matcher[];
}

export interface ExtAuthz {
  readonly transport_api_version: string;
  readonly failure_mode_allow: boolean;
  readonly status_on_error: { readonly code: string };
  readonly allowed_headers: Patterns;
  readonly http_service: {
    readonly path_prefix: string;
    readonly server_uri: { readonly uri: string; readonly cluster: string; readonly timeout: string };
    readonly authorization_request: { readonly headers_to_add: readonly { readonly key: string; readonly value: string }[] };
    readonly authorization_response: Readonly<
      Record<`allowed_${'upstream_headers' | 'client_headers' | 'client_headers_on_success'}`, Patterns>
    >;
  };
}

type PerRoute = Readonly<Record<string, { readonly disabled?: boolean } | undefined>>;

interface Scope {
  readonly request_headers_to_remove?: readonly string[];
  readonly typed_per_filter_config?: PerRoute;
}

interface Route extends Scope {
  readonly match: {
    readonly prefix?: string;
    readonly path?: string;
    readonly headers?: readonly { readonly name: string; readonly string_match: Matcher }[];
  };
}

interface Mapper {
  readonly filter: { readonly and_filter: { readonly filters: readonly [FlagFilter, StatusFilter] } };
  readonly headers_to_add: readonly { readonly header: { readonly key: string; readonly value: string } }[];
  readonly body_format_override: { readonly content_type: string; readonly text_format_source: { readonly inline_string: string } };
}

interface FlagFilter {
  readonly response_flag_filter: { readonly flags: readonly string[] };
}

interface StatusFilter {
  readonly status_code_filter: { readonly comparison: { readonly op: 'EQ'; readonly value: { readonly default_value: number } } };
}

interface Lua {
  readonly default_source_code: { readonly inline_string: string };
}

interface Manager {
  readonly use_remote_address: boolean;
  readonly normalize_path: boolean;
  readonly route_config: {
    readonly virtual_hosts: readonly [
      Scope & { readonly response_headers_to_remove: readonly string[]; readonly routes: readonly Route[] },
    ];
  };
  readonly http_filters: readonly (
    { readonly name: string; readonly typed_config: ExtAuthz } | { readonly name: 'envoy.filters.http.lua'; readonly typed_config: Lua }
  )[];
  readonly local_reply_config: { readonly mappers: readonly Mapper[] };
}

export interface Bootstrap {
  readonly static_resources: {
    readonly listeners: readonly [
      { readonly filter_chains: readonly [{ readonly filters: readonly [{ readonly typed_config: Manager }] }] },
    ];
    readonly clusters: readonly {
      readonly name: string;
      readonly typed_extension_protocol_options?: Readonly<
        Record<string, { readonly common_http_protocol_options: { readonly idle_timeout: string } }>
      >;
    }[];
  };
}

const KNOWN = ['@type', 'transport_api_version', 'failure_mode_allow', 'status_on_error', 'allowed_headers', 'http_service'];
/** What always goes along, whatever is allowed: of the request, and of a denial. */
const ALWAYS_ASKED = ['authorization'];
const ALWAYS_TOLD = ['content-length', 'www-authenticate', 'location'];
const CODES: Readonly<Record<string, number>> = { Forbidden: 403, ServiceUnavailable: 503 };

export class Envoy {
  readonly bootstrap = parse(page('recipes/envoy/envoy.yaml')) as Bootstrap;
  readonly connection: KeptConnection;

  constructor(keyctlPort: number) {
    this.connection = new KeptConnection(keyctlPort);
  }

  get manager(): Manager {
    return this.bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
  }

  /** The filters that ask keyctl, in their order. */
  get filters(): readonly { readonly name: string; readonly typed_config: ExtAuthz }[] {
    return this.manager.http_filters.filter((filter) => 'http_service' in filter.typed_config) as {
      name: string;
      typed_config: ExtAuthz;
    }[];
  }

  /** What the recipe's Lua looks for in the names that it takes away, before anybody is asked: a set of characters. */
  #aliases(): RegExp {
    const [first] = this.manager.http_filters;
    if (first === undefined || !('default_source_code' in first.typed_config)) throw new Error('the first filter is not the one in Lua');
    const [, set] = /if name:find\('\[\^([^\]]*)\]'\) then/.exec(first.typed_config.default_source_code.inline_string) ?? [];
    if (set === undefined) throw new Error('the recipe takes away other names than this test knows');
    return new RegExp(`[^${set.replace('%w', 'a-z0-9').replace('%-', '\\-')}]`);
  }

  async handle(request: ClientRequest): Promise<Outcome> {
    let headers = (request.headers ?? []).map(([name, value]): Header => [name.toLowerCase(), value]);
    const aliases = this.#aliases();
    headers = headers.filter(([name]) => !aliases.test(name));
    const [host] = this.manager.route_config.virtual_hosts;
    const route = host.routes.find(({ match }) => matches(match, request));
    if (route === undefined) throw new Error('no route matches');
    const toClient: Header[] = [];
    for (const { name, typed_config: settings } of this.filters) {
      const own = route.typed_per_filter_config?.[name] ?? host.typed_per_filter_config?.[name];
      if (own?.disabled === true) continue;
      const answer = await this.#ask(settings, request, headers);
      const { allowed_upstream_headers, allowed_client_headers_on_success } = settings.http_service.authorization_response;
      if (answer === null || answer.status !== 200) return { passed: false, answer: this.#denial(settings, answer) };
      const named = answer.headers.map(([one, value]): Header => [one.toLowerCase(), value]);
      const set = named.filter(([one]) => allows(allowed_upstream_headers, one));
      headers = [...headers.filter(([one]) => !set.some(([other]) => other === one)), ...set];
      toClient.push(...named.filter(([one]) => allows(allowed_client_headers_on_success, one)));
    }
    const removed = [...(route.request_headers_to_remove ?? []), ...(host.request_headers_to_remove ?? [])];
    return { passed: true, headers: headers.filter(([name]) => !removed.includes(name)), toClient };
  }

  /** Null for an error: no answer, or 5xx. */
  async #ask(settings: ExtAuthz, request: ClientRequest, headers: readonly Header[]): Promise<WireAnswer | null> {
    const unknown = Object.keys(settings).filter((name) => !KNOWN.includes(name));
    if (unknown.length > 0) throw new Error(`not looked into: ${unknown.join(', ')}`);
    const { method = 'GET', target = '/', from = '127.0.0.1' } = request;
    const asked = new Map([['content-length', '0']]);
    for (const [name, value] of headers) {
      if (name === 'content-length' || !(ALWAYS_ASKED.includes(name) || allows(settings.allowed_headers, name))) continue;
      const before = asked.get(name);
      asked.set(name, before === undefined ? value : `${before},${value}`);
    }
    for (const { key, value } of settings.http_service.authorization_request.headers_to_add) {
      asked.set(key.toLowerCase(), value.replace('%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', from));
    }
    asked.set('x-envoy-internal', 'true').set('x-envoy-expected-rq-timeout-ms', '3000');
    const line = `${method} ${settings.http_service.path_prefix}${target} HTTP/1.1`;
    const bytes = requestBytes(line, [['host', header(headers, 'host') ?? 'api.example'], ...asked]);
    const answer = await this.connection.ask(bytes, method).catch(() => null);
    return answer === null || answer.status >= 500 ? null : answer;
  }

  #denial(settings: ExtAuthz, answer: WireAnswer | null): WireAnswer {
    const { allowed_client_headers: allowed } = settings.http_service.authorization_response;
    const told = (answer?.headers ?? []).filter(
      ([name]) => ALWAYS_TOLD.includes(name.toLowerCase()) || allows(allowed, name.toLowerCase()),
    );
    const status = answer?.status ?? CODES[settings.status_on_error.code] ?? 0;
    const mapper = this.manager.local_reply_config.mappers.find(({ filter }) => {
      const [{ response_flag_filter: flag }, { status_code_filter: code }] = filter.and_filter.filters;
      return flag.flags.includes('UAEX') && code.comparison.value.default_value === status;
    });
    if (mapper === undefined) return { status, headers: told, body: answer?.body ?? '' };
    const { content_type, text_format_source: text } = mapper.body_format_override;
    const added = mapper.headers_to_add.map(({ header: { key, value } }): Header => [key, value]);
    return { status, headers: [...told, ...added, ['content-type', content_type]], body: text.inline_string };
  }
}

function matches({ prefix, path, headers = [] }: Route['match'], { method = 'GET', target = '/' }: ClientRequest): boolean {
  const asked = target.split('?')[0] ?? '';
  if (path !== undefined && path !== asked) return false;
  if (prefix !== undefined && !asked.startsWith(prefix)) return false;
  return headers.every(({ name, string_match: wanted }) => name === ':method' && wanted.exact === method);
}

/** `name` is in lower case, as Envoy keeps names; its matchers are exact. */
function allows({ patterns }: Patterns, name: string): boolean {
  return patterns.some(({ exact, prefix }) => name === exact || (prefix !== undefined && name.startsWith(prefix)));
}
