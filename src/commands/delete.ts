import { usageError } from '../domain/error.ts';
import { deleteKey } from '../operations/delete-key.ts';
import { describeKey, KEY_FIELDS } from '../operations/describe-keys.ts';
import { checkNotDeleted, findKey } from '../operations/find-key.ts';
import { cancelled, flag, type CommandModule } from './call.ts';
import { fullName, KEY_ARGUMENT, readKeyOrChoose } from './key-argument.ts';
import { lazyStore } from './lazy-store.ts';
import { called, showKey } from './show-keys.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('[key]', KEY_ARGUMENT).option('--yes', 'do not ask for the name to be typed'),

  run: async (call, args, options) => {
    const { out } = call;
    out.checkFields(KEY_FIELDS);
    const prompts = flag(options, 'yes') ? null : await call.prompts();
    if (prompts === null && !flag(options, 'yes')) {
      throw usageError('--yes is missing: a deleted key does not come back.', 'Give --yes; nobody can be asked here.');
    }
    const open = lazyStore(call, 'write');
    const reference = await readKeyOrChoose(call, open, args[0], 'Which key shall be deleted?');
    const store = await open();
    const doomed = await store.read(async (tx, now) => describeKey(tx, checkNotDeleted(await findKey(tx, reference), now), now));
    if (prompts !== null) {
      out.note(`${called(doomed)}, ${doomed.environment}, made ${String(doomed.today.requests)} requests today. Deleting is for good.`);
      if (!(await prompts.typed(`Type ${doomed.name} to delete it`, doomed.name))) throw cancelled();
    }
    // By its id: a name may have come to mean another key while the person typed.
    const { key, livePredecessor } = await deleteKey(store, { kind: 'words', text: doomed.id }, call.actor);
    showKey(out, key, `Deleted ${called(key)}. Its debits stay.`);
    if (livePredecessor !== null) {
      out.warn(`Its predecessor ${fullName(livePredecessor)} still passes. End it with: keyctl disable ${livePredecessor.id}`);
    }
    return undefined;
  },
};
