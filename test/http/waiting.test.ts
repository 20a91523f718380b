import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { emissionInterval } from '../../src/domain/rate-limit.ts';
import { Served, createAccount, json, type Answer } from './served.ts';

// What an answer says of waiting, held to what happens to a client that does exactly that. The clock is in the test's hand.

let served: Served;

beforeAll(async () => {
  served = await Served.start();
});

afterAll(() => served.end());

let accounts = 0;

async function customer(rate: number, burst: number, credits = 1e12): Promise<string> {
  accounts += 1;
  const accountRef = await createAccount(served.store, `customer-${String(accounts)}`, credits, { requestsPerSecond: rate, burst });
  return (await served.key({ accountRef })).apiKey;
}

/** Asks until the rate limit refuses; how many passed, and the refusal. */
async function drain(apiKey: string): Promise<{ passed: number; refusal: Answer }> {
  for (let passed = 0; ; passed += 1) {
    const answer = await served.verify(apiKey);
    if (answer.status === 429) return { passed, refusal: answer };
    expect(answer.status).toBe(200);
  }
}

const retryAfter = (answer: Answer): number => Number(answer.headers['retry-after']);

/** What `RateLimit` says of the tier's rate. */
function rateIn(answer: Answer): { r: number; t: number } {
  const [, r, t] = /"rate";r=(\d+);t=(\d+)/.exec(String(answer.headers['ratelimit'])) ?? [];
  return { r: Number(r), t: Number(t) };
}

const limits = fc.record({
  rate: fc.constantFrom(1, 2, 3, 5, 7, 10, 30, 333, 1_000),
  burst: fc.integer({ min: 1, max: 12 }),
  early: fc.integer({ min: 0, max: 1_500 }),
});

describe('who is refused for the rate', () => {
  test('passes after the seconds that Retry-After says', async () => {
    await fc.assert(
      fc.asyncProperty(limits, async ({ rate, burst, early }) => {
        const apiKey = await customer(rate, burst);
        expect((await drain(apiKey)).passed).toBe(burst);
        served.clock.now += early;
        const { refusal } = await drain(apiKey);
        expect(rateIn(refusal)).toEqual({ r: 0, t: retryAfter(refusal) });
        served.clock.now += 1_000 * retryAfter(refusal);
        expect((await served.verify(apiKey)).status).toBe(200);
      }),
      { numRuns: 40 },
    );
  });

  test('is refused to the last millisecond before its turn, and passes in that of its turn', async () => {
    await fc.assert(
      fc.asyncProperty(limits, async ({ rate, burst }) => {
        const apiKey = await customer(rate, burst);
        const interval = emissionInterval({ requestsPerSecond: rate, burst });
        let arrival = served.clock.now * 1_000 + burst * interval;
        await drain(apiKey);
        for (let turn = 1; turn <= 4; turn += 1) {
          const due = Math.ceil((arrival - (burst - 1) * interval) / 1_000);
          if (due - 1 >= served.clock.now) {
            served.clock.now = due - 1;
            expect((await served.verify(apiKey)).status).toBe(429);
          }
          served.clock.now = due;
          expect((await served.verify(apiKey)).status).toBe(200);
          arrival = Math.max(arrival, due * 1_000) + interval;
        }
      }),
      { numRuns: 25 },
    );
  });

  test('waits no longer although others are refused meanwhile: a refusal takes nothing', async () => {
    const apiKey = await customer(1, 1);
    await drain(apiKey);
    for (let tenth = 0; tenth < 9; tenth += 1) {
      served.clock.now += 100;
      expect(retryAfter((await drain(apiKey)).refusal)).toBe(1);
    }
    served.clock.now += 100;
    expect((await served.verify(apiKey)).status).toBe(200);
  });
});

describe('RateLimit', () => {
  test('says how many pass at once, and after how many seconds the whole burst does', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.nat(11), async ({ rate, burst, early }, taken) => {
        const apiKey = await customer(rate, burst);
        let told = await served.verify(apiKey);
        for (let more = 0; more < Math.min(taken, burst - 1); more += 1) told = await served.verify(apiKey);
        const left = (await drain(apiKey)).passed;
        expect(rateIn(told).r).toBe(left);
        served.clock.now += 1_000 * burst;
        await drain(apiKey);
        served.clock.now += early;
        const { refusal } = await drain(apiKey);
        const whole = json(await served.question({ apiKey, dryRun: true, cost: 0 }))['rate'] as { resetsAt: string } | null;
        expect(refusal.status).toBe(429);
        served.clock.now = Date.parse(whole?.resetsAt ?? '');
        expect((await drain(apiKey)).passed).toBe(burst);
      }),
      { numRuns: 25 },
    );
  });

  test('of an admission is true as well: t seconds later the whole burst passes', async () => {
    const apiKey = await customer(3, 9);
    const first = await served.verify(apiKey);
    expect(rateIn(first)).toEqual({ r: 8, t: 1 });
    for (let more = 0; more < 5; more += 1) await served.verify(apiKey);
    const told = await served.verify(apiKey);
    expect(rateIn(told)).toEqual({ r: 2, t: 3 });
    served.clock.now += 3_000;
    expect((await drain(apiKey)).passed).toBe(9);
  });
});

describe('who has spent the day', () => {
  test.each([
    ['long before', 12 * 3_600_000],
    ['a second before', 1_000],
    ['a millisecond before', 1],
    ['a millisecond less than a second before', 999],
    ['at the first instant of a day', 86_400_000],
  ])('is told the seconds until 00:00 UTC, %s midnight, and passes then', async (_, before) => {
    const midnight = (Math.floor(served.clock.now / 86_400_000) + 2) * 86_400_000;
    served.clock.now = midnight - before;
    const apiKey = await customer(1_000, 1_000, 150);
    expect((await served.verify(apiKey)).status).toBe(200);
    const refusal = await served.verify(apiKey);
    expect(refusal.status).toBe(402);
    expect(retryAfter(refusal)).toBe(Math.ceil(before / 1_000));
    expect(refusal.headers['ratelimit']).toContain(`"daily";r=0;t=${String(Math.ceil(before / 1_000))},`);
    served.clock.now = midnight - 1;
    expect((await served.verify(apiKey)).status).toBe(402);
    served.clock.now = midnight;
    expect((await served.verify(apiKey)).status).toBe(200);
  });
});
