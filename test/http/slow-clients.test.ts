import { afterEach, describe, expect, test } from '@jest/globals';
import { Served, createAccount, settled, type ServedOptions, type Wire } from './served.ts';

// Clients that take all the time in the world, thousands at once. They cost a connection each, and not for long; nobody else notices.

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

const MANY = 2_000;

/** A key that no rate limit stops: the clock stands still here. */
async function unlimited(): Promise<string> {
  return (await served.key({ accountRef: await createAccount(served.store, 'acme', 1e9) })).apiKey;
}

/** Opens so many connections, a few hundred at a time, since a listening socket queues no more. */
async function connections(count: number, bytes = ''): Promise<Wire[]> {
  const wires: Wire[] = [];
  while (wires.length < count) {
    const some = Array.from({ length: Math.min(250, count - wires.length) }, () => served.connect());
    if (bytes !== '') for (const wire of some) wire.write(bytes);
    await settled(() => some.every((wire) => !wire.socket.connecting));
    wires.push(...some);
  }
  return wires;
}

async function close(wires: readonly Wire[]): Promise<void> {
  for (const wire of wires) wire.socket.destroy();
  await Promise.all(wires.map((wire) => wire.closed()));
}

describe('thousands of connections', () => {
  test.each([
    ['say nothing', ''],
    ['stopped in their first line', 'GET /ver'],
    ['stopped in their headers', 'GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: kc_prod_'],
    [
      'stopped in their body',
      'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"a',
    ],
    ['had their answer and stay', 'GET /verify HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('that %s keep nobody from being served', async (_, bytes) => {
    // None of them is closed for its silence, however long a busy machine takes for so many.
    await serve({ deps: { patience: { headersMs: 600_000, requestMs: 600_000 } } });
    const apiKey = await unlimited();
    const wires = await connections(MANY, bytes);
    for (let turn = 0; turn < 5; turn += 1) expect((await served.verify(apiKey)).status).toBe(200);
    expect(wires.filter((wire) => wire.socket.closed)).toEqual([]);
    await close(wires);
    expect((await served.verify(apiKey)).status).toBe(200);
    expect(await served.debits()).toHaveLength(6);
  });
});

describe('a client that is never idle and never done', () => {
  /** Sends one more byte of what has no end at every turn, until the connection is closed. What it was answered. */
  async function drip(wire: Wire, byte: string): Promise<string> {
    while (!wire.socket.closed) {
      if (wire.socket.writable && wire.socket.writableLength === 0) wire.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return wire.closed();
  }

  test.each([
    ['its first line', 'GET /verify/', 'a'],
    ['its headers', 'GET /verify HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'a'],
    ['ever more headers', 'GET /verify HTTP/1.1\r\nHost: x\r\n', 'a: b\r\n'],
    ['its body', 'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n', ' '],
    [
      'ever more chunks',
      'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      '1\r\n \r\n',
    ],
  ])('is closed in time, in %s, fifty of them at once, while another is served', async (_, bytes, byte) => {
    await serve({ deps: { patience: { headersMs: 150, requestMs: 300, checkMs: 30 } } });
    const apiKey = await unlimited();
    // One who is known already: on a busy machine the first words of a new connection could come too late for this server, whoever they are of.
    const other = served.connect();
    let answered = 0;
    const ask = async (): Promise<void> => {
      other.text = '';
      other.write(`GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\n\r\n`);
      expect(await other.answers(1)).toEqual(['200']);
      answered += 1;
    };
    await ask();
    const wires = await connections(50, bytes);
    const all = Promise.all(wires.map((wire) => drip(wire, byte)));
    do await ask();
    while (!wires.every((wire) => wire.socket.closed));
    // What they are told is for test/http/raw.test.ts: on a busy machine the first words of some may not be read in time.
    for (const text of await all) expect(text).toMatch(/^HTTP\/1\.1 4\d\d |^$/);
    expect(await served.debits()).toHaveLength(answered);
    expect(served.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('a client that asks and takes no answer', () => {
  test.each(['/healthz', '/v1/usage/self', '/openapi.json'])(
    'is let go when it has taken none for as long as a connection may be idle, on %s',
    async (path) => {
      await serve({ deps: { patience: { idleMs: 200, checkMs: 20 } } });
      const wire = served.connect();
      wire.socket.pause();
      const some = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(500);
      while (!wire.socket.destroyed) {
        if (wire.socket.writableLength < 1_000_000) wire.write(some);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect((await served.ask('/healthz')).status).toBe(200);
    },
  );
});

describe('guessers', () => {
  const head = (key: string, address: string): string =>
    `GET /verify HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}\r\nX-API-Key: ${key}\r\n\r\n`;

  test('from thousands of addresses, each one slowed for itself, delay no valid key, at their own address or another', async () => {
    await serve({ trustProxy: ['127.0.0.1'] });
    const apiKey = await unlimited();
    const addresses = Array.from({ length: 100 }, (_, place) => `198.51.100.${String(place)}`);
    const guesses = await Promise.all(
      addresses.map(async (address) => {
        const wire = served.connect();
        // Five are free; the sixth of each waits, and with it whatever comes after it on that connection.
        wire.write(head('nonsense', address).repeat(6));
        await wire.answers(5);
        return wire;
      }),
    );
    expect((await served.ask('/healthz')).status).toBe(200);
    expect(guesses.map((wire) => wire.statuses.length)).toEqual(addresses.map(() => 5));
    for (const address of [...addresses.slice(0, 20), '203.0.113.1']) {
      expect((await served.verify(apiKey, '/verify', { 'X-Forwarded-For': address })).status).toBe(200);
    }
    // Somebody else's mistake is answered at once.
    expect((await served.verify('nonsense', '/verify', { 'X-Forwarded-For': '203.0.113.2' })).status).toBe(401);
    served.timers.pass(200);
    await Promise.all(guesses.map((wire) => wire.answers(6)));
    await close(guesses);
    expect(await served.debits()).toHaveLength(21);
  });

  test('who claim another address without a proxy in between are slowed at their own', async () => {
    await serve();
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await served.verify('nonsense', '/verify', { 'X-Forwarded-For': `198.51.100.${String(turn)}` })).status).toBe(401);
    }
    const slowed = served.verify('nonsense', '/verify', { 'X-Forwarded-For': '198.51.100.9' });
    let came = false;
    void slowed.then(() => (came = true));
    expect((await served.ask('/healthz')).status).toBe(200);
    expect(came).toBe(false);
    served.timers.pass(200);
    expect((await slowed).status).toBe(401);
  });
});
