import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  dayOf,
  formatDay,
  formatInstant,
  hourOf,
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_SECOND,
  nextReset,
  parseDay,
  parseDuration,
  parseInstant,
  parseMonth,
  startOfDay,
} from '../../src/domain/utc-day.ts';

const MIDNIGHT = Date.UTC(2026, 10, 23);

describe('a UTC day', () => {
  test('is half-open: [00:00:00.000, next 00:00:00.000)', () => {
    expect(dayOf(MIDNIGHT) - dayOf(MIDNIGHT - 1)).toBe(1);
    expect(dayOf(MIDNIGHT + MS_PER_DAY - 1)).toBe(dayOf(MIDNIGHT));
    expect(startOfDay(dayOf(MIDNIGHT))).toBe(MIDNIGHT);
  });

  test('counts from 1970-01-01, also before it', () => {
    expect(dayOf(0)).toBe(0);
    expect(dayOf(MS_PER_DAY)).toBe(1);
    expect(dayOf(-1)).toBe(-1);
  });

  test('its balance comes back at the first instant of the next day', () => {
    expect(nextReset(MIDNIGHT - 1)).toBe(MIDNIGHT);
    expect(nextReset(MIDNIGHT)).toBe(MIDNIGHT + MS_PER_DAY);
  });

  test('every instant lies in its day and before the next reset', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (at) => {
        expect(startOfDay(dayOf(at))).toBeLessThanOrEqual(at);
        expect(nextReset(at)).toBeGreaterThan(at);
        expect(nextReset(at) - startOfDay(dayOf(at))).toBe(MS_PER_DAY);
        expect(Math.floor(hourOf(at) / 24)).toBe(dayOf(at));
      }),
    );
  });

  test('has 24 hours on days when local clocks change', () => {
    const change = parseInstant('2026-03-29');
    expect(change).not.toBeNull();
    expect(hourOf(nextReset(change ?? 0)) - hourOf(change ?? 0)).toBe(24);
  });
});

describe('dates', () => {
  test.each([
    ['1970-01-01', 0],
    ['1970-01-02', 1],
    ['2000-02-29', 11_016],
    ['2024-02-29', 19_782],
    ['2026-11-22', 20_779],
    ['9999-12-31', 2_932_896],
  ])('%s is day %i', (text, day) => {
    expect(parseDay(text)).toBe(day);
    expect(formatDay(day)).toBe(text);
  });

  test.each([
    ['2026-02-29', 'no leap year'],
    ['2100-02-29', 'no leap year, although divisible by four'],
    ['2024-02-30', 'no such day in a leap year'],
    ['2026-04-31', 'April has 30 days'],
    ['2026-13-01', 'no such month'],
    ['2026-00-01', 'no month zero'],
    ['2026-01-00', 'no day zero'],
    ['2026-01-32', 'no such day'],
    ['1969-12-31', 'before the beginning'],
    ['0099-01-01', 'not 1999'],
    ['0000-00-00', 'nothing at all'],
    ['26-01-01', 'two digits'],
    ['2026-1-1', 'without zeros'],
    ['2026-01-01 ', 'a space'],
    ['2026-01-01\n', 'a line break'],
    ['10000-01-01', 'five digits'],
    ['2026/01/01', 'slashes'],
    ['today', 'a word'],
    ['', 'empty'],
  ])('%j is none: %s', (text) => {
    expect(parseDay(text)).toBeNull();
  });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_932_896 }), (day) => {
        expect(parseDay(formatDay(day))).toBe(day);
      }),
    );
  });
});

describe('months', () => {
  test.each([
    ['2026-10', '2026-10-01', '2026-11-01'],
    ['2026-12', '2026-12-01', '2027-01-01'],
    ['2024-02', '2024-02-01', '2024-03-01'],
    ['1970-01', '1970-01-01', '1970-02-01'],
  ])('%s runs from %s until %s', (text, first, next) => {
    expect(parseMonth(text)).toEqual({ first: parseDay(first), next: parseDay(next) });
  });

  test('February has 29 days in a leap year and 28 in another', () => {
    const days = (text: string): number => {
      const month = parseMonth(text);
      return month === null ? 0 : month.next - month.first;
    };
    expect([days('2024-02'), days('2026-02'), days('2100-02'), days('2000-02')]).toEqual([29, 28, 28, 29]);
  });

  test.each(['2026-13', '2026-00', '2026', '2026-1', '2026-10-01', '1969-12', 'october', ''])('%j is none', (text) => {
    expect(parseMonth(text)).toBeNull();
  });
});

describe('lengths of time', () => {
  test.each([
    ['0', 0],
    ['0d', 0],
    ['45s', 45 * MS_PER_SECOND],
    ['30m', 30 * 60 * MS_PER_SECOND],
    ['24h', 24 * MS_PER_HOUR],
    ['90d', 90 * MS_PER_DAY],
    ['2w', 14 * MS_PER_DAY],
    ['36525d', 36_525 * MS_PER_DAY],
  ])('%s is %i ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['', '5', '-1d', '+1d', '1.5h', '1 d', 'd', '1y', '1M', '1h30m', '36526d', '999999999w', '9999999999s', '1D', 'never', 'NaN'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});

describe('instants', () => {
  test.each([
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2026-11-22T10:15:00Z', '2026-11-22T10:15:00.000Z'],
    ['2026-11-22T10:15Z', '2026-11-22T10:15:00.000Z'],
    ['2026-11-22T23:59:59.999Z', '2026-11-22T23:59:59.999Z'],
    ['2026-11-22T05:30:00+05:30', '2026-11-22T00:00:00.000Z'],
    ['2026-11-21T19:00-05:00', '2026-11-22T00:00:00.000Z'],
    ['1970-01-01T00:00Z', '1970-01-01T00:00:00.000Z'],
    ['2026-11-22T10:15:00.5Z', '2026-11-22T10:15:00.500Z'],
  ])('%s is %s', (text, expected) => {
    const at = parseInstant(text);
    expect(at === null ? null : formatInstant(at)).toBe(expected);
  });

  test.each([
    ['2026-11-22T10:15:00', 'without an offset it would mean the zone of the host'],
    ['2026-11-22 10:15:00Z', 'a space'],
    ['2026-02-30T10:00:00Z', 'a date that does not exist'],
    ['2026-11-22T25:00:00Z', 'an hour that does not exist'],
    ['2026-11-22T10:60Z', 'a minute that does not exist'],
    ['2026-11-22T10:00:61Z', 'a second that does not exist'],
    ['2026-11-22T10:00+99:99', 'an offset that does not exist'],
    ['1970-01-01T00:00:00+01:00', 'before the beginning'],
    ['2026-11-22T10:15:00.1234Z', 'finer than a millisecond'],
    ['2026-11-22T10Z', 'hours alone'],
    ['1764000000', 'a number'],
    ['yesterday', 'a word'],
    ['', 'empty'],
  ])('%j is none: %s', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (at) => {
        expect(parseInstant(formatInstant(at))).toBe(at);
      }),
    );
  });
});
