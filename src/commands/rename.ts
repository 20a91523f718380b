import { checkKeyName } from '../domain/names.ts';
import { KEY_FIELDS } from '../operations/describe-keys.ts';
import { renameKey } from '../operations/rename-key.ts';
import { text, type CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeyReference } from './key-argument.ts';
import { called, showKey } from './show-keys.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli.argument('<key>', KEY_ARGUMENT).argument('<name>', 'the new name, unique among the live keys of the account'),

  run: async (call, args) => {
    call.out.checkFields(KEY_FIELDS);
    const name = checkKeyName(text(args, 1));
    const reference = await readKeyReference(call, text(args, 0));
    const store = await call.openStore('write');
    const { key, formerName } = await renameKey(store, reference, name, call.actor);
    const sentence = formerName === key.name ? `${called(key)} has that name already.` : `Renamed ${formerName} to ${called(key)}.`;
    showKey(call.out, key, sentence);
    return undefined;
  },
};
