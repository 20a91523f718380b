import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createConnection } from 'node:net';
import { expect } from '@jest/globals';
import { jsonOf, type Answer } from '../system/http-client.ts';

/** What a request to an app brought to its handler. */
export interface Seen {
  readonly headers: IncomingHttpHeaders;
  /** The verdict that the recipe left on the request. */
  readonly keyctl: Readonly<Record<string, unknown>>;
}

export interface Recipe {
  readonly url: string;
  readonly service?: string;
  readonly token?: string;
}

/** An app with the recipe in it, which listens: /things and /search pass it, /broken fails with 500, /free is beside it. */
export interface ProtectedApp {
  readonly port: number;
  readonly seen: readonly Seen[];
  /** All that the app logged. */
  log(): string;
  stop(): Promise<void>;
}

export type StartApp = (recipe: Recipe) => Promise<ProtectedApp>;

/** The problem that a denial is, having looked at what every one of them has. */
export function problemIn(answer: Answer): Readonly<Record<string, unknown>> {
  expect(answer.headers).toMatchObject({
    'content-type': expect.stringMatching(/^application\/problem\+json/),
    'cache-control': 'no-store',
  });
  const problem = jsonOf(answer.body);
  expect(problem).toMatchObject({ type: 'about:blank', title: expect.stringMatching(/^[A-Z]/), status: answer.status });
  expect(problem).toMatchObject({ detail: expect.stringMatching(/\.$/), requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  return problem;
}

export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
      else reject(new Error('a TCP server has a port'));
    });
  });
}

export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

/** Stands before a server: passes every request on, and loses the first answers that come back. */
export async function startLossy(target: number, losses: number): Promise<{ url: string; asked: () => number; stop: () => Promise<void> }> {
  let asked = 0;
  const relay: RequestListener = (req, res) => {
    const lost = asked < losses;
    asked += 1;
    const socket = createConnection(target, '127.0.0.1');
    let body = '';
    req.on('data', (chunk) => (body += String(chunk)));
    req.on('end', () => {
      const head = [`${req.method ?? ''} ${req.url ?? ''} HTTP/1.1`, ...pairs(req.rawHeaders), 'Connection: close', '', body];
      socket.end(head.join('\r\n'));
    });
    const answer: Buffer[] = [];
    socket.on('data', (chunk) => answer.push(chunk));
    socket.on('close', () => {
      // The answer as it came, or a connection that ends without one.
      if (!lost) res.socket?.write(Buffer.concat(answer));
      res.socket?.destroySoon();
    });
  };
  const server = createServer(relay);
  const port = await listen(server);
  return { url: `http://127.0.0.1:${String(port)}`, asked: () => asked, stop: () => close(server) };
}

function pairs(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.flatMap((name, place) =>
    place % 2 === 0 && name.toLowerCase() !== 'connection' ? [`${name}: ${rawHeaders[place + 1] ?? ''}`] : [],
  );
}
