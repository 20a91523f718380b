import { changeSetting } from '../../operations/change-setting.ts';
import { SETTING_FIELDS, settingJson } from '../../operations/describe-settings.ts';
import { text, type CommandModule } from '../call.ts';
import { SETTING_ARGUMENT } from './set.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<setting>', SETTING_ARGUMENT),

  run: async (call, args) => {
    call.out.checkFields(SETTING_FIELDS);
    const store = await call.openStore('write');
    const { changed, setting } = await changeSetting(store, { name: text(args, 0), value: null }, call.actor);
    const sentence = changed ? `Put ${setting.name} back to ${setting.value}.` : `${setting.name} was not set; it is ${setting.value}.`;
    call.out.show(settingJson(setting), () => sentence, SETTING_FIELDS);
    return undefined;
  },
};
