import { createServer, type IncomingHttpHeaders } from 'node:http';

/** A request as the protected API got it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Upstream {
  readonly port: number;
  readonly received: readonly Received[];
  stop(): Promise<void>;
}

/** The operator's API: it answers 200 and its own words; 404 where the path says missing; a redirect inside of the proxy for /elsewhere. */
export async function startUpstream(): Promise<Upstream> {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => (body += String(chunk)));
    req.on('end', () => {
      const path = req.url ?? '';
      received.push({ method: req.method ?? '', path, headers: req.headers, body });
      if (path.startsWith('/elsewhere')) res.setHeader('X-Accel-Redirect', path.replace('/elsewhere', ''));
      // An upstream that says these itself must not be believed.
      res.writeHead(path.includes('missing') ? 404 : 200, { 'X-Request-Id': 'upstream', 'X-Credits-Available': '999999' });
      res.end('the API itself');
    });
  });
  return { port: await listening(server), received, stop: () => closed(server) };
}

/** A server that takes connections and drops them: another one has to be tried. */
export async function startBroken(): Promise<{ readonly port: number; readonly connections: () => number; stop(): Promise<void> }> {
  let connections = 0;
  const server = createServer();
  server.on('connection', (socket) => {
    connections += 1;
    socket.destroy();
  });
  return { port: await listening(server), connections: () => connections, stop: () => closed(server) };
}

/** Some other program, which answers everything in the same way. */
export async function startImpostor(
  port: number,
  status: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ stop(): Promise<void> }> {
  const server = createServer((_, res) =>
    res.writeHead(status, { 'Content-Length': status === 204 ? 0 : 2, ...headers }).end(status === 204 ? '' : 'ok'),
  );
  await listening(server, port);
  return { stop: () => closed(server) };
}

function listening(server: ReturnType<typeof createServer>, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
      else reject(new Error('a TCP server has a port'));
    });
  });
}

function closed(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
