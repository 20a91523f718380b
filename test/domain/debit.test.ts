import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  debitId,
  firstDebitNumber,
  parseDebitId,
  REFUND_WINDOW_MS,
  REQUEST_ID_REPLAYS,
  REQUEST_ID_WINDOW_MS,
} from '../../src/domain/debit.ts';
import { NOW } from './samples.ts';

describe('the id of a debit', () => {
  test.each([
    [0, 'deb_0'],
    [35, 'deb_z'],
    [36, 'deb_10'],
    [Number.MAX_SAFE_INTEGER, 'deb_2gosa7pa2gv'],
  ])('of number %i is %s, both ways', (number, id) => {
    expect(debitId(number)).toBe(id);
    expect(parseDebitId(id)).toBe(number);
  });

  test('is read back as the same number', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        expect(parseDebitId(debitId(number))).toBe(number);
      }),
    );
  });

  test.each([
    ['', 'empty'],
    ['deb_', 'no number'],
    ['deb_01', 'a leading zero: each debit has one id'],
    ['deb_Z', 'upper case'],
    ['deb_-1', 'negative'],
    ['deb_1.5', 'a fraction'],
    ['deb_2gosa7pa2gw', 'beyond what is exact'],
    ['deb_zzzzzzzzzzz', 'far beyond'],
    ['deb_zzzzzzzzzzzz', 'too long'],
    ['deb_1\n', 'a line break'],
    [' deb_1', 'a space'],
    ['debit_1', 'another word'],
    ['key_1', 'another kind'],
    ['1', 'the number alone'],
  ])('is not %j: %s', (text) => {
    expect(parseDebitId(text)).toBeNull();
  });
});

describe('the number of a debit', () => {
  test('begins with the microsecond of its instant, so that a later instant has higher numbers', () => {
    expect(firstDebitNumber(NOW)).toBe(NOW * 1_000);
    expect(firstDebitNumber(NOW + 1)).toBeGreaterThan(firstDebitNumber(NOW));
  });

  test('stays exact until the year 2255', () => {
    expect(Number.isSafeInteger(firstDebitNumber(Date.UTC(2255, 0, 1)))).toBe(true);
  });
});

test('a request id is remembered, and a debit can be refunded, as long as the contract says', () => {
  expect(REQUEST_ID_WINDOW_MS).toEqual({ header: 60_000, json: 24 * 3_600_000 });
  expect(REQUEST_ID_REPLAYS).toEqual({ header: 3, json: null });
  expect(REFUND_WINDOW_MS).toBe(24 * 3_600_000);
});
