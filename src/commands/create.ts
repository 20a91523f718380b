import { parseCredits } from '../domain/credits.ts';
import { DEFAULT_ENVIRONMENT } from '../domain/defaults.ts';
import { checkIpRange } from '../domain/ip-range.ts';
import { checkKeyName, checkText } from '../domain/names.ts';
import type { Store } from '../domain/store.ts';
import { createKey, type CreateKey } from '../operations/create-key.ts';
import { collect, list, missing, option, type Call, type CommandModule } from './call.ts';
import { delivering, NEW_KEY_FIELDS, showSecret } from './deliver-secret.ts';
import { readExpiry } from './expiry.ts';
import { lazyStore } from './lazy-store.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--name <name>', 'its name, unique among the live keys of the account')
      .option('--account <account>', 'whose key it is (may be left out while there is one account)')
      .option('--env <environment>', 'its environment: development, qa, production or an added one')
      .option('--expires <when>', '90d, a date (valid through that day, UTC), a time, or never')
      .option('--service <service>', 'a service it may call; repeat it for more; without it every one', collect)
      .option('--allow-ip <range>', 'a range it may come from, such as 203.0.113.0/24; repeat it for more', collect)
      .option('--daily-cap <credits>', "the most it may spend a day, inside the account's allowance")
      .option('--note <text>', 'a note for operators')
      .option('--out <file>', 'write the secret to a new file with mode 0600 instead of stdout'),

  run: async (call, _, options) => {
    call.out.checkFields(NEW_KEY_FIELDS);
    const store = lazyStore(call, 'create');
    const wanted = await readOptions(call, options, store);
    const file = option(options, 'out');
    const { actor, context } = call;
    const open = await store();
    const { apiKey, key } = await delivering(file, (deliver) => createKey(open, wanted, actor, context.randomBytes, deliver));
    showSecret(call, 'Created', key, apiKey, file);
    return undefined;
  },
};

async function readOptions(call: Call, options: Readonly<Record<string, unknown>>, store: () => Promise<Store>): Promise<CreateKey> {
  const name = option(options, 'name');
  const cap = option(options, 'dailyCap');
  const note = option(options, 'note');
  const checked = {
    account: option(options, 'account'),
    expiresAt: readExpiry(option(options, 'expires') ?? 'never', call.context.clock()),
    services: [...new Set(list(options, 'service'))],
    allowedIps: [...new Set((list(options, 'allowIp') ?? []).map(checkIpRange))],
    dailyCap: cap === undefined ? null : parseCredits('--daily-cap', cap),
    note: note === undefined ? null : checkText('note', note),
  };
  return {
    ...checked,
    name: name === undefined ? await askName(call) : checkKeyName(name),
    environment: option(options, 'env') ?? (await askEnvironment(call, store)),
  };
}

async function askName(call: Call): Promise<string> {
  const prompts = await call.prompts();
  if (prompts === null) throw missing('--name', 'every key has a name');
  return prompts.ask('Name of the key', checkKeyName);
}

/** A person is asked, since a key keeps its environment for good; elsewhere it is production. */
async function askEnvironment(call: Call, store: () => Promise<Store>): Promise<string> {
  const prompts = await call.prompts();
  if (prompts === null) return DEFAULT_ENVIRONMENT;
  const open = await store();
  const environments = await open.read((tx) => tx.catalogue.environments());
  const choices = environments.map(({ name, code }) => ({ label: `${name} (${code})`, value: name }));
  return prompts.choose('Environment', choices, DEFAULT_ENVIRONMENT);
}
