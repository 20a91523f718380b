import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BINARY } from '../harness.ts';
import { FakedClock } from './faked-clock.ts';
import { ask, jsonOf } from './http-client.ts';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';

// Midnight as the real binary sees it: real processes, whose clock alone is faked.

/** What the account 'default', which does nothing here, gets every day and lets expire. */
const IDLE = 100_000;

let installation: Installation;
let clock: FakedClock;

beforeEach(() => {
  installation = new Installation();
  clock = new FakedClock(installation.folder);
  installation.env = clock.env('UTC');
});

afterEach(() => {
  installation.remove();
});

type Json = Readonly<Record<string, unknown>>;

const json = async (args: readonly string[], expected = 0): Promise<Json> => jsonOf(await installation.run([...args, '--json'], expected));
const credits = async (): Promise<unknown> => (await json(['account', 'view', 'acme']))['credits'];
const charge = (requests: number, expected = 0): Promise<Json> =>
  json(['charge', '--account', 'acme', '--requests', String(requests)], expected);
const reset = (): Promise<Json> => json(['reset']);
const customer = (amount: number) => installation.customer('acme', { credits: amount });

test('the clock of these tests is the one of faketime', () => {
  clock.standAt('2030-01-02T03:04:05.678Z');
  const print = 'process.stdout.write(new Date().toISOString())';
  for (const zone of ['UTC', 'Asia/Kolkata', 'America/New_York']) {
    const env = { ...clock.env(zone), PATH: process.env['PATH'] ?? '' };
    expect(execFileSync(process.execPath, ['-e', print], { env, encoding: 'utf8' })).toBe('2030-01-02T03:04:05.678Z');
  }
});

test('keyctl started by the program faketime itself', async () => {
  clock.standAt('2026-11-22T12:00:00Z');
  await customer(100);
  const at = (instant: string): Json => {
    const wrapped = ['-m', '--exclude-monotonic', '-f', instant, process.execPath, BINARY, 'account', 'view', 'acme', '--json'];
    const env = { PATH: process.env['PATH'] ?? '', KEYCTL_DB: installation.db, TZ: 'UTC', NO_FAKE_STAT: '1' };
    return jsonOf(execFileSync(programPath('faketime'), wrapped, { env, encoding: 'utf8' }));
  };
  expect(at('2026-11-22 23:59:59.999')['credits']).toMatchObject({ day: '2026-11-22', resetsAt: '2026-11-23T00:00:00.000Z' });
  expect(at('2026-11-23 00:00:00.000')['credits']).toMatchObject({ day: '2026-11-23', resetsAt: '2026-11-24T00:00:00.000Z' });
});

