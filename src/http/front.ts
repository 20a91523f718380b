import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Instant } from '../domain/utc-day.ts';
import { Connections } from './connections.ts';
import type { Endpoint } from './endpoint.ts';
import { HttpExchange } from './exchange.ts';
import { farewell } from './farewell.ts';
import type { Patience } from './options.ts';
import { PlainLane } from './plain-lane.ts';

const MOST_HEADER_BYTES = 16_384;
const MOST_CONNECTIONS = 10_000;
const SWEEP_MS = 5_000;

/** The server's connections, by both ways: the short one of plain requests, and Node's own for everything else. */
export class Front {
  readonly server: Server;
  readonly #connections: Connections;
  readonly #lane: PlainLane;

  /** `oneBuffer` says whether what connections say is read into one buffer for all. */
  constructor(endpoint: Endpoint, patience: Patience, clock: () => Instant, oneBuffer: boolean) {
    this.server = httpServer(patience);
    this.#connections = new Connections(this.server);
    this.#listenFor(endpoint);
    this.#lane = new PlainLane({
      server: this.server,
      verify: (exchange, service) => {
        endpoint.verify(exchange, service);
      },
      clock,
      oneBuffer,
      firstByteMs: patience.headersMs,
      keepAliveMs: patience.idleMs,
      sweepMs: SWEEP_MS,
    });
  }

  #listenFor(endpoint: Endpoint): void {
    const connections = this.#connections;
    const take = (req: IncomingMessage, res: ServerResponse, waits = false): void => {
      // Node finds out only with the body that it cannot tell where that ends.
      if (codedOtherwise(req)) connections.break(req.socket, farewell(undefined));
      else if (connections.begin(req, res, waits)) endpoint.handle(new HttpExchange(req, res, connections));
    };
    this.server.on('request', take);
    this.server.on('checkExpectation', take);
    this.server.on('checkContinue', (req, res) => {
      take(req, res, true);
    });
    // Without a listener Node would drop the connection, with the answers that are under way; with one it leaves its errors to us as well.
    this.server.on('connect', (_, socket) => {
      socket.on('error', () => socket.destroy());
      connections.break(socket, farewell(undefined));
    });
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET') socket.destroy();
      else connections.break(socket, farewell(error.code));
    });
  }

  /** From now on every connection is told with its last answer that it closes. */
  announceStop(): void {
    this.#connections.announceStop();
    this.#lane.announceStop();
  }

  /** Takes no new connection, closes those on which nothing is under way, and resolves when the others are done. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) =>
      this.server.close(() => {
        resolve();
      }),
    );
    this.#connections.closeIdle();
    this.#lane.closeIdle();
    return closed;
  }

  /** Closes all connections, whatever is under way. */
  closeAll(): void {
    this.server.closeAllConnections();
    this.#lane.closeAll();
  }
}

function codedOtherwise({ headers }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding'];
  return coding !== undefined && coding.toLowerCase() !== 'chunked';
}

function httpServer(patience: Patience): Server {
  const server = createServer({
    maxHeaderSize: MOST_HEADER_BYTES,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkMs,
    keepAliveTimeout: patience.idleMs,
    // The endpoint asks for the Host itself, to answer in its own form.
    requireHostHeader: false,
  });
  server.maxConnections = MOST_CONNECTIONS;
  // Who asks and asks and takes no answer is let go as well.
  server.timeout = patience.idleMs;
  // SECURITY: Node drops the headers beyond its thousandth in silence, and what a proxy appends comes last: its X-Forwarded-For, its Via.
  // Their size is limited, so that their number is.
  server.maxHeadersCount = 0;
  // Who has sent all that there is to say may still listen: without this Node hangs up on a request that is charged already.
  Object.assign(server, { httpAllowHalfOpen: true });
  return server;
}
