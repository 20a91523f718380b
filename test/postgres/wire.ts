import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that can be cut and held up. */
export interface Wire {
  /** The URL with the wire's end instead of the server's. */
  readonly url: string;
  /** Ends every connection that is there. */
  cut(): void;
  /** Lets nothing through any more, in either direction, as if the server stood still. */
  freeze(): void;
  thaw(): void;
  /** The next answer that holds this text is lost, and the connection with it. */
  loseAnswer(text: string): void;
  /** From now on what the server says last of each answer, how the transaction stands, comes by itself, a little later. */
  dawdle(): void;
  close(): Promise<void>;
}

/** A message of one letter, its length and one letter more. */
const READY_BYTES = 6;
const DAWDLE_MS = 20;

export async function wireTo(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const pairs = new Set<readonly [Socket, Socket]>();
  let waited: string | null = null;
  let frozen = false;
  let dawdles = false;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    near.on('data', (sent) => far.write(sent));
    far.on('data', (answered) => {
      if (dawdles && answered.at(-READY_BYTES) === 'Z'.charCodeAt(0)) {
        near.write(answered.subarray(0, -READY_BYTES));
        setTimeout(() => near.write(answered.subarray(-READY_BYTES)), DAWDLE_MS);
        return;
      }
      if (waited === null || !answered.includes(waited)) return void near.write(answered);
      waited = null;
      end();
    });
    if (frozen) for (const socket of pair) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ours = String((server.address() as AddressInfo).port);
  const every = (act: (socket: Socket) => unknown): void => {
    for (const pair of pairs) pair.forEach(act);
  };
  return {
    url: url.replace(`:${port}/`, `:${ours}/`),
    cut: () => every((socket) => socket.destroy()),
    freeze: () => {
      frozen = true;
      every((socket) => socket.pause());
    },
    thaw: () => {
      frozen = false;
      every((socket) => socket.resume());
    },
    loseAnswer: (text) => {
      waited = text;
    },
    dawdle: () => {
      dawdles = true;
    },
    close: async () => {
      every((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
