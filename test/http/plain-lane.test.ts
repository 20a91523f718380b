import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Server } from 'node:http';
import { PlainLane } from '../../src/http/plain-lane.ts';
import type { Store } from '../../src/domain/store.ts';
import { Served, gate, replaced, settled, type ServedOptions, type Wire } from './served.ts';
import { SlowSocket } from './slow-socket.ts';

// Plain requests have a way of their own. One whose first byte comes alone goes by Node's server: both ways must say the same.

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

const HOST = 'Host: x';

function request(...lines: string[]): string {
  return [...lines, '', ''].join('\r\n');
}

/** Whatever was written to other connections before has been read when this resolves. */
async function heard(): Promise<void> {
  expect((await served.ask('/healthz')).status).toBe(200);
}

async function answerTo(wire: Wire): Promise<string> {
  let closed = false;
  void wire.closed().then(() => (closed = true));
  await settled(() => closed || /\r\n\r\n/.test(wire.text));
  await heard();
  wire.socket.destroy();
  return wire.text;
}

async function atOnce(bytes: string): Promise<string> {
  const wire = served.connect();
  wire.write(bytes);
  return answerTo(wire);
}

async function firstByteAlone(bytes: string): Promise<string> {
  const wire = served.connect();
  wire.write(bytes.slice(0, 1));
  await settled(() => wire.socket.bytesWritten > 0);
  await heard();
  wire.write(bytes.slice(1));
  return answerTo(wire);
}

/** Without what differs between any two answers. */
function comparable(answer: string): readonly string[] {
  const lines = answer.split('\r\n').map((line) => line.replace(/^(Date|X-Keyctl-Debit-Id|X-Credits-Available|RateLimit): .*/, '$1'));
  return lines.sort();
}

const METHODS = ['GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW'];
const TARGETS = [
  '/verify',
  '/verify',
  '/verify/default/x?y=/z',
  '/verify/dear',
  '/verify/',
  '/verify//',
  '/verify/%64efault',
  '/verify?',
  '/verify/a#b',
  '/verify/{x}',
  '/verifyx',
  '/',
];
const FIELDS = [
  ...['Connection: keep-alive', 'connection: close', 'Connection: keep-alive, close', 'Proxy-Connection: close', 'Keep-Alive: timeout=1'],
  ...[
    'Content-Length: 0',
    'Content-Length:\t0 ',
    'Content-Length: 0\t',
    'Upgrade: websocket',
    'TE: trailers',
    'Expect: nothing',
    'Host: y',
    'Accept: */*',
    'X-Empty:',
  ],
  ...[
    'X-Request-Id: abc',
    'X-Request-Id:  a b',
    'x-request-id: \xe9',
    'X-Forwarded-For: 203.0.113.9',
    'x-forwarded-for: nobody',
    'Authorization: Bearer x',
  ],
  ...['X_API_Key: x', 'X-API-Key: x', 'X-API-Key : x', '__proto__: x', 'X: a\tb', 'X: \x01', ' folded', 'nonsense', ': x', 'X: \x7f'],
];

describe('both ways', () => {
  test('say the same of a request, and charge the same', async () => {
    await serve({ requestIdHeader: 'X-Request-Id', trustProxy: ['127.0.0.1'] });
    await served.store.write((tx) => tx.catalogue.insertService({ name: 'dear', cost: 700, environment: null }));
    const { apiKey } = await served.key();
    const bound = await served.key({ allowedIps: ['203.0.113.0/24'] });
    const keys = [`X-API-Key: ${apiKey}`, `x-api-key:${apiKey}\t`, `X-API-Key: ${bound.apiKey}`, `X-API-Key: ${apiKey.slice(0, -1)}!`];
    const requests = fc.record({
      method: fc.constantFrom(...METHODS),
      target: fc.constantFrom(...TARGETS),
      key: fc.option(fc.constantFrom(...keys), { freq: 8 }),
      fields: fc.array(fc.constantFrom(...FIELDS), { maxLength: 4 }),
      host: fc.option(fc.constant(HOST), { freq: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ method, target, key, fields, host }) => {
        const lines = [`${method} ${target} HTTP/1.1`, ...[host, key].filter((line) => line !== null), ...fields];
        const bytes = request(...lines);
        const before = await served.spent();
        const plain = comparable(await atOnce(bytes));
        const between = await served.spent();
        // A minute later a request id means nothing any more, and the rate limit is fresh.
        served.clock.now += 120_000;
        expect(comparable(await firstByteAlone(bytes))).toEqual(plain);
        expect((await served.spent()) - between).toBe(between - before);
        served.clock.now += 120_000;
      }),
      { numRuns: 150 },
    );
    expect(await served.spent()).toBeGreaterThan(0);
  });
});

