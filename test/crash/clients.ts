import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { jsonOf } from '../system/http-client.ts';
import type { Journal, Sent } from './journal.ts';

interface Heard {
  readonly status: number;
  readonly debit: string;
  readonly code: string;
  readonly body: string;
}

const AFTER_503_MS = 50;

export interface Customer {
  readonly account: string;
  readonly apiKey: string;
}

/** Clients of one server, each with one connection, that ask again and again until the server is gone. */
export class Clients {
  readonly #port: number;
  readonly #journal: Journal;
  readonly #customers: readonly Customer[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });
  #stopped = false;
  #next = 0;
  #admitted = 0;

  constructor(port: number, journal: Journal, customers: readonly Customer[]) {
    this.#port = port;
    this.#journal = journal;
    this.#customers = customers;
  }

  /** How many charges were acknowledged so far. */
  get admitted(): number {
    return this.#admitted;
  }

  /** Repeats what got no answer, as a client would after a restart. */
  async repeatUnanswered(): Promise<void> {
    for (const sent of [...this.#journal.repeatable]) {
      const customer = this.#customers.find(({ account }) => account === sent.account);
      if (customer === undefined) throw new RangeError('a charge of nobody');
      const heard = await this.#question(customer, sent.requestId ?? '');
      if (heard.code === 'ok') this.#journal.answered(sent, heard.debit);
    }
  }

  /** Asks with so many at a time; ends when the server does, or when it is told to stop. */
  async run(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, turn) => this.#askOn(turn)));
    this.#agent.destroy();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #askOn(turn: number): Promise<void> {
    for (let time = 0; !this.#stopped; time += 1) {
      const customer = this.#customers[(turn + time) % this.#customers.length];
      if (customer === undefined) throw new RangeError('nobody to ask');
      const heard = time % 16 === 15 ? await this.#refund() : await this.#charge(customer, time % 2 === 0);
      if (!heard) return;
    }
  }

  /** False where the connection ended without an answer. */
  async #charge(customer: Customer, plain: boolean): Promise<boolean> {
    this.#next += 1;
    const requestId = plain ? null : `${String(this.#port)}-${String(process.hrtime.bigint())}-${String(this.#next)}`;
    const sent: Sent = { account: customer.account, requestId, requests: 1 };
    try {
      const heard = await (requestId === null ? this.#verify(customer) : this.#question(customer, requestId));
      if (heard.code === 'ok') {
        this.#journal.charged(heard.debit, sent);
        this.#admitted += 1;
      } else if (heard.status === 503) {
        // It says that it could not tell: the charge may have been made. Clients take a breath then.
        this.#journal.unanswered(sent);
        await wait(AFTER_503_MS);
      }
      return true;
    } catch {
      this.#journal.unanswered(sent);
      return false;
    }
  }

  #verify({ apiKey }: Customer): Promise<Heard> {
    return this.#ask('GET', '/verify', { 'X-API-Key': apiKey });
  }

  async #question({ apiKey }: Customer, requestId: string): Promise<Heard> {
    const headers = { 'Content-Type': 'application/json' };
    const heard = await this.#ask('POST', '/v1/verify', headers, JSON.stringify({ apiKey, requestId, cost: 7 }));
    const { debitId, code } = jsonOf(heard.body);
    return { ...heard, debit: String(debitId), code: String(code) };
  }

  async #refund(): Promise<boolean> {
    const { acknowledged } = this.#journal;
    const debit = acknowledged[(this.#next * 7_919) % Math.max(1, acknowledged.length)];
    if (debit === undefined) return true;
    this.#journal.refunding(debit);
    try {
      const { status } = await this.#ask('POST', `/v1/debits/${debit}/refund`, {});
      if (status === 200) this.#journal.refunded(debit);
      return true;
    } catch {
      return false;
    }
  }

  #ask(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const req = request({ host: '127.0.0.1', port: this.#port, path, method, headers, agent: this.#agent }, (res) => {
        let text = '';
        res.on('data', (chunk) => (text += String(chunk)));
        res.on('error', reject);
        res.on('aborted', () => reject(new Error('cut off')));
        res.on('end', () => {
          const header = (name: string): string => String(res.headers[name]);
          resolve({ status: res.statusCode ?? 0, debit: header('x-keyctl-debit-id'), code: header('x-keyctl-code'), body: text });
        });
      });
      req.on('error', reject);
      req.end(body);
    });
  }
}
