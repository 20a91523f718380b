import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook that takes messages while it is up, and answers 503 while it is not. */
export class AlertReceiver {
  /** The ids of what it has taken. */
  readonly delivered: string[] = [];
  isUp = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<AlertReceiver> {
    const server = createServer();
    const receiver = new AlertReceiver(server);
    server.on('request', (req, res) => {
      const { isUp } = receiver;
      if (isUp) receiver.delivered.push(String(req.headers['webhook-id']));
      req.resume().on('end', () => res.writeHead(isUp ? 204 : 503).end());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }
}
