import { expect, test } from '@jest/globals';
import { crashLoop, type CrashClock } from '../crash/crash-loop.ts';
import { startOfDay, dayOf } from '../../src/domain/utc-day.ts';
import { FakedClock } from './faked-clock.ts';

const KILLS = 12;
const SEED = Number(process.env['KEYCTL_TEST_SEED'] ?? Date.now() % 1e9);
const MIDNIGHT = startOfDay(dayOf(Date.now()));
/** A round lasts about as long, so that the kill comes before midnight as often as after it. */
const BEFORE_MS = 200;

/** Each round begins just before the same midnight: the clock steps back under the running server, over a day that may be closed by then. */
function aroundMidnight(folder: string): CrashClock {
  const clock = new FakedClock(folder);
  const from = (ms: number): void => clock.runFrom(new Date(ms).toISOString());
  from(MIDNIGHT - 3_600_000);
  return {
    env: clock.env('UTC'),
    now: () => MIDNIGHT - 3_600_000,
    begin: (random) => from(MIDNIGHT - random(BEFORE_MS)),
  };
}

test(
  'kill -9 around midnight, and a clock that steps back over it again and again: exact books on both days',
  async () => {
    const { faults, ...figures } = await crashLoop({ kills: KILLS, seed: SEED, clockIn: aroundMidnight });
    process.stdout.write(`kills around midnight: ${JSON.stringify({ ...figures, seed: SEED })}\n`);
    expect(faults).toEqual([]);
    expect(figures.kills).toBe(KILLS);
    expect(figures.acknowledged).toBeGreaterThan(KILLS);
  },
  120_000 + KILLS * 30_000,
);
