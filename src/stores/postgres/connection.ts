import type { Socket } from 'node:net';
import pg from 'pg';
import { codeOf, NO_TLS } from './errors.ts';
import { Statements, type Answer, type Prepared, type Statement, type Value } from './statements.ts';

/** What a server answers that has no TLS. */
const TLS_REFUSED = 'N'.charCodeAt(0);

/**
 * One connection to a server. Statements that are sent together cost one way there and back, and are answered in their order. When no
 * answer comes for so long that nobody waits for it, the connection is cut: a server that is paused, or gone without a word, is found out.
 */
export class Connection {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #answerWithinMs: number;
  readonly #prepared: Prepared = new Map();
  #watch: NodeJS.Timeout | null = null;
  #asked = 0;
  #failure: Error | null = null;
  #warned = false;

  private constructor(client: pg.Client, answerWithinMs: number) {
    this.#client = client;
    this.#answerWithinMs = answerWithinMs;
    this.#socket = socketOf(client);
    client.on('error', (error) => {
      this.#failure ??= error;
    });
    client.on('end', () => {
      this.#failure ??= lost();
      this.#stopWatch();
    });
    client.on('notice', (notice) => {
      if (notice.severity === 'WARNING') this.#warned = true;
    });
  }

  /**
   * Throws what the driver, the system or the server says; `connectTimeoutMs` is for the whole of it. What was begun is ended as soon as
   * nobody wants it any more.
   */
  static async open(config: pg.ClientConfig, answerWithinMs: number, unwanted: AbortSignal): Promise<Connection> {
    const client = new pg.Client({ ...config, pipeline: true });
    // What happens to a connection that nobody has yet is told by the promise.
    client.on('error', () => undefined);
    unwanted.addEventListener('abort', () => socketOf(client).destroy(), { once: true });
    const said = { first: 0 };
    if (config.ssl !== false) {
      socketOf(client).once('data', (bytes) => {
        said.first = bytes[0] ?? 0;
      });
    }
    try {
      await client.connect();
    } catch (error) {
      socketOf(client).destroy();
      if (codeOf(error) !== '') throw error;
      // The driver has no codes of its own: it was refused, or nothing came in time, or the server hung up.
      throw Object.assign(new Error('No connection was made.', { cause: error }), {
        code: said.first === TLS_REFUSED ? NO_TLS : 'ETIMEDOUT',
      });
    }
    return new Connection(client, answerWithinMs);
  }

  /** Why it cannot be used any more; null while it can. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** As the server said it with its last answer. */
  get inTransaction(): boolean {
    const client = this.#client as unknown as { getTransactionStatus(): string | null };
    return client.getTransactionStatus() !== 'I';
  }

  /** Sends a statement and returns its answer. */
  async ask(text: string, values: readonly Value[]): Promise<Answer> {
    const [answer] = await this.together([{ text, values }]);
    if (answer === undefined) throw new RangeError('a statement without an answer');
    return answer;
  }

  /** Sends several statements, for one way there and back; throws the first failure among them, and whatever follows that one was not done. */
  together(statements: readonly Statement[]): Promise<readonly Answer[]> {
    return this.#answered(
      () =>
        new Promise((resolve, reject) => {
          this.#client.query(
            new Statements(statements, this.#prepared, (error, answers) => {
              if (error === null) resolve(answers);
              else reject(error);
            }),
          );
        }),
    );
  }

  async #answered<Result>(send: () => Promise<Result>): Promise<Result> {
    if (this.#failure !== null) throw this.#failure;
    this.#asked += 1;
    this.#startWatch();
    try {
      return await send();
    } catch (error) {
      // Of a connection that has ended the driver tells without a code.
      throw codeOf(error) === '' && this.#hasFailed() ? lost(error) : error;
    } finally {
      this.#asked -= 1;
      if (this.#asked === 0) this.#stopWatch();
      else this.#watch?.refresh();
    }
  }

  /** Runs several statements that are given no values, one after the other, in one transaction of their own if they are in none. */
  async script(text: string): Promise<void> {
    await this.#answered(() => this.#client.query(text));
  }

  /** Whether the server has warned since this was last asked. */
  takeWarning(): boolean {
    const warned = this.#warned;
    this.#warned = false;
    return warned;
  }

  /** Says goodbye; whatever was asked is answered first. */
  async close(): Promise<void> {
    if (this.#failure !== null) {
      this.cut();
      return;
    }
    this.#failure = lost();
    this.#startWatch();
    await this.#client.end();
    this.#stopWatch();
  }

  /** Ends it at once, without a word. */
  cut(): void {
    this.#failure ??= lost();
    this.#stopWatch();
    this.#socket.destroy();
  }

  #hasFailed(): boolean {
    return this.#failure !== null;
  }

  #startWatch(): void {
    if (this.#answerWithinMs === 0 || this.#watch !== null) return;
    this.#watch = setTimeout(() => {
      this.cut();
    }, this.#answerWithinMs);
  }

  #stopWatch(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
  }
}

/** It is another one once TLS is on. */
function socketOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** As the system would say it of a connection that the other side has ended. */
function lost(cause?: unknown): Error {
  return Object.assign(new Error('The connection has ended.', { cause }), { code: 'ECONNRESET' });
}
