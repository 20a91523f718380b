import type { IncomingMessage, ServerResponse } from 'node:http';
import { peerIpOf } from './client-address.ts';
import type { Connections } from './connections.ts';
import type { RequestHead } from './request-headers.ts';
import { parseTarget } from './request-target.ts';

/** How much of a body that nobody asked for is read and thrown away, so that the connection can go on. */
const MOST_IGNORED_BYTES = 65_536;

/** A body, or why there is none: longer than allowed, or cut off or garbled on its way. */
export type Body = Buffer | 'too-large' | 'broken';

/** One request and its one answer, whichever way it came. */
export interface Exchange {
  readonly head: RequestHead;
  /** Stands for the connection that the answer leaves on. */
  readonly connection: object;
  readonly hasBody: boolean;
  /**
   * Sends the answer; a second one is ignored. `headers` are lines, each with its end; body and headers are ASCII. HEAD gets the headers of the body, and none.
   */
  send(status: number, headers: string, body: string): void;
  /** Throws a body away that does not matter. */
  ignoreBody(): void;
}

/** An exchange by way of Node's own HTTP server. */
export class HttpExchange implements Exchange {
  readonly head: RequestHead;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #connections: Connections;
  #ends = false;

  constructor(req: IncomingMessage, res: ServerResponse, connections: Connections) {
    this.#req = req;
    this.#res = res;
    this.#connections = connections;
    this.head = {
      method: req.method ?? '',
      httpVersion: req.httpVersion,
      target: parseTarget(req.url ?? ''),
      rawHeaders: req.rawHeaders,
      peerIp: peerIpOf(req.socket),
    };
  }

  get connection(): object {
    return this.#req.socket;
  }

  get hasBody(): boolean {
    const { headers } = this.#req;
    return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  }

  send(status: number, headers: string, body: string): void {
    const res = this.#res;
    if (res.headersSent) return;
    const fields = namesAndValues(headers);
    fields.push('Content-Length', String(Buffer.byteLength(body)));
    if (this.#connections.closesWith(res, this.#ends)) fields.push('Connection', 'close');
    res.writeHead(status, fields);
    if (this.head.method === 'HEAD') res.end();
    else res.end(body);
  }

  /** A body that is too long, or that the client only offers, ends the connection. */
  ignoreBody(): void {
    if (!this.hasBody) return;
    const req = this.#req;
    if (req.headers.expect !== undefined || Number(req.headers['content-length'] ?? 0) > MOST_IGNORED_BYTES) {
      this.#endHere();
      return;
    }
    let seen = 0;
    req.on('error', () => undefined);
    req.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen <= MOST_IGNORED_BYTES) return;
      this.#endHere();
      req.pause();
      if (this.#res.writableFinished) req.socket.destroy();
      else
        this.#res.once('finish', () => {
          req.socket.destroySoon();
        });
    });
  }

  /** Reads the whole body, at most `limit` bytes of it. Anything but a body ends the connection with the answer. */
  async readBody(limit: number): Promise<Body> {
    if (Number(this.#req.headers['content-length'] ?? 0) > limit) {
      this.#endHere();
      return 'too-large';
    }
    const body = await this.#collect(limit);
    if (typeof body === 'string') this.#endHere();
    return body;
  }

  /** The answer ends the connection, and what the client has said after this request already is not heard, nor charged. */
  #endHere(): void {
    this.#ends = true;
    this.#connections.seal(this.#req.socket, true);
  }

  #collect(limit: number): Promise<Body> {
    const req = this.#req;
    if (req.headers.expect !== undefined) {
      this.#res.writeContinue();
      this.#connections.seal(req.socket, false);
    }
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const end = (body: Body): void => {
        this.#connections.awaitBody(req.socket, null);
        resolve(body);
      };
      this.#connections.awaitBody(req.socket, () => {
        end('broken');
      });
      req.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length <= limit) {
          chunks.push(chunk);
          return;
        }
        req.pause();
        end('too-large');
      });
      req.once('end', () => {
        end(Buffer.concat(chunks));
      });
      req.once('error', () => {
        end('broken');
      });
    });
  }
}

/** Lines of headers as Node takes them. */
function namesAndValues(lines: string): string[] {
  const fields: string[] = [];
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.push(line.slice(0, colon), line.slice(colon + 2));
  }
  return fields;
}
