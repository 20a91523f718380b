// The yardstick: node:http answering a fixed body, nothing else. Prints its port.
import { createServer } from 'node:http';

const BODY = '{"valid":true,"code":"ok"}';

const server = createServer((_, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(BODY)) });
  response.end(BODY);
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${String(server.address().port)}\n`);
});
process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close();
});
