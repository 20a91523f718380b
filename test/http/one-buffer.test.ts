import { once } from 'node:events';
import { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Exchange } from '../../src/http/exchange.ts';
import { readIntoOneBuffer, readsIntoOneBuffer } from '../../src/http/one-buffer.ts';
import { PlainLane } from '../../src/http/plain-lane.ts';
import { Served, createAccount, gate, replaced, settled, type ServedOptions } from './served.ts';

// What all connections say is read into one buffer: nobody may hear another's words, and whatever is kept for later has to be a copy.

test.each([
  ['20.17.0', true],
  ['22.12.0', true],
  ['24.0.0', true],
  ['26.0.0', false],
  ['2.0.0', false],
  ['', false],
  [undefined, false],
])('on Node %s: %s', (release, reads) => {
  expect(readsIntoOneBuffer(release)).toBe(reads);
});

describe.each([
  ['read into one buffer', process.versions.node],
  ['read as Node reads', ''],
])('connections that are %s', (_, nodeRelease) => {
  let served: Served;

  afterEach(() => served.end());

  const start = async (options: Partial<ServedOptions> = {}): Promise<string> => {
    served = await Served.start({ deps: { nodeRelease }, requestIdHeader: 'X-Request-Id', ...options });
    return (await served.key({ accountRef: await createAccount(served.store, 'acme', 1e9) })).apiKey;
  };
  const request = (apiKey: string, id: string): string =>
    `GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nX-Request-Id: ${id}\r\n\r\n`;
  const idsIn = (text: string): string[] => [...text.matchAll(/^X-Request-Id: (.*)\r$/gm)].map(([, id]) => id ?? '');

  test.each([false, true])(
    'hear each its own answers, whole requests, halves and several at once mixed (on a Unix socket: %s)',
    async (onSocket) => {
      const apiKey = await start({ onSocket });
      const wires = Array.from({ length: 40 }, () => served.connect());
      const said = wires.map((): string[] => []);
      for (let round = 0; round < 6; round += 1) {
        const rests = wires.map((wire, place) => {
          // By turns: a whole request, one in two parts, three at once of which the last is in two parts.
          const kind = (round + place) % 3;
          const ids = Array.from({ length: kind === 2 ? 3 : 1 }, (__, turn) => `${String(place)}-${String(round)}-${String(turn)}`);
          said[place]?.push(...ids);
          const bytes = ids.map((id) => request(apiKey, id)).join('');
          const cut = kind === 0 ? bytes.length : bytes.length - 20 - place;
          wire.write(bytes.slice(0, cut));
          return bytes.slice(cut);
        });
        // What the others say meanwhile is in the buffer by then.
        expect((await served.ask('/healthz')).status).toBe(200);
        wires.forEach((wire, place) => {
          const rest = rests[place] ?? '';
          if (rest !== '') wire.write(rest);
        });
        await settled(() => wires.every((wire, place) => idsIn(wire.text).length === said[place]?.length));
      }
      expect(wires.map(({ text }) => idsIn(text))).toEqual(said);
      expect((await served.debits()).map(({ requestId }) => requestId).sort()).toEqual(said.flat().sort());
      for (const { socket } of wires) socket.destroy();
    },
  );

  test('keep what they say before their answer, whatever the others say meanwhile', async () => {
    const { opened, open } = gate();
    let settling = 0;
    const apiKey = await start({
      behind: (store) =>
        replaced(store, {
          settle: async (requests) => {
            settling += 1;
            await opened;
            return store.settle(requests);
          },
        }),
    });
    const early = served.connect();
    early.write(request(apiKey, 'first'));
    await settled(() => settling === 1);
    early.write(request(apiKey, 'second'));
    for (let place = 0; place < 5; place += 1) expect((await served.ask('/healthz')).status).toBe(200);
    const others = Array.from({ length: 5 }, () => served.connect());
    others.forEach((wire, place) => {
      wire.write(request(apiKey, `other-${String(place)}`));
    });
    expect((await served.ask('/healthz')).status).toBe(200);
    open();
    await settled(() => idsIn(early.text).length === 2 && others.every(({ text }) => idsIn(text).length === 1));
    expect(idsIn(early.text)).toEqual(['first', 'second']);
    expect(others.flatMap(({ text }) => idsIn(text))).toEqual(others.map((__, place) => `other-${String(place)}`));
    for (const { socket } of [early, ...others]) socket.destroy();
  });

  test('go on with a question and its long body, and with a plain request after it', async () => {
    const apiKey = await start();
    const wire = served.connect();
    wire.write(request(apiKey, 'before'));
    await settled(() => idsIn(wire.text).length === 1);
    const body = JSON.stringify({ apiKey, requestId: 'asked' }).padEnd(3_000);
    const head = `POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n`;
    for (const part of [head, body.slice(0, 1_000), body.slice(1_000)]) {
      wire.write(part);
      expect((await served.ask('/healthz')).status).toBe(200);
    }
    await settled(() => wire.text.includes('"requestId":"asked"'));
    wire.write(request(apiKey, 'after'));
    await settled(() => idsIn(wire.text).includes('after'));
    expect((await served.debits()).map(({ requestId }) => requestId).sort()).toEqual(['after', 'asked', 'before']);
    wire.socket.destroy();
  });

  test('are answered to their end by a client that ends its side first', async () => {
    const apiKey = await start();
    const wire = served.connect();
    wire.socket.end(request(apiKey, 'last'));
    expect(idsIn(await wire.closed())).toEqual(['last']);
  });
});

