import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Instant } from '../domain/utc-day.ts';
import { peerIpOf } from './client-address.ts';
import type { Exchange } from './exchange.ts';
import { readIntoOneBuffer } from './one-buffer.ts';
import { readPlainRequest } from './plain-request.ts';
import type { RequestHead } from './request-headers.ts';
import { serviceInPath } from './request-target.ts';

/** How long a stopping server waits for the first byte of a connection that it has accepted, and for the end of one that it has ended. */
const SILENT_AT_STOP_MS = 250;

export interface PlainLaneDeps {
  readonly server: Server;
  /** Answers a request under /verify, sooner or later. */
  readonly verify: (exchange: Exchange, service: string) => void;
  readonly clock: () => Instant;
  /** Whether what connections say is read into one buffer for all. */
  readonly oneBuffer: boolean;
  /** How long a new connection may say nothing, and one that has spoken. */
  readonly firstByteMs: number;
  readonly keepAliveMs: number;
  /** How often idle connections are looked for: a timer of each one's own, set back at every request, cost more than reading it. */
  readonly sweepMs: number;
}

/**
 * A short way for the requests that make up nearly all of the traffic: plain ones to /verify, on connections that go on. They
 * are answered without Node's request and response objects, which cost more than the verification. A connection
 * that ever says anything else belongs to Node's HTTP server from that byte on: its parser, its time limits, its errors.
 */
export class PlainLane {
  readonly #deps: PlainLaneDeps;
  readonly #open = new Set<PlainConnection>();
  readonly #toHttp: (socket: Socket) => void;
  readonly #tail: AnswerTail;
  #stopping = false;

  constructor(deps: PlainLaneDeps) {
    this.#deps = deps;
    this.#tail = new AnswerTail(deps.clock, deps.keepAliveMs);
    const { server } = deps;
    const ways = server.listeners('connection');
    server.removeAllListeners('connection');
    this.#toHttp = (socket) => {
      for (const way of ways) Reflect.apply(way, server, [socket]);
    };
    server.on('connection', (socket) => {
      this.#take(socket);
    });
    const most = Math.ceil(deps.keepAliveMs / deps.sweepMs);
    const sweep = setInterval(() => {
      for (const connection of this.#open) connection.sweep(most);
    }, deps.sweepMs).unref();
    server.once('close', () => {
      clearInterval(sweep);
    });
  }

