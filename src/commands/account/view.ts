import { ACCOUNT_FIELDS, describeAccount } from '../../operations/describe-accounts.ts';
import { findAccount } from '../../operations/find-account.ts';
import { text, type CommandModule } from '../call.ts';
import { showAccountFacts } from './show-account.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<account>', 'its name or id'),

  run: async (call, args) => {
    call.out.checkFields(ACCOUNT_FIELDS);
    const store = await call.openStore('read');
    const { account, now } = await store.read(async (tx, at) => {
      return { account: await describeAccount(tx, await findAccount(tx, text(args, 0)), at), now: at };
    });
    showAccountFacts(call.out, account, now);
    return undefined;
  },
};
