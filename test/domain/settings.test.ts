import { describe, expect, test } from '@jest/globals';
import { checkSettingDuration, settingByName, settingDuration, SETTINGS } from '../../src/domain/settings.ts';
import { MS_PER_DAY, MS_PER_HOUR, parseDuration } from '../../src/domain/utc-day.ts';

const LENGTHS = SETTINGS.filter((setting) => setting.least !== null);

describe('settings', () => {
  test('keep what the contract says when nobody set them', () => {
    const unset = new Map<string, string>();
    expect(settingDuration(unset, 'keep-debits')).toBe(35 * MS_PER_DAY);
    expect(settingDuration(unset, 'keep-hourly-usage')).toBe(35 * MS_PER_DAY);
    // 25 months are never longer than 775 days.
    expect(settingDuration(unset, 'keep-daily-usage')).toBe(25 * 31 * MS_PER_DAY);
    expect(settingDuration(unset, 'keep-request-ids')).toBe(24 * MS_PER_HOUR);
  });

  test('hold what was set', () => {
    expect(settingDuration(new Map([['keep-debits', '2w']]), 'keep-debits')).toBe(14 * MS_PER_DAY);
  });

  test.each(['', 'for ever', '0', '1s', '-5d', '35'])('stored by hand as %j keeps what it would keep unset', (text) => {
    expect(settingDuration(new Map([['keep-debits', text]]), 'keep-debits')).toBe(35 * MS_PER_DAY);
    expect(settingDuration(new Map([['keep-request-ids', text]]), 'keep-request-ids')).toBe(24 * MS_PER_HOUR);
  });

  test('are found by name, and the error for another lists them without repeating it', () => {
    for (const setting of SETTINGS) expect(settingByName(setting.name)).toBe(setting);
    expect(() => settingByName('hunter2')).toThrow(expect.objectContaining({ code: 'usage', message: 'There is no such setting.' }));
    expect(() => settingByName('')).toThrow(expect.objectContaining({ hint: expect.stringContaining('keep-debits') }));
  });

  test.each(LENGTHS.map((setting) => [setting.name, setting] as const))('%s begins with a length that it would accept', (_, setting) => {
    expect(checkSettingDuration(setting, setting.fallback)).toBe(setting.fallback);
  });

  test.each(LENGTHS.map((setting) => [setting.name, setting] as const))(
    '%s refuses less than its least, and what is no length',
    (_, setting) => {
      const least = setting.least ?? 0;
      expect(parseDuration(checkSettingDuration(setting, `${String(least / 1_000)}s`))).toBe(least);
      for (const text of [`${String(least / 1_000 - 1)}s`, '0', '-1d', 'for ever', '', '999999999d']) {
        expect(() => checkSettingDuration(setting, text)).toThrow(expect.objectContaining({ code: 'usage' }));
      }
    },
  );

  test('the error says what the least is, in hours', () => {
    expect(() => checkSettingDuration(settingByName('keep-debits'), '1d')).toThrow('keep-debits must be a length of time of at least 48h.');
  });

  test('a prefix is no length of time', () => {
    expect(() => checkSettingDuration(settingByName('key-prefix'), '35d')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
