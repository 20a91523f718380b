import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { forecast, type SpentHour } from '../../src/domain/forecast.ts';
import { dayOf, formatInstant, HOURS_PER_DAY, MS_PER_HOUR, startOfDay } from '../../src/domain/utc-day.ts';
import { forecastText } from '../../src/terminal/forecast-text.ts';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');
const TODAY = dayOf(NOW);

/** A day's hours; `credits` says what was spent in the hour of the day. */
function day(number: number, credits: (hour: number) => number, through = 23): SpentHour[] {
  return Array.from({ length: through + 1 }, (_, hour) => ({ hour: number * 24 + hour, credits: credits(hour), exhausted: false }));
}

/** Past days of one form, and today up to, not including, 12:00. */
function days(count: number, past: (hour: number) => number, today: (hour: number) => number): SpentHour[] {
  return [...Array.from({ length: count }, (_, index) => day(TODAY - count + index, past)).flat(), ...day(TODAY, today, 11)];
}

const flat = () => 1_000;
/** Work from 8 to 18 UTC. */
const office = (hour: number) => (hour >= 8 && hour < 18 ? 2_400 : 0);

function told(hours: readonly SpentHour[], granted: number, now = NOW) {
  const spent = hours.filter(({ hour }) => hour >= TODAY * HOURS_PER_DAY).reduce((sum, { credits }) => sum + credits, 0);
  const balance = { day: TODAY, granted, adjusted: 0, spent };
  const found = forecast(hours, balance, 100, now);
  return {
    ...found,
    at: found.exhaustedAt === null ? null : formatInstant(found.exhaustedAt).slice(11, 16),
    text: forecastText(found, balance, now),
  };
}

describe('the forecast', () => {
  test('of a day like those before it is what they were', () => {
    expect(told(days(7, flat, flat), 18_000)).toMatchObject({
      state: 'runs_out',
      at: '18:00',
      spentByReset: 24_000,
      basis: 'profile',
      days: 7,
    });
    expect(told(days(7, flat, flat), 24_000)).toMatchObject({ state: 'lasts', at: null, spentByReset: 24_000 });
    expect(told(days(7, flat, flat), 23_999)).toMatchObject({ state: 'runs_out', at: '23:54' });
  });

  test('knows that the office closes: what its own pace would spend by evening is not asked for', () => {
    const hours = days(10, office, office);
    expect(told(hours, 30_000)).toMatchObject({ state: 'lasts', spentByReset: 24_000 });
    expect(told(hours, 20_000)).toMatchObject({ state: 'runs_out', at: '16:20' });
  });

  test('a day twice as busy goes on twice as busy, and at night it knows what the morning brings', () => {
    expect(
      told(
        days(7, office, (hour) => 2 * office(hour)),
        30_000,
      ),
    ).toMatchObject({ state: 'runs_out', basis: 'profile' });
    const night = startOfDay(TODAY) + 2 * MS_PER_HOUR;
    const hours = days(7, office, () => 0).filter(({ hour }) => hour < TODAY * 24 + 2);
    expect(told(hours, 12_000, night)).toMatchObject({ state: 'runs_out', at: '13:00', basis: 'profile' });
  });

  test('the last hours count most: a job that ran wild an hour ago is seen', () => {
    const wild = days(7, flat, (hour) => (hour === 11 ? 20_000 : 1_000));
    expect(told(wild, 100_000)).toMatchObject({ state: 'runs_out', basis: 'pace' });
    expect(told(wild, 100_000).text).toContain('today is much busier than its hours were before');
  });

  test('the hours after the credits had run out are no sign that nothing was wanted', () => {
    const until = (end: number) => (hour: number) => (hour < end ? 1_000 : 0);
    const hours = days(7, until(14), flat).map((hour) => ({ ...hour, exhausted: hour.hour % 24 === 14 && hour.hour < TODAY * 24 }));
    expect(told(hours, 20_000)).toMatchObject({ state: 'runs_out', at: '20:00', spentByReset: 24_000 });
    expect(told(days(7, until(14), flat), 20_000)).toMatchObject({ state: 'lasts' });
  });

  test('days without traffic are no days to compare with, and fewer than three none to make a profile of', () => {
    const idle = [...day(TODAY - 4, () => 0), ...day(TODAY - 3, () => 0), ...days(2, flat, flat)];
    expect(told(idle, 18_000)).toMatchObject({ state: 'runs_out', at: '18:00', basis: 'pace', days: 2 });
    expect(told(idle, 18_000).text).toBe(
      "At this pace spent at 18:00 UTC, in 6 h (by today's hours alone: only 2 past days with traffic are known).",
    );
  });

  test('says that it knows nothing rather than guess', () => {
    expect(
      told(
        days(2, flat, () => 0),
        10_000,
      ),
    ).toMatchObject({ state: 'unknown', exhaustedAt: null, spentByReset: null, basis: null });
    const early = startOfDay(TODAY) + 10 * 60_000;
    expect(told([{ hour: TODAY * 24, credits: 500, exhausted: false }], 10_000, early)).toMatchObject({ state: 'unknown', days: 0 });
    expect(told([], 10_000).text).toBe('No forecast yet: no past day with traffic is known, and too little of today.');
  });

  test('the first request of a day is no trend', () => {
    const minute = startOfDay(TODAY) + 60_000;
    const hours = [...days(7, flat, () => 0).slice(0, 7 * 24), { hour: TODAY * 24, credits: 400, exhausted: false }];
    expect(told(hours, 100_000, minute)).toMatchObject({ state: 'lasts', basis: 'profile' });
  });

  test('what is left but is less than one request costs is spent', () => {
    expect(told(days(7, flat, flat), 12_099)).toMatchObject({ state: 'spent', text: 'Spent: not one more request fits today.' });
    expect(told(days(7, flat, flat), 12_100)).toMatchObject({ state: 'runs_out', at: '12:06' });
  });

  test('whatever the hours are, the instant lies between now and midnight, and more credits never end earlier', () => {
    const hour = fc.record({ back: fc.integer({ min: 0, max: 14 * 24 }), credits: fc.nat(1e9), exhausted: fc.boolean() });
    fc.assert(
      fc.property(fc.array(hour, { maxLength: 80 }), fc.nat(1e9), fc.nat(86_399_999), (some, granted, into) => {
        const now = startOfDay(TODAY) + into;
        const at = Math.floor(now / MS_PER_HOUR);
        const hours = [...new Map(some.map(({ back, ...rest }) => [at - back, { hour: at - back, ...rest }])).values()].sort(
          (a, b) => a.hour - b.hour,
        );
        const balance = { day: TODAY, granted, adjusted: 0, spent: 0 };
        const less = forecast(hours, balance, 100, now);
        const more = forecast(hours, { ...balance, granted: granted + 1_000 }, 100, now);
        if (less.exhaustedAt !== null) {
          expect(less.exhaustedAt).toBeGreaterThanOrEqual(now);
          expect(less.exhaustedAt).toBeLessThan(startOfDay(TODAY + 1));
        }
        expect(more.exhaustedAt ?? Infinity).toBeGreaterThanOrEqual(less.state === 'spent' ? 0 : (less.exhaustedAt ?? Infinity));
        expect(less.spentByReset === null || Number.isSafeInteger(less.spentByReset)).toBe(true);
      }),
    );
  });
});
