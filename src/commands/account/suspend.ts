import { checkText } from '../../domain/names.ts';
import { ACCOUNT_FIELDS } from '../../operations/describe-accounts.ts';
import { suspendAccount } from '../../operations/suspend-account.ts';
import { option, text, type CommandModule } from '../call.ts';
import { showAccount } from './show-account.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<account>', 'its name or id').option('--reason <text>', 'why, for the audit trail'),

  run: async (call, args, options) => {
    call.out.checkFields(ACCOUNT_FIELDS);
    const reason = option(options, 'reason');
    const wanted = { account: text(args, 0), suspended: true, reason: reason === undefined ? null : checkText('reason', reason) };
    const store = await call.openStore('write');
    const { changed, account } = await suspendAccount(store, wanted, call.actor);
    const { name } = account;
    const hint = `let it go on with: keyctl account resume ${name}`;
    showAccount(
      call.out,
      account,
      changed ? `Suspended ${name}: its keys are denied from now on; ${hint}` : `${name} was suspended already.`,
    );
    return undefined;
  },
};
