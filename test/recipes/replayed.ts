import { expect } from '@jest/globals';
import { jsonOf } from '../system/http-client.ts';
import { Counterpart, type Holder } from './counterpart.ts';
import { header, type ClientRequest, type Header, type KeptConnection, type Outcome, type WireAnswer } from './wire.ts';

export interface Proxy {
  handle(request: ClientRequest): Promise<Outcome>;
  readonly connection: KeptConnection;
}

export type StartProxy = (keyctlPort: number) => Proxy;

export interface Behaviour {
  /** The path of the file that says how keyctl is started. */
  readonly recipe: string;
  /** Two keys on one request: some proxies send two headers, others join them. */
  readonly twoKeys: 'missing_api_key' | 'invalid_api_key';
  /** Set where a name that is more than letters, digits and dashes can reach the API beside what keyctl was not asked about. */
  readonly keepsAliases?: true;
  /** What the client gets when there is no answer. */
  readonly down: number;
}

/** What a client may try to be taken for. */
export const LIES: readonly Header[] = [
  ['X-Keyctl-Account', 'somebody-else'],
  ['x-keyctl-debit-id', 'deb_lie'],
  ['X_Keyctl_Account', 'somebody-else'],
  ['X-Keyctl_Key-Id', 'key_lie'],
  ['X.Keyctl.Account', 'somebody-else'],
  ['X!Keyctl!Tier', 'enterprise'],
  ['X~Credits~Available', '99999999999'],
  ['X-Credits-Available', '99999999999'],
];

/** A proxy, replayed, in front of a real `keyctl serve` with a service of another price and one that costs nothing. */
export class Replayed {
  readonly keyctl: Counterpart;
  readonly proxy: Proxy;

  static async start(startProxy: StartProxy, { recipe }: Behaviour): Promise<Replayed> {
    const keyctl = await Counterpart.start(recipe);
    await keyctl.store.write((tx) => tx.catalogue.insertService({ name: 'search', cost: 500, environment: null }));
    await keyctl.store.write((tx) => tx.catalogue.insertService({ name: 'cheap', cost: 0, environment: null }));
    return new Replayed(keyctl, startProxy(keyctl.port));
  }

  private constructor(keyctl: Counterpart, proxy: Proxy) {
    this.keyctl = keyctl;
    this.proxy = proxy;
  }

  send({ apiKey }: Holder, more: ClientRequest = {}): Promise<Outcome> {
    return this.proxy.handle({ ...more, headers: [['Host', 'api.example'], ['X-API-Key', apiKey], ...(more.headers ?? [])] });
  }

  async end(): Promise<void> {
    this.proxy.connection.close();
    await this.keyctl.end();
  }
}

export function letThrough(outcome: Outcome): Outcome & { readonly passed: true } {
  if (!outcome.passed) throw new Error(`the request was answered: ${JSON.stringify(outcome.answer)}`);
  return outcome;
}

/** The answer of a denial, having looked at what every one of them has. */
export function denied(outcome: Outcome, status: number, code: string): WireAnswer {
  if (outcome.passed) throw new Error('the request was let through');
  const { answer } = outcome;
  expect(answer.status).toBe(status);
  expect(header(answer.headers, 'content-type')).toBe('application/problem+json');
  expect(header(answer.headers, 'cache-control')).toBe('no-store');
  expect(header(answer.headers, 'x-keyctl-code')).toBe(code);
  expect(jsonOf(answer.body)).toMatchObject({ type: 'about:blank', status, code, detail: expect.stringMatching(/\.$/) });
  return answer;
}
