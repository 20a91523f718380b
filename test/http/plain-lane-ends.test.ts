import { afterEach, describe, expect, test } from '@jest/globals';
import { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Store } from '../../src/domain/store.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import { PlainLane } from '../../src/http/plain-lane.ts';
import { Served, gate, replaced, settled, type ServedOptions } from './served.ts';
import { SlowSocket } from './slow-socket.ts';

// How connections of the plain lane end: nothing is charged that cannot be answered, and nothing is left behind.

const PLAIN = 'GET /verify HTTP/1.1\r\nHost: x\r\n\r\n';

describe('the last answer of a plain connection', () => {
  let served: Served;

  /** A server whose store settles when the gate opens, and a request with a key. */
  async function held(options: ServedOptions = {}): Promise<{ ask: string; asked: () => number; open: () => void }> {
    const { opened, open } = gate();
    let asked = 0;
    const behind = (store: Store): Store =>
      replaced(store, {
        settle: (requests) => {
          asked += requests.length;
          return opened.then(() => store.settle(requests));
        },
      });
    served = await Served.start({ behind, ...options });
    const { apiKey } = await served.key();
    return { ask: `GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\n\r\n`, asked: () => asked, open };
  }

  afterEach(() => served.end());

  test('is the one to the last request before the end of input, however many wait', async () => {
    const { ask, asked, open } = await held();
    const wire = served.connect();
    wire.write(ask);
    await settled(() => asked() === 1);
    wire.write(ask);
    await settled(() => wire.socket.bytesWritten === 2 * ask.length);
    expect((await served.ask('/healthz')).status).toBe(200);
    wire.socket.end();
    expect((await served.ask('/healthz')).status).toBe(200);
    expect((await served.ask('/healthz')).status).toBe(200);
    open();
    await wire.closed();
    expect(wire.statuses).toEqual(['200', '200']);
    expect(await served.debits()).toHaveLength(2);
  });

  test('is followed by nothing that is charged', async () => {
    const { ask, asked, open } = await held();
    const wire = served.connect();
    wire.write(ask);
    await settled(() => asked() === 1);
    const stopped = served.server.stop();
    let refuses = false;
    while (!refuses) {
      refuses = await served.ask('/healthz').then(
        () => false,
        () => true,
      );
    }
    open();
    await wire.answers(1);
    // It has been told that this was the last answer, and had said the next already.
    wire.write(ask);
    await wire.closed();
    await stopped;
    expect(wire.statuses).toEqual(['200']);
    expect(wire.text).toContain('Connection: close');
    expect(asked()).toBe(1);
    expect(await served.debits()).toHaveLength(1);
  });
});

interface Lane {
  readonly lane: PlainLane;
  readonly server: Server;
  readonly exchanges: Exchange[];
}

function laneOf(server: Server): Lane {
  const exchanges: Exchange[] = [];
  const lane = new PlainLane({
    server,
    verify: (exchange) => {
      exchanges.push(exchange);
    },
    clock: () => 0,
    ...{ oneBuffer: false, firstByteMs: 1_000, keepAliveMs: 60_000, sweepMs: 1_000 },
  });
  return { lane, server, exchanges };
}

describe('a plain connection', () => {
  test('that is gone is not handed over, whatever it had said before', async () => {
    const server = new Server();
    const handedOver: Socket[] = [];
    server.removeAllListeners('connection');
    server.on('connection', (socket) => handedOver.push(socket));
    const { exchanges } = laneOf(server);
    const socket = new SlowSocket();
    server.emit('connection', socket);
    socket.push(PLAIN);
    await settled(() => exchanges.length === 1);
    socket.push('and more');
    await settled(() => socket.isPaused());
    let closed = false;
    socket.once('close', () => (closed = true));
    socket.destroy();
    await settled(() => closed);
    exchanges[0]?.send(200, '', '');
    expect(handedOver).toEqual([]);
    server.emit('close');
  });

  test('that has not taken its answer yet gets it before it is closed for a stop', async () => {
    const { lane, server, exchanges } = laneOf(new Server());
    const socket = new SlowSocket();
    server.emit('connection', socket);
    socket.push(PLAIN);
    await settled(() => exchanges.length === 1);
    exchanges[0]?.send(200, '', '');
    let finished = false;
    socket.once('finish', () => (finished = true));
    lane.announceStop();
    lane.closeIdle();
    expect(socket.destroyed).toBe(false);
    socket.letGo();
    await settled(() => socket.destroyed || finished);
    expect(finished).toBe(true);
    socket.destroy();
    server.emit('close');
  });
});
