import { expect, test } from '@jest/globals';
import { KILLS, SEED } from '../budget.ts';
import { crashLoop } from './crash-loop.ts';

test(
  'kill -9 at any moment, of the server and of whoever works beside it, loses no acknowledged charge and leaves exact books',
  async () => {
    const began = performance.now();
    const { faults, ...figures } = await crashLoop({ kills: KILLS.kills, seed: SEED, deadline: began + KILLS.ms });
    const seconds = Math.round((performance.now() - began) / 1_000);
    process.stdout.write(`kills: ${JSON.stringify({ ...figures, seconds, seed: SEED })}\n`);
    expect(faults).toEqual([]);
    expect(figures.kills).toBeGreaterThan(0);
    expect(figures.acknowledged).toBeGreaterThan(figures.kills);
  },
  60_000 + KILLS.kills * 20_000,
);
