import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createService } from '../http/served.ts';
import { Cluster, counts, type Answer } from './cluster.ts';

// One bucket, two servers on one file. All of them, and this test, read the same clock of the host.

let cluster: Cluster;

beforeEach(async () => {
  cluster = await Cluster.make();
});

afterEach(() => cluster.end());

/** An answer, and the instants between which it was decided. */
interface Timed extends Answer {
  readonly asked: number;
  readonly answered: number;
}

/** Asks without a pause on so many connections, half of them to each server, until `enough`; every answer. */
async function hammer(
  connections: number,
  ask: (turn: number) => Promise<Answer>,
  enough: (answers: readonly Timed[]) => boolean,
): Promise<readonly Timed[]> {
  const answers: Timed[] = [];
  const one = async (turn: number): Promise<void> => {
    while (!enough(answers)) {
      const asked = Date.now();
      answers.push({ ...(await ask(turn)), asked, answered: Date.now() });
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, turn) => one(turn)));
  return answers;
}

const passed = ({ code }: Answer): boolean => code === 'ok';
const refused = ({ code }: Answer): boolean => code === 'request_limit_reached';

/** GCRA as the contract has it, told of the debits that there were, in order: T = floor(10^6 / rate), admitted while TAT - now <= (burst - 1) x T. */
class Bucket {
  readonly #interval: number;
  readonly #most: number;
  /** Each debit's instant and the TAT that it left, in microseconds. */
  readonly #line: { at: number; arrival: number }[] = [];

  constructor(rate: number, burst: number) {
    this.#interval = Math.floor(1_000_000 / rate);
    this.#most = (burst - 1) * this.#interval;
  }

  /** Whether a debit at this millisecond was right. */
  admits(at: number): boolean {
    const arrival = Math.max(this.#line.at(-1)?.arrival ?? 0, at * 1_000);
    this.#line.push({ at, arrival: arrival + this.#interval });
    return arrival - at * 1_000 <= this.#most;
  }

  /** Whether a refusal at any millisecond from `asked` to `answered` was right. */
  refuses({ asked, answered }: Timed): boolean {
    const before = this.#line.findLast(({ at }) => at <= asked);
    const within = this.#line.filter(({ at }) => at > asked && at <= answered);
    const ahead = [(before?.arrival ?? 0) - asked * 1_000, ...within.map(({ at, arrival }) => arrival - at * 1_000)];
    return Math.max(...ahead) > this.#most;
  }
}

/** Sleeps until the host's clock shows the instant; a timer alone may fire a moment early. */
async function waitUntil(instant: number): Promise<void> {
  while (Date.now() < instant) await new Promise((resolve) => setTimeout(resolve, instant - Date.now()));
}

describe('two servers at full load', () => {
  test.each([
    ['a rate whose interval is whole', 50, 10],
    ['one whose interval is rounded down to the microsecond', 70, 1],
  ])('admit together what GCRA does, neither one more nor one less: %s', async (_, rate, burst) => {
    const apiKey = await cluster.customer('acme', 1e9, { requestsPerSecond: rate, burst });
    await cluster.start(2);
    const answers = await hammer(
      16,
      (turn) => cluster.verify(turn, apiKey),
      (all) => all.filter(passed).length >= burst + 60,
    );
    const debits = (await cluster.installation.debits(['--account', 'acme'])).map(({ at }) => Date.parse(String(at))).reverse();
    expect(debits).toHaveLength(answers.filter(passed).length);
    const bucket = new Bucket(rate, burst);
    expect(debits.filter((at) => !bucket.admits(at))).toEqual([]);
    expect(answers.filter(refused).length).toBeGreaterThan(0);
    expect(answers.filter((answer) => refused(answer) && !bucket.refuses(answer))).toEqual([]);
  });

  test('keep a bucket for each service and none together', async () => {
    const apiKey = await cluster.customer('acme', 1e9, { requestsPerSecond: 1, burst: 30 });
    await cluster.prepare(async (store) => {
      await createService(store, 'slow', 100);
      const limits = new Map(['*', 'slow'].map((service) => [service, { requestsPerSecond: 1, burst: service === '*' ? 30 : 7 }]));
      await store.write((tx) => tx.tiers.setLimits('tier-of-acme', limits));
    });
    await cluster.start(2);
    const since = Date.now();
    const [fast, slow] = await Promise.all(
      ['/verify', '/verify/slow'].map((path) =>
        hammer(
          8,
          (turn) => cluster.verify(turn, apiKey, {}, path),
          (answers) => answers.length >= 120,
        ),
      ),
    );
    const more = Math.ceil((Date.now() - since) / 1_000);
    for (const [answers, burst] of [
      [fast, 30],
      [slow, 7],
    ] as const) {
      expect((answers ?? []).filter(passed).length).toBeGreaterThanOrEqual(burst);
      expect((answers ?? []).filter(passed).length).toBeLessThanOrEqual(burst + more);
    }
  });
});

describe('Retry-After', () => {
  test('of 429 is the truth at both servers: who waits that long passes, as often as told to wait', async () => {
    const apiKey = await cluster.customer('acme', 1e9, { requestsPerSecond: 1, burst: 2 });
    await cluster.start(2);
    for (let round = 0; round < 2; round += 1) {
      const answers = await hammer(
        4,
        (turn) => cluster.verify(turn, apiKey),
        (all) => all.some(refused),
      );
      const received = Date.now();
      const denied = answers.filter(refused);
      expect(counts(denied.map(({ headers }) => headers['retry-after']))).toEqual({ 1: denied.length });
      for (const { headers } of denied) expect(headers['ratelimit']).toMatch(/"rate";r=0;t=1$/);
      await waitUntil(received + 1_000);
      expect((await cluster.verify(round, apiKey)).code).toBe('ok');
    }
  });

  test('of 402 is the time until 00:00 UTC, and says the same at both servers', async () => {
    const secret = await cluster.customer('acme', 250);
    await cluster.start(2);
    const answers = await hammer(
      6,
      (turn) => cluster.verify(turn, secret),
      (all) => all.length >= 20,
    );
    expect(answers.filter(passed).length).toBe(2);
    const before = Date.now();
    const denied = [await cluster.verify(0, secret), await cluster.verify(1, secret)];
    const secondsFrom = (instant: number): number => Math.ceil((86_400_000 - (instant % 86_400_000)) / 1_000);
    for (const { status, headers } of denied) {
      expect(status).toBe(402);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(secondsFrom(before));
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(secondsFrom(Date.now()));
      expect(headers['ratelimit']).toContain('"daily";r=0;t=');
    }
  });
});
