import { afterEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { Served, createAccount, gate, replaced, settled, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

function head(target: string, ...headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n');
}

/** A store that settles when the gate opens, and says when it was asked. */
function held(): { behind: (store: Store) => Store; asked: () => number; open: () => void } {
  const { opened, open } = gate();
  let asked = 0;
  return {
    behind: (store) =>
      replaced(store, {
        settle: (requests) => {
          asked += requests.length;
          return opened.then(() => store.settle(requests));
        },
      }),
    asked: () => asked,
    open,
  };
}

describe('a server that stops', () => {
  test('finishes what is in flight, tells its connections, and loses no debit', async () => {
    const { behind, asked, open } = held();
    await serve({ behind });
    const accountRef = await createAccount(served.store, 'busy', 1e9);
    const { apiKey } = await served.key({ accountRef });
    const wires = Array.from({ length: 20 }, () => served.connect());
    for (const wire of wires) wire.write(head('/verify', `X-API-Key: ${apiKey}`));
    let waiting = 0;
    while (asked() + waiting < 20) {
      waiting = Number(/^keyctl_queue_depth (\d+)$/m.exec((await served.ask('/metrics')).body)?.[1]);
    }
    const stopped = served.server.stop();
    let resolved = false;
    void stopped.then(() => (resolved = true));
    await settled(() => wires.every((wire) => !wire.socket.connecting));
    expect(resolved).toBe(false);
    open();
    for (const wire of wires) expect(await wire.closed()).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/);
    await stopped;
    expect(await served.debits()).toHaveLength(20);
  });

  test('answers all pipelined requests, and closes with the last one', async () => {
    const { behind, asked, open } = held();
    await serve({ behind });
    const { apiKey } = await served.key();
    const wire = served.connect();
    const key = `X-API-Key: ${apiKey}`;
    wire.write(head('/verify', key) + head('/verify', key) + head('/verify', key));
    await settled(() => asked() === 3);
    const stopped = served.server.stop();
    open();
    await wire.closed();
    await stopped;
    expect(wire.statuses).toEqual(['200', '200', '200']);
    expect(wire.text.match(/Connection: close/g)).toHaveLength(1);
    expect(wire.text.lastIndexOf('Connection: close')).toBeGreaterThan(wire.text.lastIndexOf('HTTP/1.1 200'));
  });

  test('takes no new connection, closes idle and silent ones, and does so only once', async () => {
    await serve();
    const idle = served.connect();
    idle.write(head('/healthz'));
    await idle.answers(1);
    const silent = served.connect();
    await settled(() => !silent.socket.connecting);
    await Promise.all([served.server.stop(), served.server.stop()]);
    await Promise.all([idle.closed(), silent.closed()]);
    expect(idle.statuses).toEqual(['200']);
    await expect(served.ask('/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('answers whom it has accepted and who has not spoken yet', async () => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    await settled(() => !wire.socket.connecting);
    expect((await served.ask('/healthz')).status).toBe(200);
    const stopped = served.server.stop();
    let refuses = false;
    while (!refuses) {
      refuses = await served.ask('/healthz').then(
        () => false,
        () => true,
      );
    }
    wire.write(head('/verify', `X-API-Key: ${apiKey}`));
    expect(await wire.closed()).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/);
    await stopped;
    expect(await served.debits()).toHaveLength(1);
  });

  test('says so at /readyz to whom it still hears', async () => {
    await serve({ deps: { patience: { stopMs: 500 } } });
    expect((await served.ask('/readyz')).status).toBe(200);
    const wire = served.connect();
    wire.write('GET /readyz HTTP/1.1\r\nHost: local');
    await settled(() => wire.socket.bytesWritten > 0);
    expect((await served.ask('/healthz')).status).toBe(200);
    const stopped = served.server.stop();
    await settled(() => served.timers.waiting(500) > 0);
    wire.write('host\r\n\r\n');
    expect(await wire.closed()).toMatch(/^HTTP\/1\.1 503 [^]*Connection: close/);
    await stopped;
    expect(served.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('waits for a request that is still arriving, but not for ever', async () => {
    await serve({ deps: { patience: { stopMs: 500 } } });
    const wire = served.connect();
    wire.write('GET /verify HTTP/1.1\r\nHost: x\r\nX-API');
    await settled(() => wire.socket.bytesWritten > 0);
    expect((await served.ask('/healthz')).status).toBe(200);
    let resolved = false;
    const stopped = served.server.stop().then(() => (resolved = true));
    await settled(() => served.timers.waiting(500) > 0);
    expect(resolved).toBe(false);
    served.timers.pass(500);
    await stopped;
    expect(await wire.closed()).toBe('');
  });

  test('stores what was counted: denials, usage and when keys were used', async () => {
    await serve();
    const { apiKey, key } = await served.key();
    await served.verify(apiKey);
    await served.ask('/verify');
    await served.server.stop();
    const day = Math.floor(served.clock.now / 86_400_000);
    const { denials, usage, used } = await served.store.read(async (tx, now) => ({
      denials: await tx.usage.denials({}, 10),
      usage: await tx.usage.sums({ from: now - 3_600_000, to: now + 3_600_000, table: 'hour', by: 'hour' }),
      used: await tx.usage.ofKeys([key.ref], day),
    }));
    expect(denials).toMatchObject([{ code: 'missing_api_key', service: 'default', ip: '127.0.0.1', count: 1 }]);
    expect(usage).toMatchObject([{ requests: 1, credits: 100, denied: { missing_api_key: 1 } }]);
    expect(used.get(key.ref)).toMatchObject({ requests: 1, lastUsedAt: served.clock.now });
    expect(await served.store.write((tx) => tx.usage.fold(10))).toBe(0);
  });

  test('resolves also when the store takes nothing any more', async () => {
    await serve({ behind: (store) => replaced(store, { write: () => Promise.reject(new Error('disk')) }) });
    await served.ask('/verify');
    await served.server.stop();
    expect(served.logs.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

describe('each second', () => {
  test('denials and usage are stored; what failed is kept, told once, and stored later', async () => {
    let broken = true;
    await serve({
      behind: (store) => replaced(store, { write: (act) => (broken ? Promise.reject(new Error('disk')) : store.write(act)) }),
    });
    const { apiKey } = await served.key();
    await served.verify(apiKey);
    for (let round = 0; round < 3; round += 1) {
      await served.ask('/verify');
      await served.second();
    }
    expect(served.logs.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(await served.store.read((tx) => tx.usage.denials({}, 10))).toEqual([]);
    broken = false;
    served.clock.now += 10_000;
    await served.second();
    expect(await served.store.read((tx) => tx.usage.denials({}, 10))).toMatchObject([{ count: 3 }]);
    expect(await served.store.write((tx) => tx.usage.fold(10))).toBe(0);
    expect(served.logs.at(-1)?.level).toBe('warn');
  });
});
