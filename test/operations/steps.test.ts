import { describe, expect, test } from '@jest/globals';
import { restingSteps } from '../../src/operations/steps.ts';

/** A machine on which a step works for `ms(portion)` after waiting for the lock, and commits in `commit`. */
function machine(waited: number | (() => number), ms: (portion: number) => number, commit = 1) {
  let now = 0;
  const rests: number[] = [];
  const portions: number[] = [];
  const rest = async (time: number) => {
    rests.push(time);
    now += time;
  };
  const steps = restingSteps(undefined, { stopwatch: () => now, rest });
  const run = () =>
    steps.run(async (stint) => {
      portions.push(stint.portion);
      now += typeof waited === 'number' ? waited : waited();
      const result = await stint.work(async () => {
        now += ms(stint.portion);
        return 'done';
      });
      now += commit;
      return result;
    });
  return { run, rests, portions };
}

describe('the pace of steps beside a running server', () => {
  test('a step that is quick is followed by a larger one, a slow one at once by a smaller', async () => {
    let cost = 0.1;
    const { run, portions } = machine(0, () => cost);
    for (let turn = 0; turn < 3; turn += 1) expect(await run()).toBe('done');
    expect(portions[1]).toBeGreaterThan(portions[0] ?? 0);
    expect(portions[2]).toBeGreaterThan(portions[1] ?? 0);
    cost = 20;
    await run();
    await run();
    expect(portions[4]).toBeLessThan((portions[3] ?? 0) / 2);
  });

  test('finds the amount that takes two milliseconds, however long it waits for the lock', async () => {
    const { run, rests, portions } = machine(150, (portion) => portion * 8);
    for (let turn = 0; turn < 30; turn += 1) await run();
    expect(portions.at(-1)).toBeCloseTo(1 / 4);
    expect(rests.at(-1)).toBeCloseTo(9 * (2 + 1));
  });

  test('rests as long as it worked when it is alone, and nine times as long until it has met no other writer for fifty steps', async () => {
    let waits = 0;
    const { run, rests } = machine(
      () => waits,
      () => 2,
    );
    await run();
    expect(rests).toEqual([3]);
    waits = 1.5;
    await run();
    waits = 1;
    for (let turn = 0; turn < 60; turn += 1) await run();
    expect(rests.slice(1)).toEqual([...Array.from({ length: 50 }, () => 27), ...Array.from({ length: 11 }, () => 3)]);
  });

  test('a disk that commits slowly gets larger steps, since each of them holds the lock that long anyhow', async () => {
    const { run, portions } = machine(0, (portion) => portion * 8, 6);
    for (let turn = 0; turn < 30; turn += 1) await run();
    expect(portions.at(-1)).toBeCloseTo(6 / 8);
  });

  test('has limits: a step does something on the slowest machine, and not everything at once on the fastest', async () => {
    const slow = machine(0, () => 10_000);
    const fast = machine(0, () => 0);
    for (let turn = 0; turn < 30; turn += 1) {
      await slow.run();
      await fast.run();
    }
    expect(slow.portions.at(-1)).toBe(1 / 16);
    expect(fast.portions.at(-1)).toBe(8);
  });

  test('a step that fails fails, and the next one runs', async () => {
    const steps = restingSteps(undefined, { stopwatch: () => 0, rest: async () => undefined });
    await expect(steps.run(() => Promise.reject(new Error('busy')))).rejects.toThrow('busy');
    expect(await steps.run(async () => 'done')).toBe('done');
  });
});
