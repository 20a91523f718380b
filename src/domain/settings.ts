import { usageError } from './error.ts';
import { MS_PER_DAY, MS_PER_HOUR, parseDuration } from './utc-day.ts';

/** What `keyctl config` sets: how long things are kept, and the prefix of new keys. */
export interface Setting {
  readonly name: SettingName;
  readonly summary: string;
  readonly fallback: string;
  /** The least that can be meant, in milliseconds; null for a setting that is no length of time. */
  readonly least: number | null;
}

export type SettingName = 'key-prefix' | 'keep-debits' | 'keep-hourly-usage' | 'keep-daily-usage' | 'keep-request-ids';

export const SETTINGS: readonly Setting[] = [
  { name: 'key-prefix', summary: 'what new keys begin with; keys with a former prefix stay valid', fallback: 'kc', least: null },
  { name: 'keep-debits', summary: 'how long single debits are kept, by whole closed days', fallback: '35d', least: 2 * MS_PER_DAY },
  { name: 'keep-hourly-usage', summary: 'how long usage is kept by the hour, and recent denials', fallback: '35d', least: 2 * MS_PER_DAY },
  { name: 'keep-daily-usage', summary: 'how long usage and balances are kept by the day', fallback: '775d', least: 35 * MS_PER_DAY },
  { name: 'keep-request-ids', summary: 'how long a request id from JSON protects a charge', fallback: '24h', least: MS_PER_HOUR },
];

/** Throws `usage` for a name that is none. The name is not repeated: it may be anything. */
export function settingByName(name: string): Setting {
  const setting = SETTINGS.find((candidate) => candidate.name === name);
  if (setting !== undefined) return setting;
  throw usageError('There is no such setting.', `Settings: ${SETTINGS.map((candidate) => candidate.name).join(', ')}.`);
}

/** Checks a length of time for a setting that is one, and returns it as it is stored. */
export function checkSettingDuration(setting: Setting, text: string): string {
  const length = parseDuration(text);
  if (length !== null && setting.least !== null && length >= setting.least) return text;
  throw usageError(
    `${setting.name} must be a length of time of at least ${String((setting.least ?? 0) / MS_PER_HOUR)}h.`,
    'Write 35d, 24h or 2w.',
  );
}

/**
 * The length of time that a setting stands for, in milliseconds. A stored value that could not have been set (somebody wrote it into
 * the store by hand) counts as none: to read it as anything shorter would have `reset` delete what should be kept.
 */
export function settingDuration(values: ReadonlyMap<string, string>, name: Exclude<SettingName, 'key-prefix'>): number {
  const { fallback, least } = settingByName(name);
  const length = parseDuration(values.get(name) ?? fallback);
  if (length !== null && length >= (least ?? 0)) return length;
  return settingDuration(new Map([[name, fallback]]), name);
}
