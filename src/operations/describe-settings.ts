import { SETTINGS, type Setting } from '../domain/settings.ts';
import type { ReadTransaction } from '../domain/store.ts';

/** A setting as operators see it. */
export interface SettingView {
  readonly name: string;
  readonly value: string;
  readonly default: string;
  /** Where the value comes from: set in this store, or the default. */
  readonly source: 'store' | 'default';
  readonly summary: string;
}

export const SETTING_FIELDS = ['name', 'value', 'default', 'source', 'summary'] as const;

export function settingJson({ name, value, default: fallback, source, summary }: SettingView): Record<string, unknown> {
  return { name, value, default: fallback, source, summary };
}

export async function describeSettings(tx: ReadTransaction): Promise<readonly SettingView[]> {
  const values = await tx.config.all();
  const prefix = (await tx.config.prefixes()).at(-1);
  return SETTINGS.map((setting) => describe(setting, setting.name === 'key-prefix' ? prefix : values.get(setting.name)));
}

function describe({ name, summary, fallback }: Setting, stored: string | undefined): SettingView {
  // The store always has a prefix: the default one is no choice that somebody made.
  const isSet = stored !== undefined && !(name === 'key-prefix' && stored === fallback);
  return { name, value: stored ?? fallback, default: fallback, source: isSet ? 'store' : 'default', summary };
}

export async function describeSetting(tx: ReadTransaction, setting: Setting): Promise<SettingView> {
  const view = (await describeSettings(tx)).find(({ name }) => name === setting.name);
  if (view === undefined) throw new RangeError('a setting without its description');
  return view;
}