describe.each([
  ['UTC', '2026-11-22', '2026-11-23'],
  ['Asia/Kolkata', '2026-11-22', '2026-11-23'],
  // Daylight saving time begins, and ends, on these days.
  ['America/New_York', '2026-03-08', '2026-03-09'],
  ['America/New_York', '2026-11-01', '2026-11-02'],
  ['Pacific/Auckland', '2026-12-31', '2027-01-01'],
])('in the time zone %s, when %s ends', (zone, day, next) => {
  beforeEach(async () => {
    installation.env = clock.env(zone);
    clock.standAt(`${day}T00:00:00.000Z`);
    await customer(300);
  });

  test('the old balance holds to the last millisecond and the new one from the first, without any reset', async () => {
    expect(await charge(2)).toMatchObject({ accepted: 2, remaining: 100 });
    clock.standAt(`${day}T23:59:59.999Z`);
    expect(await charge(2, 5)).toMatchObject({ accepted: 1, denied: { insufficient_credits: 1 }, remaining: 0 });
    expect(await credits()).toEqual({ day, granted: 300, adjusted: 0, spent: 300, remaining: 0, resetsAt: `${next}T00:00:00.000Z` });
    clock.standAt(`${next}T00:00:00.000Z`);
    expect(await credits()).toMatchObject({ day: next, granted: 300, spent: 0, remaining: 300 });
    expect(await charge(4, 5)).toMatchObject({ accepted: 3, denied: { insufficient_credits: 1 }, remaining: 0 });
    const usage = await json(['usage', '--account', 'acme', '--by', 'day', '--since', day]);
    expect(usage['rows']).toMatchObject([
      { bucket: day, requests: 3, credits: 300 },
      { bucket: next, requests: 3, credits: 300 },
    ]);
  });

  test('reset closes the day, and running it again changes nothing', async () => {
    await charge(2);
    clock.standAt(`${next}T00:00:00.000Z`);
    await charge(1);
    expect(await reset()).toMatchObject({
      day: next,
      alreadyDone: false,
      daysClosed: 1,
      creditsExpired: IDLE + 100,
      creditsGranted: IDLE + 300,
    });
    const books = [await credits(), await json(['usage', '--by', 'day', '--since', day]), await installation.debits()];
    expect(await reset()).toMatchObject({ day: next, alreadyDone: true, daysClosed: 0, creditsExpired: 0 });
    expect([await credits(), await json(['usage', '--by', 'day', '--since', day]), await installation.debits()]).toEqual(books);
  });

  test('a keyctl serve that runs over midnight answers by the new day from its first instant', async () => {
    const { secret } = await installation.key('acme', 'live');
    const { process: serving, port } = await installation.serve([]);
    const verify = async () => {
      const { status, headers } = await ask(port, { path: '/verify', headers: { 'X-API-Key': secret } });
      return [status, headers['x-credits-available'], headers['retry-after']];
    };
    try {
      clock.standAt(`${day}T23:59:58.001Z`);
      for (const left of ['200', '100', '0']) expect(await verify()).toEqual([200, left, undefined]);
      expect(await verify()).toEqual([402, '0', '2']);
      clock.standAt(`${day}T23:59:59.999Z`);
      expect(await verify()).toEqual([402, '0', '1']);
      clock.standAt(`${next}T00:00:00.000Z`);
      for (const left of ['200', '100', '0']) expect(await verify()).toEqual([200, left, undefined]);
      expect(await verify()).toEqual([402, '0', '86400']);
      // The clock steps back over midnight: the day before is not granted twice.
      clock.standAt(`${day}T23:59:59.999Z`);
      expect(await verify()).toEqual([402, '0', '1']);
    } finally {
      expect(await serving.stop()).toBe(0);
    }
    const debits = await installation.debits();
    expect(debits.filter(({ at }) => String(at).startsWith(day))).toHaveLength(3);
    expect(debits.filter(({ at }) => String(at).startsWith(next))).toHaveLength(3);
  });
});

test('a keyctl serve whose clock runs: who is told to wait until midnight passes then, and not before', async () => {
  clock.standAt('2026-11-22T12:00:00.000Z');
  const { secret } = await customer(300);
  const { process: serving, port } = await installation.serve([]);
  const verify = () => ask(port, { path: '/verify', headers: { 'X-API-Key': secret } });
  try {
    clock.runFrom('2026-11-22T23:59:57.000Z');
    for (let time = 0; time < 3; time += 1) expect(await verify()).toMatchObject({ status: 200 });
    const denied = await verify();
    expect(denied.status).toBe(402);
    expect(await verify()).toMatchObject({ status: 402 });
    await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(denied.headers['retry-after'])));
    for (let time = 0; time < 3; time += 1) expect(await verify()).toMatchObject({ status: 200 });
    expect(await verify()).toMatchObject({ status: 402 });
  } finally {
    expect(await serving.stop()).toBe(0);
  }
  const debits = await installation.debits();
  expect(debits.map(({ at }) => String(at).slice(0, 10))).toEqual([
    ...Array<string>(3).fill('2026-11-23'),
    ...Array<string>(3).fill('2026-11-22'),
  ]);
});

