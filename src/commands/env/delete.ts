import { deleteEnvironment } from '../../operations/delete-environment.ts';
import { text, type CommandModule } from '../call.ts';
import { DELETED_FIELDS, showDeleted } from '../show-deleted.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<environment>', 'its name or code'),

  run: async (call, args) => {
    call.out.checkFields(DELETED_FIELDS);
    const store = await call.openStore('write');
    showDeleted(call.out, 'environment', await deleteEnvironment(store, text(args, 0), call.actor));
    return undefined;
  },
};
