import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that can lose answers. */
export interface LossyRelay {
  readonly port: number;
  /** The next answer is cut off with its connection, after the server has given it. */
  loseNextAnswer(): void;
  /** How many connections it has taken. */
  connections(): number;
  /** How many answers were lost. */
  lost(): number;
  stop(): Promise<void>;
}

/** Relays connections to a port of 127.0.0.1. */
export function startLossyRelay(target: number): Promise<LossyRelay> {
  let losing = false;
  let lost = 0;
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
      socket.on('error', () => socket.destroy());
    }
    client.pipe(upstream);
    upstream.on('data', (answer) => {
      if (!losing) {
        client.write(answer);
        return;
      }
      losing = false;
      lost += 1;
      client.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') {
        reject(new Error('a TCP server has a port'));
        return;
      }
      resolve({
        port: address.port,
        loseNextAnswer: () => (losing = true),
        connections: () => connections,
        lost: () => lost,
        stop: () =>
          new Promise((stopped) => {
            server.close(() => {
              stopped();
            });
            for (const socket of open) socket.destroy();
          }),
      });
    });
  });
}
