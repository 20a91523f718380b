import { describeSettings, SETTING_FIELDS, settingJson, type SettingView } from '../../operations/describe-settings.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import type { CommandModule } from '../call.ts';

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    const store = await call.openStore('read');
    const rows = await store.read((tx) => describeSettings(tx));
    await showListing(call.out, {
      rows,
      json: settingJson,
      fields: SETTING_FIELDS,
      columns: COLUMNS,
      total: () => Promise.resolve(rows.length),
      empty: 'No settings.',
    });
    return undefined;
  },
};

const COLUMNS: readonly Column<SettingView>[] = [
  { header: 'SETTING', person: ({ name }) => name, script: ({ name }) => name },
  { header: 'VALUE', person: ({ value }) => value, script: ({ value }) => value },
  { header: 'DEFAULT', spare: true, person: (setting) => setting.default, script: (setting) => setting.default },
  { header: 'FROM', spare: true, person: ({ source }) => source, script: ({ source }) => source },
  { header: 'WHAT', least: 40, person: ({ summary }) => summary, script: ({ summary }) => summary },
];
