import { grouped } from '../../domain/grouped.ts';
import { checkExternalId, checkName } from '../../domain/names.ts';
import { createAccount } from '../../operations/create-account.ts';
import { ACCOUNT_FIELDS } from '../../operations/describe-accounts.ts';
import { option, text, type CommandModule } from '../call.ts';
import { showAccount } from './show-account.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<name>', 'its name: 1 to 63 of a-z, 0-9, dot, underscore and hyphen')
      .option('--tier <tier>', 'its tier (free unless said)')
      .option('--external-id <id>', "the customer's number elsewhere, such as in your billing system"),

  run: async (call, args, options) => {
    call.out.checkFields(ACCOUNT_FIELDS);
    const name = checkName('account', text(args, 0));
    const externalId = option(options, 'externalId');
    const wanted = { name, tier: option(options, 'tier'), externalId: externalId === undefined ? null : checkExternalId(externalId) };
    const store = await call.openStore('create');
    const account = await createAccount(store, wanted, call.actor, call.context.randomBytes);
    const credits = `${grouped(account.credits.granted)} credits a day`;
    showAccount(call.out, account, `Created the account ${name} (${account.id}) on ${account.tier}: ${credits}.`);
    if (!call.out.json) call.out.note(`Make its first key with: keyctl create --account ${name} --name prod`);
    return undefined;
  },
};
