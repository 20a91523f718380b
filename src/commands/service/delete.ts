import { deleteService } from '../../operations/delete-service.ts';
import { text, type CommandModule } from '../call.ts';
import { DELETED_FIELDS, showDeleted } from '../show-deleted.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<service>', 'its name; past usage keeps it'),

  run: async (call, args) => {
    call.out.checkFields(DELETED_FIELDS);
    const store = await call.openStore('write');
    await deleteService(store, text(args, 0), call.actor);
    showDeleted(call.out, 'service', text(args, 0));
    return undefined;
  },
};
