import { DEFAULT_TIER } from '../../domain/defaults.ts';
import { deleteTier } from '../../operations/delete-tier.ts';
import { text, type CommandModule } from '../call.ts';
import { DELETED_FIELDS, showDeleted } from '../show-deleted.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<tier>', 'its name'),

  run: async (call, args) => {
    call.out.checkFields(DELETED_FIELDS);
    const store = await call.openStore('write');
    const name = text(args, 0);
    await deleteTier(store, name, call.actor);
    showDeleted(call.out, 'tier', name);
    if (name === DEFAULT_TIER && !call.out.json)
      call.out.note('It was the tier of new accounts: keyctl account create needs --tier from now on.');
    return undefined;
  },
};
