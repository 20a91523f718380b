import { expect } from '@jest/globals';
import { ask, jsonOf, type Answer, type Ask } from './http-client.ts';
import { Installation, type Customer } from './installation.ts';
import { startLossyRelay, type LossyRelay } from './lossy-relay.ts';
import { programPath } from './programs.ts';
import type { Proxy, RunningProxy } from './proxy.ts';
import { freePort, type Running } from './running.ts';
import { startBroken, startImpostor, startUpstream, type Received, type Upstream } from './upstream.ts';

interface Parts {
  readonly installation: Installation;
  readonly upstream: Upstream;
  readonly broken: Awaited<ReturnType<typeof startBroken>>;
  readonly counterpart: Proxy['counterpart'];
  readonly proxy: RunningProxy;
  /** The way of the proxy to keyctl, where it is one that loses answers. */
  readonly relay: LossyRelay | null;
}

interface Ports {
  /** Where the recipe's own site is. */
  readonly own: number;
  /** Where the site is that does all that sites do. */
  readonly tricky: number;
  readonly keyctl: number;
}

/** A real proxy of Debian with the files of its recipe, in front of a real API and of the real `keyctl serve`. */
export class ProtectedApi {
  readonly #parts: Parts;
  readonly #ports: Ports;
  #keyctl: Running;

  private constructor(parts: Parts, ports: Ports, keyctl: Running) {
    this.#parts = parts;
    this.#ports = ports;
    this.#keyctl = keyctl;
  }

  /** Throws, with nothing left running, where the proxy is not installed. With `lossy` keyctl's answers can be made to get lost. */
  static async open(proxy: Proxy, { lossy = false } = {}): Promise<ProtectedApi> {
    programPath(proxy.program);
    const installation = new Installation();
    const upstream = await startUpstream();
    const broken = await startBroken();
    await installation.run(['service', 'create', 'dear', '--cost', '500']);
    const keyctl = await installation.serve(proxy.counterpart);
    const relay = lossy ? await startLossyRelay(keyctl.port) : null;
    const ports = { own: await freePort(), tricky: await freePort(), keyctl: keyctl.port };
    const running = await proxy.start({
      folder: installation.folder,
      port: ports.own,
      trickyPort: ports.tricky,
      keyctlPort: relay?.port ?? keyctl.port,
      apiPort: upstream.port,
      brokenPort: broken.port,
    });
    const parts = { installation, upstream, broken, relay, counterpart: proxy.counterpart, proxy: running };
    return new ProtectedApi(parts, ports, keyctl.process);
  }

  get installation(): Installation {
    return this.#parts.installation;
  }

  get upstream(): Upstream {
    return this.#parts.upstream;
  }

  get proxy(): RunningProxy {
    return this.#parts.proxy;
  }

  /** What loses keyctl's answers. Throws if it was not asked for. */
  get relay(): LossyRelay {
    if (this.#parts.relay === null) throw new Error('open it with { lossy: true }');
    return this.#parts.relay;
  }

  /** The port of the recipe's own site. */
  get port(): number {
    return this.#ports.own;
  }

  get keyctl(): Running {
    return this.#keyctl;
  }

  /** How many connections were made to the server that drops them. */
  get dropped(): number {
    return this.#parts.broken.connections();
  }

  /** Listens where keyctl did, and answers everything in the same way. keyctl has to be stopped. */
  startImpostor(status: number, headers: Readonly<Record<string, string>>): Promise<{ stop(): Promise<void> }> {
    return startImpostor(this.#ports.keyctl, status, headers);
  }

  /** Starts `keyctl serve` again, where the proxy looks for it. */
  async serveAgain(): Promise<void> {
    this.#keyctl = (await this.installation.serve(this.#parts.counterpart, this.#ports.keyctl)).process;
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
    await this.proxy.process.stop();
    await this.#parts.relay?.stop();
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
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{32,36}$/);
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
