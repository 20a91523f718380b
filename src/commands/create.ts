import { openSync, writeSync, closeSync, fsyncSync, rmSync } from 'node:fs';
import { parseCredits } from '../domain/credits.ts';
import { DEFAULT_ENVIRONMENT } from '../domain/defaults.ts';
import { KeyctlError, usageError } from '../domain/error.ts';
import { checkIpRange } from '../domain/ip-range.ts';
import { checkKeyName, checkText } from '../domain/names.ts';
import { formatInstant, MS_PER_DAY, parseDay, parseDuration, parseInstant, startOfDay, type Instant } from '../domain/utc-day.ts';
import { createKey, type CreateKey } from '../operations/create-key.ts';
import { KEY_FIELDS, keyJson, type KeyView } from '../operations/describe-keys.ts';
import { collect, list, missing, option, type Call, type CommandModule } from './call.ts';

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
    const wanted = await readOptions(call, options);
    const store = await call.openStore('create');
    const out = option(options, 'out');
    const deliver =
      out === undefined
        ? undefined
        : (apiKey: string) => {
            writeSecretFile(out, apiKey);
          };
    const { apiKey, key } = await createKey(store, wanted, call.actor, call.context.randomBytes, deliver);
    showSecret(call, key, apiKey, out);
    return undefined;
  },
};

async function readOptions(call: Call, options: Readonly<Record<string, unknown>>): Promise<CreateKey> {
  const name = option(options, 'name');
  const environment = option(options, 'env');
  const cap = option(options, 'dailyCap');
  const note = option(options, 'note');
  const checked = {
    account: option(options, 'account'),
    expiresAt: readExpiry(option(options, 'expires') ?? 'never', call.context.clock()),
    services: list(options, 'service') ?? [],
    allowedIps: (list(options, 'allowIp') ?? []).map(checkIpRange),
    dailyCap: cap === undefined ? null : parseCredits('--daily-cap', cap),
    note: note === undefined ? null : checkText('note', note),
  };
  return {
    ...checked,
    name: name === undefined ? await askName(call) : checkKeyName(name),
    environment: environment ?? (name === undefined ? await askEnvironment(call) : DEFAULT_ENVIRONMENT),
  };
}

async function askName(call: Call): Promise<string> {
  const prompts = await call.prompts();
  if (prompts === null) throw missing('--name', 'every key has a name');
  return prompts.ask('Name of the key', checkKeyName);
}

/** Asked only together with the name: who gave the name as a flag meant the default for the rest. */
async function askEnvironment(call: Call): Promise<string> {
  const prompts = await call.prompts();
  if (prompts === null) return DEFAULT_ENVIRONMENT;
  const store = await call.openStore('create');
  const environments = await store.read((tx) => tx.catalogue.environments());
  const choices = environments.map(({ name, code }) => ({ label: `${name} (${code})`, value: name }));
  return prompts.choose('Environment', choices, DEFAULT_ENVIRONMENT);
}

/** `90d` from now, a date through whose end (UTC) the key is valid, an instant, or `never`. Throws `usage` for the past. */
export function readExpiry(text: string, now: Instant): Instant | null {
  if (text === 'never') return null;
  const length = parseDuration(text);
  const day = parseDay(text);
  const at = length !== null ? now + length : day !== null ? startOfDay(day) + MS_PER_DAY : parseInstant(text);
  if (at === null)
    throw usageError('--expires cannot be read.', 'Write 90d, a date such as 2027-01-31, a time such as 2027-01-31T18:00:00Z, or never.');
  if (at <= now) throw usageError(`--expires is not in the future: ${formatInstant(at)}.`);
  return at;
}

/** Writes the secret to a file that must not exist yet, readable by its owner alone. Throws `already_exists` or `failed`. */
export function writeSecretFile(path: string, apiKey: string): void {
  const file = openNew(path);
  try {
    writeSync(file, `${apiKey}\n`);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw new KeyctlError('failed', `The secret cannot be written to ${path}; no key was made.`, { cause: error });
  } finally {
    closeSync(file);
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new KeyctlError('already_exists', `There is a file at ${path} already.`, {
        hint: 'Give --out the path of a new file.',
        cause: error,
      });
    }
    throw new KeyctlError('failed', `The file ${path} cannot be made; no key was made.`, {
      hint: 'Check the folder and its permissions.',
      cause: error,
    });
  }
}

/** The one place that shows a secret: alone on stdout, as `apiKey` in JSON, or in the file that was named. */
export function showSecret(call: Call, key: KeyView, apiKey: string, file: string | undefined): void {
  const { out } = call;
  const described = `${key.account}/${key.name} (${key.id}), ${key.environment}`;
  if (out.json) {
    out.show(file === undefined ? { ...keyJson(key), apiKey } : keyJson(key), () => '', [...KEY_FIELDS, 'apiKey']);
    return;
  }
  if (file === undefined) {
    out.note(`Created ${described}. This is its secret; it is not shown again:`);
    out.data(apiKey);
  } else {
    out.note(`Created ${described}. Its secret is in ${file} (mode 0600).`);
  }
}
