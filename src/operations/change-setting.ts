import { checkKeyPrefix } from '../domain/names.ts';
import { checkSettingDuration, settingByName } from '../domain/settings.ts';
import type { Actor, Store } from '../domain/store.ts';
import { describeSetting, type SettingView } from './describe-settings.ts';

/**
 * Sets a setting, or with null puts it back to its default. Keys with a former prefix stay valid, so that prefixes are added and
 * never removed. Throws `usage` for an unknown setting or a value that it cannot have.
 */
export function changeSetting(
  store: Store,
  wanted: { readonly name: string; readonly value: string | null },
  actor: Actor,
): Promise<{ readonly changed: boolean; readonly setting: SettingView }> {
  const setting = settingByName(wanted.name);
  const isPrefix = setting.name === 'key-prefix';
  const value = wanted.value === null ? null : isPrefix ? checkKeyPrefix(wanted.value) : checkSettingDuration(setting, wanted.value);
  return store.write(async (tx, now) => {
    const before = await describeSetting(tx, setting);
    if (isPrefix) {
      if ((value ?? setting.fallback) !== before.value) await tx.config.addPrefix(value ?? setting.fallback, now);
    } else if (value === null) {
      await tx.config.unset(setting.name);
    } else {
      await tx.config.set(setting.name, value);
    }
    const after = await describeSetting(tx, setting);
    if (after.value === before.value && after.source === before.source) return { changed: false, setting: after };
    await tx.audit.append({
      ...{ at: now, actor, action: value === null ? 'config.unset' : 'config.set' },
      ...{ targetKind: 'config', targetId: setting.name, targetName: setting.name },
      before: { value: before.value },
      after: { value: after.value },
    });
    return { changed: true, setting: after };
  });
}
