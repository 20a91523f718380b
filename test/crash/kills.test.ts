import { expect, test } from '@jest/globals';
import { crashLoop } from './crash-loop.ts';

const KILLS = Number(process.env['KEYCTL_TEST_KILLS'] ?? 50);
/** A long run ends by the clock as well. */
const MOST_MS = Number(process.env['KEYCTL_TEST_MS'] ?? Number.POSITIVE_INFINITY);
const SEED = Number(process.env['KEYCTL_TEST_SEED'] ?? Date.now() % 1e9);

test(
  'kill -9 at any moment, of the server and of whoever works beside it, loses no acknowledged charge and leaves exact books',
  async () => {
    const began = performance.now();
    const { faults, ...figures } = await crashLoop({ kills: KILLS, seed: SEED, deadline: began + MOST_MS });
    const seconds = Math.round((performance.now() - began) / 1_000);
    process.stdout.write(`kills: ${JSON.stringify({ ...figures, seconds, seed: SEED })}\n`);
    expect(faults).toEqual([]);
    expect(figures.kills).toBeGreaterThan(0);
    expect(figures.acknowledged).toBeGreaterThan(figures.kills);
  },
  KILLS * 10_000,
);
