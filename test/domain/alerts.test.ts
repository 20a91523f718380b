import { describe, expect, test } from '@jest/globals';
import { thresholdReached } from '../../src/domain/alerts.ts';

const THRESHOLDS = [75, 90, 100];

function reached(spent: number, granted: number, adjusted = 0): number {
  return thresholdReached({ day: 0, granted, adjusted, spent }, THRESHOLDS);
}

describe('the highest threshold that a day has reached', () => {
  test.each([
    [0, 1_000, 0, 0],
    [749, 1_000, 0, 0],
    [750, 1_000, 0, 75],
    [899, 1_000, 0, 75],
    [900, 1_000, 0, 90],
    [999, 1_000, 0, 90],
    [1_000, 1_000, 0, 100],
    [1_000, 500, 500, 100],
    [500, 1_000, -400, 75],
    [2, 3, 0, 0],
    [3, 3, 0, 100],
  ])('%i spent of %i granted and %i adjusted: %i', (spent, granted, adjusted, expected) => {
    expect(reached(spent, granted, adjusted)).toBe(expected);
  });

  test('there is none without an allowance, and none where none is wanted', () => {
    expect(reached(0, 0)).toBe(0);
    expect(reached(0, 100, -100)).toBe(0);
    expect(thresholdReached({ day: 0, granted: 10, adjusted: 0, spent: 10 }, [])).toBe(0);
  });

  test('not a credit too early, of the most that there can be', () => {
    const most = 10 ** 15;
    expect(reached(most - 1, most)).toBe(90);
    expect(reached(most, most)).toBe(100);
    expect(reached(1_799_999_999_999_999, most, most)).toBe(75);
    expect(reached(1_800_000_000_000_000, most, most)).toBe(90);
  });
});
