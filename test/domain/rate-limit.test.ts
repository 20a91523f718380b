import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { emissionInterval, MAX_BURST, MAX_REQUESTS_PER_SECOND, rateState, type RateLimit } from '../../src/domain/rate-limit.ts';

const NOW = Date.UTC(2026, 10, 22, 10) * 1_000;
const SECOND = 1_000_000;

/** A bucket that is asked at instants in microseconds and keeps what it admits. */
class Bucket {
  readonly #limit: RateLimit;
  arrival = 0;

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  ask(atMicros: number): boolean {
    const state = rateState(this.#limit, this.arrival, atMicros);
    this.arrival = state.admitted ? state.next : (state.cut ?? this.arrival);
    return state.admitted;
  }

  /** How many of `attempts` pass at one instant. */
  admits(attempts: number, atMicros: number): number {
    return Array.from({ length: attempts }, () => this.ask(atMicros)).filter(Boolean).length;
  }

  waitMicros(atMicros: number): number {
    return rateState(this.#limit, this.arrival, atMicros).waitMicros;
  }
}

const limits = fc.record({
  requestsPerSecond: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(3, 7, 1_000, MAX_REQUESTS_PER_SECOND, 0.5)),
  burst: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(MAX_BURST)),
});

describe('the time that one request takes up', () => {
  test.each([
    [1, 1_000_000],
    [3, 333_333],
    [5, 200_000],
    [7, 142_857],
    [40, 25_000],
    [MAX_REQUESTS_PER_SECOND, 1],
    [0.5, 2_000_000],
  ])('at %d a second is %i microseconds', (requestsPerSecond, expected) => {
    expect(emissionInterval({ requestsPerSecond, burst: 1 })).toBe(expected);
  });
});

describe('a bucket of 5 a second with a burst of 5', () => {
  const limit = { requestsPerSecond: 5, burst: 5 };

  test('that was never used admits the burst at once and no more', () => {
    expect(new Bucket(limit).admits(20, NOW)).toBe(5);
  });

  test('then admits one every 200 ms, to the microsecond', () => {
    const bucket = new Bucket(limit);
    bucket.admits(5, NOW);
    expect(bucket.ask(NOW + 199_999)).toBe(false);
    expect(bucket.ask(NOW + 200_000)).toBe(true);
    expect(bucket.ask(NOW + 399_999)).toBe(false);
    expect(bucket.ask(NOW + 400_000)).toBe(true);
  });

  test('has its whole burst back after one second without traffic, and not more after an hour', () => {
    const bucket = new Bucket(limit);
    bucket.admits(5, NOW);
    expect(bucket.admits(20, NOW + SECOND)).toBe(5);
    expect(bucket.admits(20, NOW + 3_600 * SECOND)).toBe(5);
  });

  test('says what remains, how long to wait and when the burst is back', () => {
    expect(rateState(limit, 0, NOW)).toEqual({
      admitted: true,
      next: NOW + 200_000,
      waitMicros: 0,
      remaining: 5,
      refillMicros: 0,
      cut: null,
    });
    const bucket = new Bucket(limit);
    bucket.admits(4, NOW);
    expect(rateState(limit, bucket.arrival, NOW)).toMatchObject({ admitted: true, remaining: 1, refillMicros: 800_000 });
    bucket.ask(NOW);
    expect(rateState(limit, bucket.arrival, NOW)).toMatchObject({
      admitted: false,
      waitMicros: 200_000,
      remaining: 0,
      refillMicros: SECOND,
    });
    expect(rateState(limit, bucket.arrival, NOW + 1)).toMatchObject({
      admitted: false,
      waitMicros: 199_999,
      remaining: 0,
      refillMicros: 999_999,
    });
  });

  test('a steady stream at the rate is never refused', () => {
    const bucket = new Bucket({ requestsPerSecond: 5, burst: 1 });
    for (let n = 0; n < 1_000; n += 1) expect(bucket.ask(NOW + n * 200_000)).toBe(true);
  });
});

