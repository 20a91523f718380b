import { checkText } from '../domain/names.ts';
import { KEY_FIELDS } from '../operations/describe-keys.ts';
import { disableKeys, type DisabledKey } from '../operations/disable-keys.ts';
import { flag, option, type CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeysOrChoose } from './key-argument.ts';
import { lazyStore } from './lazy-store.ts';
import { called, showKeys } from './show-keys.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('[key...]', `${KEY_ARGUMENT}; several are disabled together or not at all`)
      .option('--reason <text>', 'why, for whoever looks later')
      .option('--only', 'leave predecessors alone that are still in the grace of a rotation'),

  run: async (call, args, options) => {
    call.out.checkFields(KEY_FIELDS);
    const text = option(options, 'reason');
    const reason = text === undefined ? null : checkText('reason', text);
    const store = lazyStore(call, 'write');
    const references = await readKeysOrChoose(call, store, args[0], 'Which keys shall be disabled?', 'active');
    const disabled = await disableKeys(await store(), { references, reason, only: flag(options, 'only') }, call.actor);
    showKeys(
      call.out,
      disabled.map((result) => ({ key: result.key, sentence: sentenceOf(result) })),
    );
    return undefined;
  },
};

function sentenceOf({ key, already, predecessor }: DisabledKey): string {
  if (already) return `${called(key)} was disabled already.`;
  return predecessor ? `Disabled its predecessor ${called(key)}, which was still in its grace.` : `Disabled ${called(key)}.`;
}
