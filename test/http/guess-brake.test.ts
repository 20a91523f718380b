import { afterEach, describe, expect, test } from '@jest/globals';
import { GuessBrake } from '../../src/http/guess-brake.ts';
import { HandTimers, Served, type ServedOptions } from './served.ts';

function brake(): {
  invalid: (address: string | null, connection?: object) => void;
  answered: () => number;
  timers: HandTimers;
  clock: { now: number };
  brake: GuessBrake;
} {
  const timers = new HandTimers();
  const clock = { now: 1_000_000 };
  const made = new GuessBrake(() => clock.now, timers.after);
  let answered = 0;
  return {
    brake: made,
    timers,
    clock,
    answered: () => answered,
    invalid: (address, connection = {}) => {
      made.invalid(address, connection, () => (answered += 1));
    },
  };
}

describe('invalid answers to one address', () => {
  test('are slowed from the sixth within 30 seconds on, by at most a second', () => {
    const { invalid, answered, timers } = brake();
    for (let guess = 0; guess < 5; guess += 1) invalid('203.0.113.9');
    expect(answered()).toBe(5);
    for (let guess = 0; guess < 20; guess += 1) invalid('203.0.113.9');
    expect(answered()).toBe(5);
    timers.pass(199);
    expect(answered()).toBe(5);
    timers.pass(1);
    expect(answered()).toBe(6);
    timers.pass(800);
    expect(answered()).toBe(25);
  });

  test('are not slowed any more when 30 seconds have gone by, nor after a step of the clock', () => {
    const { invalid, answered, clock } = brake();
    for (let guess = 0; guess < 6; guess += 1) invalid('203.0.113.9');
    expect(answered()).toBe(5);
    clock.now += 30_000;
    invalid('203.0.113.9');
    expect(answered()).toBe(6);
    for (let guess = 0; guess < 5; guess += 1) invalid('203.0.113.9');
    expect(answered()).toBe(10);
    clock.now -= 3_600_000;
    invalid('203.0.113.9');
    expect(answered()).toBe(11);
  });

  test('do not slow those to another, nor to unknown ones', () => {
    const { invalid, answered } = brake();
    for (let guess = 0; guess < 10; guess += 1) invalid('203.0.113.9');
    invalid('203.0.113.10');
    for (let guess = 0; guess < 100; guess += 1) invalid(null);
    expect(answered()).toBe(5 + 1 + 100);
  });

  test('wait in a bounded number; beyond it they leave at once', () => {
    const { invalid, answered, timers } = brake();
    for (let guess = 0; guess < 1_005; guess += 1) invalid('203.0.113.9');
    expect(answered()).toBe(5);
    invalid('203.0.113.9');
    expect(answered()).toBe(6);
    timers.pass(1_000);
    expect(answered()).toBe(1_006);
  });

  test('are remembered for a bounded number of addresses, the oldest forgotten first', () => {
    const { invalid, answered } = brake();
    for (let guess = 0; guess < 5; guess += 1) invalid('old');
    for (let address = 0; address < 9_999; address += 1) invalid(`address ${String(address)}`);
    expect(answered()).toBe(5 + 9_999);
    invalid('old');
    expect(answered()).toBe(5 + 9_999);
    invalid('one more');
    invalid('old');
    expect(answered()).toBe(5 + 9_999 + 2);
  });

  test('leave in order before a valid answer on their connection, and all of them when the server stops', () => {
    const { brake: made, invalid, answered, timers } = brake();
    const [mine, other] = [{}, {}];
    for (let guess = 0; guess < 5; guess += 1) invalid('203.0.113.9');
    invalid('203.0.113.9', mine);
    invalid('203.0.113.9', mine);
    invalid('203.0.113.9', other);
    made.release(mine);
    expect(answered()).toBe(7);
    made.release({});
    expect(answered()).toBe(7);
    made.releaseAll();
    expect(answered()).toBe(8);
    expect(timers.waiting(10_000)).toBe(0);
    timers.pass(10_000);
    expect(answered()).toBe(8);
  });
});

describe('on the server', () => {
  let served: Served;

  async function serve(options?: ServedOptions): Promise<void> {
    served = await Served.start(options);
  }

  afterEach(() => served.end());

  /** Guesses until the next one will be slowed. */
  async function guess(): Promise<void> {
    for (let times = 0; times < 5; times += 1) expect((await served.verify('nonsense')).status).toBe(401);
  }

  test('a guesser waits, and a valid key from the same address does not', async () => {
    await serve();
    const { apiKey } = await served.key();
    await guess();
    const slowed = served.verify('nonsense');
    let came = false;
    void slowed.then(() => (came = true));
    expect((await served.verify(apiKey)).status).toBe(200);
    expect((await served.ask('/v1/usage/self', { headers: { 'X-API-Key': apiKey } })).status).toBe(200);
    expect(came).toBe(false);
    served.timers.pass(200);
    expect((await slowed).status).toBe(401);
  });

  test('a valid key is not held up by a guess before it on the same connection', async () => {
    await serve();
    const { apiKey } = await served.key();
    await guess();
    const head = (key: string): string => `GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n\r\n`;
    const wire = served.connect();
    wire.write(head('nonsense') + head(apiKey));
    expect(await wire.answers(2)).toEqual(['401', '200']);
    wire.socket.destroy();
  });

  test('/v1/usage/self slows guessers with the rest', async () => {
    await serve();
    await guess();
    const slowed = served.ask('/v1/usage/self', { headers: { 'X-API-Key': 'nonsense' } });
    let came = false;
    void slowed.then(() => (came = true));
    expect((await served.ask('/healthz')).status).toBe(200);
    expect(came).toBe(false);
    served.timers.pass(200);
    expect((await slowed).status).toBe(401);
  });

  test('/v1/verify slows by the address in the question, and not without one', async () => {
    await serve();
    for (let times = 0; times < 10; times += 1) expect((await served.question({ apiKey: 'nonsense' })).status).toBe(200);
    for (let times = 0; times < 5; times += 1) await served.question({ apiKey: 'nonsense', ip: '203.0.113.9' });
    const slowed = served.question({ apiKey: 'nonsense', ip: '203.0.113.9' });
    let came = false;
    void slowed.then(() => (came = true));
    expect((await served.question({ apiKey: 'nonsense', ip: '203.0.113.10' })).status).toBe(200);
    expect(came).toBe(false);
    served.timers.pass(200);
    expect((await slowed).status).toBe(200);
  });

  test('unknown addresses behind a proxy are not slowed', async () => {
    await serve({ trustProxy: ['127.0.0.1'] });
    for (let times = 0; times < 20; times += 1) expect((await served.verify('nonsense')).status).toBe(401);
  });

  test('a stopping server lets them go', async () => {
    await serve();
    await guess();
    const slowed = served.verify('nonsense');
    expect((await served.ask('/healthz')).status).toBe(200);
    await served.server.stop();
    expect((await slowed).status).toBe(401);
  });
});
