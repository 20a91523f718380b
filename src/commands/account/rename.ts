import { checkName } from '../../domain/names.ts';
import { ACCOUNT_FIELDS } from '../../operations/describe-accounts.ts';
import { renameAccount } from '../../operations/rename-account.ts';
import { text, type CommandModule } from '../call.ts';
import { showAccount } from './show-account.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<account>', 'its name or id').argument('<name>', 'the new name'),

  run: async (call, args) => {
    call.out.checkFields(ACCOUNT_FIELDS);
    const name = checkName('account', text(args, 1));
    const store = await call.openStore('write');
    const { before, account } = await renameAccount(store, { account: text(args, 0), name }, call.actor);
    const sentence = before === name ? `${name} has that name already.` : `Renamed ${before} to ${name} (${account.id}).`;
    showAccount(call.out, account, sentence);
    return undefined;
  },
};
