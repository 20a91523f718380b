import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keyctl } from '../harness.ts';
import { proveBooks } from '../proved-books.ts';
import { counts } from '../e2e/cluster.ts';
import { ask } from './http-client.ts';
import { FakedClock } from './faked-clock.ts';
import { Installation } from './installation.ts';
import type { Running } from './running.ts';

// Promise 7 at its worst: servers of one store whose clocks are days apart, so that every other batch finds the account on another day.

const HOUR = 3_600_000;
const REQUESTS = 150;
const ALLOWED = 120;

let home: Installation;
const running: Running[] = [];

beforeEach(() => {
  home = new Installation();
});

afterEach(async () => {
  for (const process of running.splice(0)) await process.stop();
  home.remove();
});

/** What a process gets in its environment to live so many days from now; whole days, so that the hour is everybody's. */
function daysFromNow(days: number): Readonly<Record<string, string>> {
  const clock = new FakedClock(home.folder, `clock-${String(days)}`);
  clock.runFrom(new Date(Date.now() + days * 24 * HOUR).toISOString());
  return clock.env('UTC');
}

test('each day is granted once, spent exactly, and its books balance, while resets by all of the clocks close and reopen it', async () => {
  const { secret } = await home.customer('acme', { credits: ALLOWED * 100 });
  const spender = await home.customer('other', { credits: 1_000_000 });
  const days = [-1, 0, 0, 1, 2];
  const clocks = new Map([...new Set(days)].map((day) => [day, daysFromNow(day)]));
  const servers = [];
  for (const day of days) {
    home.env = clocks.get(day) ?? {};
    const { process, port } = await home.serve([]);
    running.push(process);
    servers.push({ day, port });
  }
  const over = new AbortController();
  const resets = (async () => {
    for (let turn = 0; !over.signal.aborted; turn += 1) {
      const { code, stderr } = await keyctl(['reset'], { db: home.db, env: clocks.get(days[turn % days.length] ?? 0) ?? {} });
      expect([code, stderr]).toEqual([0, expect.any(String)]);
    }
  })();
  const client = async (port: number): Promise<string[]> => {
    const codes: string[] = [];
    while (codes.length < REQUESTS / 2) {
      const { headers } = await ask(port, { path: '/verify', headers: { 'X-API-Key': secret } });
      // Five servers and a reset share one lock: 503 is no verdict.
      if (headers['x-keyctl-code'] !== 'store_unavailable') codes.push(String(headers['x-keyctl-code']));
    }
    return codes;
  };
  const refunding = async (port: number): Promise<void> => {
    for (let turn = 0; turn < 30; turn += 1) {
      const { headers } = await ask(port, { path: '/verify', headers: { 'X-API-Key': spender.secret } });
      if (turn % 5 === 0) await ask(port, { method: 'POST', path: `/v1/debits/${String(headers['x-keyctl-debit-id'])}/refund` });
    }
  };
  const answered = await Promise.all(
    servers.map(async ({ day, port }) => {
      const [one, other] = await Promise.all([client(port), client(port), refunding(port)]);
      return [...one, ...other].map((code) => `${String(day)} ${code}`);
    }),
  );
  over.abort();
  await resets;
  expect(counts(answered.flat())).toEqual({
    ...{ '-1 ok': ALLOWED, '-1 insufficient_credits': REQUESTS - ALLOWED },
    ...{ '0 ok': ALLOWED, '0 insufficient_credits': 2 * REQUESTS - ALLOWED },
    ...{ '1 ok': ALLOWED, '1 insufficient_credits': REQUESTS - ALLOWED },
    ...{ '2 ok': ALLOWED, '2 insufficient_credits': REQUESTS - ALLOWED },
  });
  for (const process of running.splice(0)) expect(await process.stop()).toBe(0);
  expect((await proveBooks(home.db)).faults).toEqual([]);
  // Closed for good by a clock that is past all of them, the sums are proved again.
  home.env = daysFromNow(4);
  await home.run(['reset']);
  expect((await proveBooks(home.db)).faults).toEqual([]);
});
