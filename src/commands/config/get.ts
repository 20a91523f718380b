import { settingByName } from '../../domain/settings.ts';
import { describeSetting, SETTING_FIELDS, settingJson } from '../../operations/describe-settings.ts';
import { text, type CommandModule } from '../call.ts';
import { SETTING_ARGUMENT } from './set.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<setting>', SETTING_ARGUMENT),

  run: async (call, args) => {
    call.out.checkFields(SETTING_FIELDS);
    const setting = settingByName(text(args, 0));
    const store = await call.openStore('read');
    const view = await store.read((tx) => describeSetting(tx, setting));
    call.out.show(settingJson(view), () => view.value, SETTING_FIELDS);
    // The value stands alone on stdout, so that a script can take it as it is.
    if (!call.out.json)
      call.out.note(view.source === 'store' ? `Set in this store; the default is ${view.default}.` : 'That is the default.');
    return undefined;
  },
};
