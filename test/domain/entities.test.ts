import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { creditsOn, keyStatus, limitFor, pendingTier, tierOn, type TierFrom } from '../../src/domain/entities.ts';
import { NOW, TODAY } from './samples.ts';

describe('the status of a key', () => {
  const live = { deletedAt: null, disabledAt: null, expiresAt: null };

  test('is active, unless something was done to it', () => {
    expect(keyStatus(live, NOW)).toBe('active');
    expect(keyStatus({ ...live, disabledAt: 1 }, NOW)).toBe('disabled');
    expect(keyStatus({ ...live, deletedAt: 1 }, NOW)).toBe('deleted');
  });

  test('is expired from the very instant on', () => {
    expect(keyStatus({ ...live, expiresAt: NOW + 1 }, NOW)).toBe('active');
    expect(keyStatus({ ...live, expiresAt: NOW }, NOW)).toBe('expired');
    expect(keyStatus({ ...live, expiresAt: NOW - 1 }, NOW)).toBe('expired');
  });

  test('deleted outweighs disabled, which outweighs expired', () => {
    expect(keyStatus({ deletedAt: 1, disabledAt: 1, expiresAt: 1 }, NOW)).toBe('deleted');
    expect(keyStatus({ deletedAt: null, disabledAt: 1, expiresAt: 1 }, NOW)).toBe('disabled');
  });
});

describe('an account’s tiers over time', () => {
  const tiers = [
    { from: TODAY - 10, tier: 'free' },
    { from: TODAY, tier: 'standard' },
    { from: TODAY + 1, tier: 'startup' },
  ];

  test.each([
    [-400, 'free'],
    [-10, 'free'],
    [-1, 'free'],
    [0, 'standard'],
    [1, 'startup'],
    [400, 'startup'],
  ])('%i days from today it is %s', (days, tier) => {
    expect(tierOn({ tiers }, TODAY + days)).toBe(tier);
  });

  test('the change that waits is the next one after the day', () => {
    expect(pendingTier({ tiers }, TODAY - 1)).toEqual({ from: TODAY, tier: 'standard' });
    expect(pendingTier({ tiers }, TODAY)).toEqual({ from: TODAY + 1, tier: 'startup' });
    expect(pendingTier({ tiers }, TODAY + 1)).toBeNull();
  });

  test('without an entry there is no answer', () => {
    expect(() => tierOn({ tiers: [] }, TODAY)).toThrow(RangeError);
    expect(pendingTier({ tiers: [] }, TODAY)).toBeNull();
  });

  test('the tier of a day is the latest entry not after it, else the first', () => {
    const history = fc
      .uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 })
      .map((days) => days.sort((a, b) => a - b));
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 40 }), (days, day) => {
        const entries: TierFrom[] = days.map((from) => ({ from, tier: `t${String(from)}` }));
        const expected = Math.max(...days.filter((from) => from <= day), Math.min(...days));
        expect(tierOn({ tiers: entries }, day)).toBe(`t${String(expected)}`);
      }),
    );
  });
});

describe('a tier', () => {
  test('has its daily credits from a day on', () => {
    const credits = [
      { from: 0, credits: 100_000 },
      { from: TODAY + 1, credits: 0 },
    ];
    expect(creditsOn({ credits }, TODAY)).toBe(100_000);
    expect(creditsOn({ credits }, TODAY + 1)).toBe(0);
    expect(() => creditsOn({ credits: [] }, TODAY)).toThrow(RangeError);
  });

  test('limits a service by its own limit, else by that of every service, else not', () => {
    const [every, own] = [
      { requestsPerSecond: 5, burst: 5 },
      { requestsPerSecond: 20, burst: 40 },
    ];
    expect(
      limitFor(
        {
          limits: new Map([
            ['*', every],
            ['maps', own],
          ]),
        },
        'maps',
      ),
    ).toBe(own);
    expect(
      limitFor(
        {
          limits: new Map([
            ['*', every],
            ['maps', own],
          ]),
        },
        'default',
      ),
    ).toBe(every);
    expect(limitFor({ limits: new Map([['maps', own]]) }, 'default')).toBeNull();
    expect(limitFor({ limits: new Map() }, 'default')).toBeNull();
  });
});