describe('a reset that comes late', () => {
  const traffic = async (resets: 'daily' | 'none'): Promise<void> => {
    clock.standAt('2026-11-20T10:00:00Z');
    await customer(500);
    await charge(2);
    for (const [day, requests] of [
      ['21', 5],
      ['22', 0],
      ['23', 1],
    ] as const) {
      clock.standAt(`2026-11-${day}T00:00:00.000Z`);
      if (resets === 'daily') await reset();
      if (requests > 0) await charge(requests);
    }
    clock.standAt('2026-11-24T07:30:00Z');
  };
  const books = async (): Promise<readonly unknown[]> => {
    const usage = await json(['usage', '--account', 'acme', '--by', 'day', '--since', '2026-11-20']);
    const debits = (await installation.debits()).map(({ at, cost, balanceAfter }) => ({ at, cost, balanceAfter }));
    return [usage['rows'], usage['total'], await credits(), debits];
  };

  test('by three days closes them all, and leaves the books of one that ran every night', async () => {
    await traffic('daily');
    expect(await reset()).toMatchObject({ alreadyDone: false, daysClosed: 1, creditsExpired: IDLE + 400 });
    const punctual = await books();
    installation.remove();
    installation = new Installation();
    clock = new FakedClock(installation.folder);
    installation.env = clock.env('Asia/Kolkata');
    await traffic('none');
    expect(await reset()).toMatchObject({ alreadyDone: false, daysClosed: 4, creditsExpired: 4 * IDLE + 300 + 0 + 500 + 400 });
    const accounts = punctual.map((book) => JSON.stringify(book).replaceAll(/acct_\w+/g, 'acct'));
    expect((await books()).map((book) => JSON.stringify(book).replaceAll(/acct_\w+/g, 'acct'))).toEqual(accounts);
  });

  test('and of which several run at once closes each day once', async () => {
    await traffic('none');
    const before = await books();
    const results = await Promise.all(Array.from({ length: 4 }, reset));
    expect(results.reduce((sum, { daysClosed }) => sum + Number(daysClosed), 0)).toBe(4);
    expect(results.reduce((sum, { creditsExpired }) => sum + Number(creditsExpired), 0)).toBe(4 * IDLE + 1_200);
    expect(await books()).toEqual(before);
    expect(await reset()).toMatchObject({ alreadyDone: true, daysClosed: 0 });
    expect(await books()).toEqual(before);
  });

  test('while requests are charged loses none of them', async () => {
    await traffic('none');
    const { secret } = await installation.key('acme', 'live');
    const { process: serving, port } = await installation.serve([]);
    const verify = () => ask(port, { path: '/verify', headers: { 'X-API-Key': secret } });
    try {
      const both = await Promise.all([reset(), reset(), ...Array.from({ length: 12 }, verify)]);
      const statuses = both.slice(2).map((answer) => ('status' in answer ? answer['status'] : null));
      expect(statuses.filter((status) => status === 200).length).toBe(5);
    } finally {
      expect(await serving.stop()).toBe(0);
    }
    expect(await credits()).toMatchObject({ granted: 500, spent: 500, remaining: 0 });
  });
});

test('a smaller tier waits for midnight, to the millisecond; a larger one does not wait', async () => {
  clock.standAt('2026-11-22T09:00:00Z');
  await customer(1_000);
  await installation.run(['tier', 'create', 'small', '--daily-credits', '200']);
  await installation.run(['tier', 'create', 'large', '--daily-credits', '5000']);
  await charge(4);
  await installation.run(['tier', 'set', 'small', '--account', 'acme']);
  clock.standAt('2026-11-22T23:59:59.999Z');
  expect(await credits()).toMatchObject({ granted: 1_000, spent: 400, remaining: 600 });
  clock.standAt('2026-11-23T00:00:00.000Z');
  expect(await credits()).toMatchObject({ granted: 200, spent: 0, remaining: 200 });
  await charge(1);
  await installation.run(['tier', 'set', 'large', '--account', 'acme']);
  expect(await credits()).toMatchObject({ granted: 5_000, spent: 100, remaining: 4_900 });
});