describe('a clock that steps back', () => {
  const limit = { requestsPerSecond: 5, burst: 5 };

  test('leaves nobody waiting longer than one request takes up: the first refusal cuts the stored time', () => {
    const bucket = new Bucket(limit);
    bucket.admits(5, NOW);
    const past = NOW - 86_400 * SECOND;
    expect(rateState(limit, bucket.arrival, past)).toMatchObject({ admitted: false, waitMicros: 200_000, cut: past + SECOND });
    expect(bucket.ask(past)).toBe(false);
    expect(bucket.ask(past + 199_999)).toBe(false);
    expect(bucket.ask(past + 200_000)).toBe(true);
  });

  test('cuts nothing while the stored time can be true', () => {
    const bucket = new Bucket(limit);
    bucket.admits(5, NOW);
    expect(rateState(limit, bucket.arrival, NOW).cut).toBeNull();
    expect(rateState(limit, bucket.arrival, NOW - 1).cut).toBe(NOW - 1 + SECOND);
  });

  test('gives no second burst', () => {
    const bucket = new Bucket(limit);
    bucket.admits(5, NOW);
    expect(bucket.admits(20, NOW - 3_600 * SECOND)).toBe(0);
  });

  test('by less than what is left of the burst changes nothing', () => {
    const bucket = new Bucket(limit);
    bucket.admits(3, NOW);
    // 600 ms ahead at NOW; the clock steps back by 300 ms, so 900 ms of at most 1,000 are ahead: nothing was cut.
    const back = NOW - 300_000;
    expect(rateState(limit, bucket.arrival, back)).toMatchObject({ admitted: false, waitMicros: 100_000 });
    expect(bucket.ask(back + 100_000)).toBe(true);
  });
});

describe('for every limit and any traffic', () => {
  const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 10 }), fc.nat({ max: 400_000 }), fc.nat({ max: 3 * SECOND })), {
    maxLength: 150,
  });

  test('no window admits more than burst + window / T', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, pauses) => {
        const bucket = new Bucket(limit);
        const admitted: number[] = [];
        let at = NOW;
        for (const pause of pauses) {
          at += pause;
          if (bucket.ask(at)) admitted.push(at);
        }
        const interval = emissionInterval(limit);
        for (const [first, from] of admitted.entries()) {
          for (const [offset, to] of admitted.slice(first).entries()) {
            expect(offset + 1).toBeLessThanOrEqual(limit.burst + (to - from) / interval);
          }
        }
      }),
    );
  });

  test('where the rate divides a second, no window admits more than burst + rate x window', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4, 5, 8, 10, 20, 40, 1_000),
        fc.integer({ min: 1, max: 60 }),
        gaps,
        (requestsPerSecond, burst, pauses) => {
          const bucket = new Bucket({ requestsPerSecond, burst });
          const admitted: number[] = [];
          let at = NOW;
          for (const pause of pauses) {
            at += pause;
            if (bucket.ask(at)) admitted.push(at);
          }
          const [from = NOW] = admitted;
          for (const [index, to] of admitted.entries()) {
            expect(index + 1).toBeLessThanOrEqual(burst + (requestsPerSecond * (to - from)) / SECOND);
          }
        },
      ),
    );
  });

  test('who waits as long as was said passes, and a microsecond less does not', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, pauses) => {
        const bucket = new Bucket(limit);
        let at = NOW;
        for (const pause of pauses) {
          at += pause;
          bucket.ask(at);
        }
        const wait = bucket.waitMicros(at);
        expect(rateState(limit, bucket.arrival, at + wait).admitted).toBe(true);
        if (wait > 0) expect(rateState(limit, bucket.arrival, at + wait - 1).admitted).toBe(false);
      }),
    );
  });

  test('`remaining` is how many pass at once', () => {
    fc.assert(
      fc.property(limits, gaps, (limit, pauses) => {
        fc.pre(limit.burst <= 50);
        const bucket = new Bucket(limit);
        let at = NOW;
        for (const pause of pauses) {
          at += pause;
          bucket.ask(at);
        }
        const { remaining } = rateState(limit, bucket.arrival, at);
        expect(bucket.admits(100, at)).toBe(remaining);
      }),
    );
  });

  test('the stored time is never further ahead than burst x T, even when the clock runs backwards', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.integer({ min: -5 * SECOND, max: 5 * SECOND }), { maxLength: 100 }), (limit, steps) => {
        const bucket = new Bucket(limit);
        let at = NOW;
        for (const step of steps) {
          at += step;
          bucket.ask(at);
          const state = rateState(limit, bucket.arrival, at);
          expect(bucket.arrival - at).toBeLessThanOrEqual(limit.burst * emissionInterval(limit));
          expect(state.waitMicros).toBeLessThanOrEqual(emissionInterval(limit));
          expect(state.remaining).toBeGreaterThanOrEqual(0);
          expect(state.remaining).toBeLessThanOrEqual(limit.burst);
        }
      }),
    );
  });
});
