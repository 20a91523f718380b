import { describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, MS_PER_HOUR, parseMonth } from '../../src/domain/utc-day.ts';
import { usagePeriod, type WantedPeriod } from '../../src/operations/usage-period.ts';

const NOW = Date.parse('2026-11-22T12:34:56.789Z');
const KEPT = NOW - 35 * MS_PER_DAY;

function period(wanted: Partial<Record<'since' | 'until', string>> & { by?: WantedPeriod['by']; month?: string } = {}, hoursKept = KEPT) {
  const { from, to, by, table, hoursGone } = usagePeriod(
    {
      since: wanted.since === undefined ? undefined : Date.parse(wanted.since),
      until: wanted.until === undefined ? undefined : Date.parse(wanted.until),
      month: wanted.month === undefined ? undefined : (parseMonth(wanted.month) ?? undefined),
      by: wanted.by,
    },
    NOW,
    hoursKept,
  );
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), by, table, hoursGone };
}

describe('the period of a usage report', () => {
  test('without a word it is today, by the hour, to the end of the running one', () => {
    expect(period()).toEqual({
      ...{ from: '2026-11-22T00:00:00.000Z', to: '2026-11-22T13:00:00.000Z' },
      ...{ by: 'hour', table: 'hour', hoursGone: false },
    });
  });

  test('by the day it ends with the running day', () => {
    expect(period({ by: 'day' })).toMatchObject({ from: '2026-11-22T00:00:00.000Z', to: '2026-11-23T00:00:00.000Z', table: 'day' });
  });

  test('both ends are rounded down to the hour', () => {
    expect(period({ since: '2026-11-22T03:59:59.999Z', until: '2026-11-22T08:30:00.000Z' })).toMatchObject({
      ...{ from: '2026-11-22T03:00:00.000Z', to: '2026-11-22T08:00:00.000Z' },
    });
  });

  test('by the day both ends are rounded down to the day', () => {
    expect(period({ since: '2026-11-20T23:00:00.000Z', until: '2026-11-22T08:30:00.000Z', by: 'day' })).toMatchObject({
      ...{ from: '2026-11-20T00:00:00.000Z', to: '2026-11-22T00:00:00.000Z' },
    });
  });

  test('48 hours are told by the hour, more by the day', () => {
    expect(period({ since: '2026-11-20T13:00:00.000Z' })).toMatchObject({ by: 'hour', from: '2026-11-20T13:00:00.000Z' });
    expect(period({ since: '2026-11-20T12:59:00.000Z' })).toMatchObject({
      by: 'day',
      from: '2026-11-20T00:00:00.000Z',
      to: '2026-11-23T00:00:00.000Z',
    });
  });

  test('a month is its days, also a running one and February', () => {
    expect(period({ month: '2026-10' })).toMatchObject({
      ...{ from: '2026-10-01T00:00:00.000Z', to: '2026-11-01T00:00:00.000Z', by: 'day', table: 'day' },
    });
    expect(period({ month: '2026-11', by: 'account' })).toMatchObject({ to: '2026-12-01T00:00:00.000Z', by: 'account', table: 'day' });
    expect(period({ month: '2028-02' })).toMatchObject({ from: '2028-02-01T00:00:00.000Z', to: '2028-03-01T00:00:00.000Z' });
  });

  test('whole days are read from the days, unless hours are asked for', () => {
    const days = { since: '2026-11-20T00:00:00.000Z', until: '2026-11-21T00:00:00.000Z' };
    expect(period({ ...days, by: 'account' })).toMatchObject({ table: 'day' });
    expect(period({ ...days, by: 'hour' })).toMatchObject({ table: 'hour' });
    expect(period({ ...days, until: '2026-11-21T01:00:00.000Z', by: 'account' })).toMatchObject({ table: 'hour' });
  });

  test('what is older than the hours that are kept is known by the day', () => {
    const old = { since: '2026-09-01T10:00:00.000Z', by: 'account' } as const;
    expect(period(old)).toEqual({
      ...{ from: '2026-09-01T00:00:00.000Z', to: '2026-11-23T00:00:00.000Z' },
      ...{ by: 'account', table: 'day', hoursGone: true },
    });
    expect(period(old, 0)).toMatchObject({ from: '2026-09-01T10:00:00.000Z', table: 'hour', hoursGone: false });
    expect(period({ since: '2026-10-01T00:00:00.000Z', by: 'hour' })).toMatchObject({ table: 'hour', hoursGone: true });
    expect(period({ month: '2026-01' })).toMatchObject({ hoursGone: false });
  });

  test('whole days that are asked for lose nothing with the hours', () => {
    expect(period({ month: '2026-01', by: 'account' })).toMatchObject({ table: 'day', hoursGone: false });
    const days = { since: '2026-01-01T00:00:00.000Z', until: '2026-02-01T00:00:00.000Z' };
    expect(period({ ...days, by: 'account' })).toMatchObject({ table: 'day', hoursGone: false });
    expect(period({ month: '2026-01', by: 'hour' })).toMatchObject({ hoursGone: true });
  });

  test.each([
    ['ends before it begins', { since: '2026-11-22T10:00:00.000Z', until: '2026-11-22T09:00:00.000Z' }],
    ['is empty once rounded', { since: '2026-11-22T10:10:00.000Z', until: '2026-11-22T10:50:00.000Z' }],
    ['begins in the future', { since: '2026-11-23T00:00:00.000Z' }],
    ['has more hours than anybody reads', { since: new Date(NOW - 10_001 * MS_PER_HOUR).toISOString(), by: 'hour' as const }],
    ['has more days than anybody reads', { since: new Date(NOW - 10_001 * MS_PER_DAY).toISOString() }],
  ])('a period that %s is refused', (_, wanted) => {
    expect(() => period(wanted)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('10,000 hours are not too many', () => {
    expect(period({ since: new Date(NOW - 9_999 * MS_PER_HOUR).toISOString(), by: 'hour' })).toMatchObject({ by: 'hour' });
  });
});
