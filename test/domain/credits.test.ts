import { describe, expect, test } from '@jest/globals';
import { MAX_CREDITS, openBalance, parseAmount, parseCredits, regrant, remaining, type Balance } from '../../src/domain/credits.ts';
import { KeyctlError } from '../../src/domain/error.ts';

const DAY = 20_000;

function balance(granted: number, adjusted: number, spent: number): Balance {
  return { day: DAY, granted, adjusted, spent };
}

describe('a balance', () => {
  test('remains as granted + adjusted - spent', () => {
    expect(remaining(balance(100_000, 500, 300))).toBe(100_200);
    expect(remaining(balance(100_000, -500, 300))).toBe(99_200);
  });

  test('stays exact at the largest sums', () => {
    expect(remaining(balance(MAX_CREDITS, MAX_CREDITS, 1))).toBe(1_999_999_999_999_999);
  });

  test('opens with the allowance and with what was adjusted for the day', () => {
    expect(openBalance(DAY, 100_000, 0)).toEqual(balance(100_000, 0, 0));
    expect(openBalance(DAY, 100_000, 2_000)).toEqual(balance(100_000, 2_000, 0));
    expect(openBalance(DAY, 100_000, -2_000)).toEqual(balance(100_000, -2_000, 0));
  });

  test('never opens below zero, even when more was taken than the new tier grants', () => {
    const opened = openBalance(DAY, 1_000, -2_000);
    expect(opened).toEqual(balance(2_000, -2_000, 0));
    expect(remaining(opened)).toBe(0);
  });
});

describe('a new allowance that holds at once', () => {
  test('raises what remains by the difference', () => {
    expect(regrant(balance(100_000, 0, 40_000), 300_000)).toEqual(balance(300_000, 0, 40_000));
  });

  test('lowers what remains, but not below zero: granted = max(allowance, spent - adjusted)', () => {
    expect(regrant(balance(300_000, 0, 40_000), 100_000)).toEqual(balance(100_000, 0, 40_000));
    expect(regrant(balance(300_000, 0, 140_000), 100_000)).toEqual(balance(140_000, 0, 140_000));
    expect(regrant(balance(300_000, 10_000, 140_000), 100_000)).toEqual(balance(130_000, 10_000, 140_000));
    expect(regrant(balance(300_000, -10_000, 140_000), 100_000)).toEqual(balance(150_000, -10_000, 140_000));
  });
});

describe('credits from a flag', () => {
  test.each([
    ['0', 0],
    ['300000', 300_000],
    ['0100', 100],
    ['1000000000000000', MAX_CREDITS],
  ])('%s is read', (text, expected) => {
    expect(parseCredits('Daily credits', text)).toBe(expected);
  });

  test.each(['', '-1', '+1', '1.5', '1e3', '1_000', '1,000', ' 1', '0x10', 'NaN', 'Infinity', '1000000000000001', '9'.repeat(17)])(
    '%j is refused',
    (text) => {
      expect(() => parseCredits('Daily credits', text)).toThrow(
        new KeyctlError('usage', 'Daily credits must be a whole number from 0 to 1000000000000000.'),
      );
    },
  );

  test('may have a lower bound of its own', () => {
    expect(parseCredits('The cost', '1000', 1_000)).toBe(1_000);
    expect(() => parseCredits('The cost', '1001', 1_000)).toThrow('The cost must be a whole number from 0 to 1000.');
  });

  test('the error does not repeat the text, which may be a secret', () => {
    expect(() => parseCredits('The cost', 'hunter2')).toThrow(expect.not.objectContaining({ message: expect.stringContaining('hunter2') }));
  });
});

describe('an amount from a flag', () => {
  test.each([
    ['+5000', 5_000],
    ['5000', 5_000],
    ['-200', -200],
    ['+1000000000000000', MAX_CREDITS],
    ['-1000000000000000', -MAX_CREDITS],
  ])('%s is read', (text, expected) => {
    expect(parseAmount(text)).toBe(expected);
  });

  test.each(['', '0', '+0', '-0', '--1', '+-1', '1.5', '1e3', '1000000000000001', '-1000000000000001', 'five'])('%j is refused', (text) => {
    expect(() => parseAmount(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