/** A lane before a server that listens, whose exchanges wait to be answered. */
async function listening(): Promise<{ server: Server; lane: PlainLane; exchanges: Exchange[]; client: () => Socket }> {
  const exchanges: Exchange[] = [];
  const server = new Server();
  const lane = new PlainLane({
    server,
    verify: (exchange) => {
      exchanges.push(exchange);
    },
    clock: () => 0,
    ...{ oneBuffer: true, firstByteMs: 60_000, keepAliveMs: 60_000, sweepMs: 1_000 },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, lane, exchanges, client: () => connect((server.address() as AddressInfo).port, '127.0.0.1') };
}

test('a connection counts as one of its server until it is closed, so that the server can close', async () => {
  const { server, lane, client } = await listening();
  const counted = (): Promise<number> =>
    new Promise((resolve, reject) => {
      server.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  const clients = Array.from({ length: 3 }, client);
  await Promise.all(clients.map((one) => once(one, 'connect')));
  while ((await counted()) !== 3) await new Promise((resolve) => setImmediate(resolve));
  clients[0]?.destroy();
  while ((await counted()) !== 2) await new Promise((resolve) => setImmediate(resolve));
  const closed = once(server, 'close');
  server.close();
  lane.closeAll();
  await closed;
  for (const one of clients) one.destroy();
});

test('who says more before the answer than there was to say is read no further until then', async () => {
  const { server, lane, exchanges, client } = await listening();
  const plain = 'GET /verify HTTP/1.1\r\nHost: x\r\n\r\n';
  const [eager, other] = [client(), client()];
  eager.write(plain);
  await settled(() => exchanges.length === 1);
  const socket = exchanges[0]?.connection as Socket;
  eager.write(plain);
  await settled(() => socket.isPaused());
  const read = socket.bytesRead;
  eager.write(Buffer.alloc(1_000_000, 'x'));
  // Twenty times there and back on another connection: whatever was going to be read has been by then.
  for (let turn = 2; turn < 22; turn += 1) {
    other.write(plain);
    await settled(() => exchanges.length === turn);
    exchanges.at(-1)?.send(200, '', '');
    await once(other, 'data');
  }
  expect(socket.bytesRead).toBe(read);
  exchanges[0]?.send(200, '', '');
  await settled(() => socket.bytesRead > read);
  for (const one of [eager, other]) one.on('error', () => undefined).destroy();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  lane.closeAll();
  await closed;
});

test('a socket without a handle of its own kind stays as it is', () => {
  const socket = connect({ port: 9, host: '127.0.0.1', lookup: () => undefined });
  Object.assign(socket, { _handle: {} });
  expect(readIntoOneBuffer(socket, new Server(), () => undefined)).toBe(socket);
  Object.assign(socket, { _handle: null });
  expect(readIntoOneBuffer(socket, new Server(), () => undefined)).toBe(socket);
  socket.on('error', () => undefined).destroy();
});
