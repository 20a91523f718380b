import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What is known of one client connection, on which several requests may be under way (pipelining). */
interface Connection {
  readonly socket: Socket;
  /** The newest request's response: answers leave in the order of the requests, so that this one is the last. */
  newest: ServerResponse | null;
  /** The newest answer says or will say `Connection: close`, or the client's bytes make no sense any more: what follows is not heard. */
  sealed: boolean;
  /** Ends the wait for a body that will never be complete. */
  bodyBroke: (() => void) | null;
}

/**
 * Keeps the server's connections, so that neither a stop nor a broken request loses an answer: a debit that was committed
 * must be told, and a request that cannot be answered any more must not be charged.
 */
export class Connections {
  readonly #server: Server;
  readonly #open = new Map<Duplex, Connection>();
  #stopping = false;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#open.set(socket, { socket, newest: null, sealed: false, bodyBroke: null });
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /**
   * Notes that a request began; `waits` says whether its client waits to be told to go on, without which Node closes the connection after the
   * answer. False: the connection is closing, so the request must be left alone, neither charged nor answered.
   */
  begin(req: IncomingMessage, res: ServerResponse, waits: boolean): boolean {
    const connection = this.#open.get(req.socket);
    if (connection === undefined || connection.sealed) return false;
    connection.newest = res;
    connection.sealed = waits;
    return true;
  }

  /** Whether what follows the request that is under way is not heard, since its answer will close the connection. */
  seal(socket: Socket, sealed: boolean): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.sealed = sealed;
  }

  /** Whether this answer has to say `Connection: close`, because the server stops or because its sender wants the end. */
  closesWith(res: ServerResponse, wanted: boolean): boolean {
    const connection = this.#open.get(res.req.socket);
    const closes = wanted || (this.#stopping && connection?.newest === res);
    if (closes && connection !== undefined) connection.sealed = true;
    return closes;
  }

  /** Calls `broke` if the client's bytes turn out to be broken while the body of its request is awaited; null ends that. */
  awaitBody(socket: Socket, broke: (() => void) | null): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.bodyBroke = broke;
  }

  /** The client's bytes are broken: answers under way leave first, then `farewell`, then the connection ends. */
  break(socket: Duplex, farewell: string): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    const { newest, bodyBroke, sealed } = connection;
    connection.sealed = true;
    connection.bodyBroke = null;
    if (bodyBroke !== null) bodyBroke();
    else if (sealed) return;
    else if (newest === null || newest.writableFinished) socket.end(farewell, () => socket.destroy());
    else newest.once('close', () => socket.end(farewell, () => socket.destroy()));
  }

  /** From now on every connection is told `Connection: close` with its last answer. */
  announceStop(): void {
    this.#stopping = true;
  }

  /** Closes connections on which nothing is under way, and the others when that is done. Requests half arrived may go on. */
  closeIdle(): void {
    for (const { socket, newest } of this.#open.values()) {
      // Node counts a connection that never sent a byte as busy until its headers are overdue.
      if (socket.bytesRead === 0) socket.destroy();
      if (newest !== null && !newest.writableFinished) {
        newest.once('close', () =>
          setImmediate(() => {
            this.#server.closeIdleConnections();
          }),
        );
      }
    }
  }
}
