import { ACCOUNT_FIELDS } from '../../operations/describe-accounts.ts';
import { suspendAccount } from '../../operations/suspend-account.ts';
import { text, type CommandModule } from '../call.ts';
import { showAccount } from './show-account.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<account>', 'its name or id'),

  run: async (call, args) => {
    call.out.checkFields(ACCOUNT_FIELDS);
    const store = await call.openStore('write');
    const { changed, account } = await suspendAccount(store, { account: text(args, 0), suspended: false, reason: null }, call.actor);
    showAccount(call.out, account, changed ? `${account.name} goes on: its keys pass again.` : `${account.name} was not suspended.`);
    return undefined;
  },
};