/** A store that settles when the gate opens. */
function held(): { behind: (store: Store) => Store; asked: () => number; open: () => void } {
  const { opened, open } = gate();
  let asked = 0;
  const behind = (store: Store): Store =>
    replaced(store, {
      settle: (requests) => {
        asked += requests.length;
        return opened.then(() => store.settle(requests));
      },
    });
  return { behind, asked: () => asked, open };
}

describe('a connection that is plain', () => {
  const ask = (apiKey: string): string => request('GET /verify HTTP/1.1', HOST, `X-API-Key: ${apiKey}`);

  test('goes on after each answer, and may say something else at any time', async () => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    for (const count of [1, 2, 3]) {
      wire.write(ask(apiKey));
      await wire.answers(count);
    }
    wire.write(request('GET /healthz HTTP/1.1', HOST));
    await wire.answers(4);
    wire.write(ask(apiKey));
    expect(await wire.answers(5)).toEqual(['200', '200', '200', '200', '200']);
    expect(await served.debits()).toHaveLength(4);
    wire.socket.destroy();
  });

  test('answers in order what comes while a request is under way, whatever it is', async () => {
    const { behind, asked, open } = held();
    await serve({ behind });
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(ask(apiKey));
    await settled(() => asked() === 1);
    wire.write(`${request('GET /nowhere HTTP/1.1', HOST)}POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n`);
    await heard();
    wire.write(`X-API-Key: ${apiKey}\r\n\r\nabc`);
    await heard();
    expect(asked()).toBe(1);
    open();
    expect(await wire.answers(3)).toEqual(['200', '404', '200']);
    expect(await served.debits()).toHaveLength(2);
    wire.socket.destroy();
  });

  test('is closed with an answer that its client still hears after having said its last word', async () => {
    const { behind, asked, open } = held();
    await serve({ behind });
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(ask(apiKey));
    wire.socket.end();
    await settled(() => asked() === 1);
    await heard();
    open();
    expect(await wire.closed()).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/);
  });

  test('does not answer a client that went away, and charges it all the same', async () => {
    const { behind, asked, open } = held();
    await serve({ behind });
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(ask(apiKey));
    await settled(() => asked() === 1);
    wire.socket.resetAndDestroy();
    await wire.closed();
    await heard();
    open();
    await heard();
    expect(await served.debits()).toHaveLength(1);
    expect(served.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('hears 503, and nothing of it, when the store says what would split the answer in two', async () => {
    await serve({
      behind: (store) =>
        replaced(store, { settle: async (all) => (await store.settle(all)).map((one) => ({ ...one, account: 'a\r\nX-Admin: b' })) }),
    });
    const { apiKey } = await served.key();
    const answer = await atOnce(ask(apiKey));
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).not.toContain('X-Admin');
  });

  test('is closed when it is found idle too often running, and not while it goes on', async () => {
    await serve();
    const socket = new SlowSocket();
    const server = new Server();
    const answers: (() => void)[] = [];
    new PlainLane({
      server,
      verify: (exchange) => {
        answers.push(() => {
          exchange.send(200, '', '');
        });
      },
      clock: () => 0,
      ...{ oneBuffer: false, firstByteMs: 1_000, keepAliveMs: 3, sweepMs: 1 },
    });
    server.emit('connection', socket);
    const plain = request('GET /verify HTTP/1.1', HOST);
    let closed = false;
    socket.once('close', () => (closed = true));
    for (let turn = 0; turn < 3; turn += 1) {
      socket.push(plain);
      await settled(() => answers.length > turn);
      for (let wait = 0; wait < 20; wait += 1) await new Promise((resolve) => setTimeout(resolve, 1));
      // However long it takes: a request under way is nothing idle.
      expect(closed).toBe(false);
      answers[turn]?.();
      socket.letGo();
    }
    await settled(() => closed);
    server.emit('close');
  });

  test('stops reading from a client that does not read, until it does', async () => {
    await serve();
    const socket = new SlowSocket();
    const server = new Server();
    const lane = new PlainLane({
      server,
      verify: (exchange) => {
        exchange.send(200, '', 'x'.repeat(socket.writableHighWaterMark));
      },
      clock: () => 0,
      ...{ oneBuffer: false, firstByteMs: 1_000, keepAliveMs: 1_000, sweepMs: 1_000 },
    });
    server.emit('connection', socket);
    const plain = request('GET /verify HTTP/1.1', HOST);
    socket.push(plain);
    await settled(() => socket.written === 1);
    expect(socket.isPaused()).toBe(true);
    socket.push(plain);
    await heard();
    expect(socket.written).toBe(1);
    socket.letGo();
    await settled(() => socket.written === 2);
    lane.closeAll();
  });
});