  #take(accepted: Socket): void {
    const { server, verify, oneBuffer, firstByteMs } = this.#deps;
    const hear = (bytes: Buffer): void => {
      connection.hear(bytes);
    };
    const socket = oneBuffer ? readIntoOneBuffer(accepted, server, hear) : accepted;
    const connection = new PlainConnection(socket, {
      verify,
      tail: this.#tail,
      firstByteMs,
      stopping: () => this.#stopping,
      handOver: () => {
        this.#open.delete(connection);
        this.#toHttp(socket);
      },
      closed: () => this.#open.delete(connection),
    });
    this.#open.add(connection);
  }

  /** From now on every answer is the last of its connection. */
  announceStop(): void {
    this.#stopping = true;
  }

  /** Closes the connections on which nothing is under way; the others close with their answer. */
  closeIdle(): void {
    for (const connection of this.#open) connection.closeForStop();
  }

  closeAll(): void {
    for (const connection of this.#open) connection.destroy();
  }
}

interface ConnectionDeps {
  readonly verify: (exchange: Exchange, service: string) => void;
  readonly tail: AnswerTail;
  readonly firstByteMs: number;
  readonly stopping: () => boolean;
  readonly handOver: () => void;
  readonly closed: () => void;
}

/** One connection while it is plain: at most one request is under way, so that answers cannot change places. */
class PlainConnection {
  readonly #socket: Socket;
  readonly #deps: ConnectionDeps;
  readonly #peerIp: string | null;
  /** Takes what the connection said; the bytes may be gone after. */
  readonly hear = (bytes: Buffer): void => {
    if (this.#handedOver) this.#socket.push(Buffer.from(bytes));
    else this.#heard(bytes);
  };
  readonly #end = (): void => {
    this.#ended();
  };
  readonly #timedOut = (): void => {
    // The clock starts anew when what is still to be sent has left.
    if (!this.#busy && this.#socket.writableLength === 0) this.#socket.destroy();
  };
  readonly #drained = (): void => {
    this.#socket.resume();
  };
  readonly #broken = (): void => {
    this.#socket.destroy();
  };
  #busy = false;
  #spoken = false;
  #sweeps = 0;
  #endOfInput = false;
  /** Bytes came while a request was under way: they wait, in the socket, for its answer, and then for Node's parser. */
  #early = false;
  #handedOver = false;
  /** The last answer has been given: what is said after it is not heard, as nobody could be told what became of it. */
  #sealed = false;

  constructor(socket: Socket, deps: ConnectionDeps) {
    this.#socket = socket;
    this.#deps = deps;
    this.#peerIp = peerIpOf(socket);
    socket.setTimeout(deps.firstByteMs);
    socket.on('data', this.hear);
    socket.on('end', this.#end);
    socket.on('timeout', this.#timedOut);
    socket.on('drain', this.#drained);
    socket.on('error', this.#broken);
    socket.on('close', deps.closed);
  }

  /** Closes the connection if this is more than the `most`th time running that it is found idle. */
  sweep(most: number): void {
    if (!this.#spoken || this.#busy) return;
    this.#sweeps += 1;
    if (this.#sweeps > most) this.#socket.destroy();
  }

  /**
   * Who has connected and not yet spoken is about to: ended at once, its request would be lost although somebody else could take it.
   * An answer that its client has not taken yet is one that it was charged for.
   */
  closeForStop(): void {
    if (this.#sealed) return;
    if (!this.#spoken) this.#socket.setTimeout(Math.min(SILENT_AT_STOP_MS, this.#deps.firstByteMs));
    else if (this.#busy) return;
    else if (this.#socket.writableLength > 0) this.#seal();
    else this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #heard(bytes: Buffer): void {
    if (this.#sealed) return;
    if (this.#busy) {
      this.#early = true;
      this.#putBack(bytes);
      return;
    }
    const head = readPlainRequest(bytes, this.#peerIp);
    const service = head === null ? null : serviceInPath(head.target.path);
    if (head === null || service === null) {
      this.#putBack(bytes);
      this.#handOver();
      return;
    }
    if (!this.#spoken) {
      this.#spoken = true;
      this.#socket.setTimeout(0);
    }
    this.#sweeps = 0;
    this.#busy = true;
    const exchange = new PlainExchange(head, this.#socket, (status, headers, body) => {
      this.#answer(head, status, headers, body);
    });
    this.#deps.verify(exchange, service);
  }

  /** Back into the socket, where they stand before what follows them, the end of input included. */
  #putBack(bytes: Buffer): void {
    this.#socket.pause();
    this.#socket.unshift(Buffer.from(bytes));
  }

  #answer(head: RequestHead, status: number, headers: string, body: string): void {
    const socket = this.#socket;
    this.#busy = false;
    if (socket.destroyed) return;
    const last = this.#endOfInput || (this.#deps.stopping() && !this.#early);
    const flowing = socket.write(answerBytes(head, status, headers, body, this.#deps.tail.text(last)), 'latin1');
    if (last) this.#seal();
    else if (this.#early) this.#handOver();
    else if (!flowing) socket.pause();
  }

  /** Ends the connection with what has been written, and soon, whether or not the client ends it too. */
  #seal(): void {
    this.#sealed = true;
    this.#socket.end();
    this.#socket.resume();
    if (this.#deps.stopping()) this.#socket.setTimeout(SILENT_AT_STOP_MS);
  }

  /** The client has said all that it will, and may still listen. */
  #ended(): void {
    this.#endOfInput = true;
    if (!this.#busy) this.#socket.end();
  }

  /** The socket is paused, and holds the bytes that Node's parser begins with. */
  #handOver(): void {
    const socket = this.#socket;
    this.#handedOver = true;
    socket.off('data', this.hear);
    socket.off('end', this.#end);
    socket.off('timeout', this.#timedOut);
    socket.off('drain', this.#drained);
    socket.off('error', this.#broken);
    socket.off('close', this.#deps.closed);
    socket.setTimeout(0);
    this.#deps.handOver();
    socket.resume();
  }
}

type Send = Exchange['send'];

class PlainExchange implements Exchange {
  readonly head: RequestHead;
  readonly connection: object;
  readonly hasBody = false;
  #send: Send | null;

  constructor(head: RequestHead, connection: object, send: Send) {
    this.head = head;
    this.connection = connection;
    this.#send = send;
  }

  send(status: number, headers: string, body: string): void {
    const send = this.#send;
    this.#send = null;
    send?.(status, headers, body);
  }

  ignoreBody(): void {
    // It has none.
  }
}

function answerBytes(head: RequestHead, status: number, headers: string, body: string, tail: string): string {
  const line = `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  return `${line}${headers}Content-Length: ${String(body.length)}${tail}${head.method === 'HEAD' ? '' : body}`;
}

/** The end of every answer's head: the date, made once a second, and what becomes of the connection. */
class AnswerTail {
  readonly #clock: () => Instant;
  readonly #keepAlive: string;
  #second = -1;
  #goesOn = '';
  #closes = '';

  constructor(clock: () => Instant, keepAliveMs: number) {
    this.#clock = clock;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${String(Math.floor(keepAliveMs / 1_000))}`;
  }

  text(last: boolean): string {
    const second = Math.floor(this.#clock() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      const date = `\r\nDate: ${new Date(second * 1_000).toUTCString()}\r\n`;
      this.#goesOn = `${date}${this.#keepAlive}\r\n\r\n`;
      this.#closes = `${date}Connection: close\r\n\r\n`;
    }
    return last ? this.#closes : this.#goesOn;
  }
}
