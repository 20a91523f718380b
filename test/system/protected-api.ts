import { expect } from '@jest/globals';
import { ask, jsonOf, type Answer, type Ask } from './http-client.ts';
import { Installation, type Customer } from './installation.ts';
import { startNginx, type RunningNginx } from './nginx.ts';
import { programPath } from './programs.ts';
import { freePort, type Running } from './running.ts';
import { startBroken, startUpstream, type Received, type Upstream } from './upstream.ts';

/** How recipes/nginx says that the other side is started. */
const COUNTERPART = ['--nginx', '--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32', '--environment', 'production'];

interface Addresses {
  readonly port: number;
  readonly apiPort: number;
  readonly brokenPort: number;
}

/** Sites differ. This one has a maintenance page for every failure, retries, and error pages that lead to other protected locations. */
const trickySite = ({ port, apiPort, brokenPort }: Addresses): string => `
upstream flaky {
  server 127.0.0.1:${String(brokenPort)} max_fails=0;
  server 127.0.0.1:${String(apiPort)} max_fails=0;
}
server {
  listen 127.0.0.1:${String(port)};
  access_log off;
  error_page 500 502 503 504 =200 /sorry;
  error_page 403 =200 /sorry;
  include snippets/keyctl-server.conf;
  location = /sorry { return 200 "sorry"; }
  location /open/ { proxy_pass http://127.0.0.1:1/; }
  location /retried/ { include snippets/keyctl-location.conf; proxy_pass http://flaky; }
  location /missing/ {
    include snippets/keyctl-location.conf;
    proxy_intercept_errors on;
    error_page 404 = /fallback/page;
    proxy_pass http://api;
  }
  location /elsewhere/ { include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /fallback/ { include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /dear/ { set $keyctl_service dear; include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /walled/ { deny all; include snippets/keyctl-location.conf; proxy_pass http://api; }
}
`;

interface Parts {
  readonly installation: Installation;
  readonly upstream: Upstream;
  readonly broken: Awaited<ReturnType<typeof startBroken>>;
  readonly nginx: RunningNginx;
  /** Where the recipe's own site is. */
  readonly port: number;
  /** Where the site is that does all that sites do. */
  readonly trickyPort: number;
}

/** The real nginx of Debian with the files of recipes/nginx, in front of a real API and of the real `keyctl serve`. */
export class ProtectedApi {
  readonly #parts: Parts;
  readonly #ports: { readonly own: number; readonly tricky: number; readonly keyctl: number };
  #keyctl: Running;

  private constructor(parts: Parts, keyctl: { readonly process: Running; readonly port: number }) {
    this.#parts = parts;
    this.#ports = { own: parts.port, tricky: parts.trickyPort, keyctl: keyctl.port };
    this.#keyctl = keyctl.process;
  }

  /** Throws, with nothing left running, where nginx is not installed. */
  static async open(): Promise<ProtectedApi> {
    programPath('nginx');
    const installation = new Installation();
    const upstream = await startUpstream();
    const broken = await startBroken();
    await installation.run(['service', 'create', 'dear', '--cost', '500']);
    const keyctl = await installation.serve(COUNTERPART);
    const [port, trickyPort] = [await freePort(), await freePort()];
    const more = trickySite({ port: trickyPort, apiPort: upstream.port, brokenPort: broken.port });
    const site = { folder: installation.folder, port, keyctlPort: keyctl.port, apiPort: upstream.port, more };
    return new ProtectedApi({ installation, upstream, broken, port, trickyPort, nginx: await startNginx(site) }, keyctl);
  }

  get installation(): Installation {
    return this.#parts.installation;
  }

  get upstream(): Upstream {
    return this.#parts.upstream;
  }

  get nginx(): RunningNginx {
    return this.#parts.nginx;
  }

  get keyctl(): Running {
    return this.#keyctl;
  }

  /** How many connections were made to the server that drops them. */
  get dropped(): number {
    return this.#parts.broken.connections();
  }

  /** Starts `keyctl serve` again, where nginx looks for it. */
  async serveAgain(): Promise<void> {
    this.#keyctl = (await this.installation.serve(COUNTERPART, this.#ports.keyctl)).process;
  }

  /** Sends requests and tells what the API got of them. */
  async watch<Value>(act: () => Promise<Value>): Promise<{ readonly value: Value; readonly got: readonly Received[] }> {
    const before = this.upstream.received.length;
    const value = await act();
    return { value, got: this.upstream.received.slice(before) };
  }

  ask(what: Ask = {}): Promise<Answer> {
    return ask(this.#ports.own, what);
  }

  askTricky(what: Ask): Promise<Answer> {
    return ask(this.#ports.tricky, what);
  }

  async close(): Promise<void> {
    await this.nginx.process.stop();
    await this.#keyctl.stop();
    await this.upstream.stop();
    await this.#parts.broken.stop();
    this.installation.remove();
  }
}

/** A request with the customer's key. */
export function as({ secret }: Customer, more: Ask = {}): Ask {
  return { ...more, headers: { 'X-API-Key': secret, ...more.headers } };
}

/** The body of a denial, having looked at what every one of them has. */
export function problemIn(answer: Answer): Readonly<Record<string, unknown>> {
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  const body = jsonOf(answer.body);
  expect(body).toMatchObject({ type: 'about:blank', status: answer.status, requestId: answer.headers['x-request-id'] });
  expect(body['title']).toMatch(/^[A-Z]/);
  expect(body['detail']).toMatch(/\.$/);
  return body;
}

/** The seconds that a denial says to wait. */
export function waitIn({ headers }: Answer): number {
  return Number(headers['retry-after']);
}
