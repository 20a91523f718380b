import { SETTINGS } from '../../domain/settings.ts';
import { changeSetting } from '../../operations/change-setting.ts';
import { SETTING_FIELDS, settingJson } from '../../operations/describe-settings.ts';
import { text, type CommandModule } from '../call.ts';

export const SETTING_ARGUMENT = SETTINGS.map(({ name }) => name).join(', ');

export const command: CommandModule = {
  configure: (cli) =>
    void cli.argument('<setting>', SETTING_ARGUMENT).argument('<value>', 'a prefix for key-prefix, else a length of time such as 35d'),

  run: async (call, args) => {
    call.out.checkFields(SETTING_FIELDS);
    const store = await call.openStore('write');
    const { changed, setting } = await changeSetting(store, { name: text(args, 0), value: text(args, 1) }, call.actor);
    const sentence = changed ? `Set ${setting.name} to ${setting.value}.` : `${setting.name} is ${setting.value} already; nothing changed.`;
    call.out.show(settingJson(setting), () => sentence, SETTING_FIELDS);
    if (changed && setting.name === 'key-prefix' && !call.out.json) {
      call.out.note('Keys with a former prefix stay valid. Give secret scanners the new rule: keyctl config scanner-rule');
    }
    return undefined;
  },
};
