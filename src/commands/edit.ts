import { parseCredits } from '../domain/credits.ts';
import { usageError } from '../domain/error.ts';
import { checkIpRange } from '../domain/ip-range.ts';
import { checkText } from '../domain/names.ts';
import type { Instant } from '../domain/utc-day.ts';
import { KEY_FIELDS } from '../operations/describe-keys.ts';
import { editKey, type KeyEdit } from '../operations/edit-key.ts';
import { collect, flag, list, option, text, type CommandModule } from './call.ts';
import { readExpiry } from './expiry.ts';
import { KEY_ARGUMENT, readKeyReference } from './key-argument.ts';
import { called, showKey } from './show-keys.ts';

type Options = Readonly<Record<string, unknown>>;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<key>', KEY_ARGUMENT)
      .option('--expires <when>', '90d from now, a date (valid through that day, UTC), a time, or never')
      .option('--service <service>', 'a service it may call; repeat it for more; replaces those it has', collect)
      .option('--any-service', 'let it call every service')
      .option('--allow-ip <range>', 'a range it may come from; repeat it for more; replaces those it has', collect)
      .option('--any-ip', 'let it come from anywhere')
      .option('--daily-cap <credits>', 'the most it may spend a day, today included, or none')
      .option('--note <text>', "a note for operators; '' takes it away"),

  run: async (call, args, options) => {
    const { out } = call;
    out.checkFields(KEY_FIELDS);
    const edit = readEdit(options, call.context.clock());
    const reference = await readKeyReference(call, text(args, 0));
    const store = await call.openStore('write');
    const { key, changed, sharingCap } = await editKey(store, reference, edit, call.actor);
    showKey(out, key, changed ? `Changed ${called(key)}.` : `${called(key)} was so already.`);
    for (const other of sharingCap) out.note(`The same cap counts for ${other.name} (${other.id}), from its chain of rotations.`);
    return undefined;
  },
};

function readEdit(options: Options, now: Instant): KeyEdit {
  const expires = option(options, 'expires');
  const cap = option(options, 'dailyCap');
  const note = option(options, 'note');
  const services = readList(options, 'service', '--service', 'anyService', '--any-service');
  const ranges = readList(options, 'allowIp', '--allow-ip', 'anyIp', '--any-ip');
  const edit: KeyEdit = {
    ...(expires === undefined ? {} : { expiresAt: readExpiry(expires, now) }),
    ...(services === undefined ? {} : { services: [...new Set(services)] }),
    ...(ranges === undefined ? {} : { allowedIps: [...new Set(ranges.map(checkIpRange))] }),
    ...(cap === undefined ? {} : { dailyCap: cap === 'none' ? null : parseCredits('--daily-cap', cap) }),
    ...(note === undefined ? {} : { note: note === '' ? null : checkText('note', note) }),
  };
  if (Object.keys(edit).length > 0) return edit;
  const known = '--expires, --service, --any-service, --allow-ip, --any-ip, --daily-cap or --note';
  throw usageError('There is nothing to change.', `Give at least one of ${known}.`);
}

/** A list that a repeated flag sets and another empties; undefined when neither is given. */
function readList(options: Options, name: string, setFlag: string, clearName: string, clearFlag: string): readonly string[] | undefined {
  const values = list(options, name);
  if (!flag(options, clearName)) return values;
  if (values !== undefined) throw usageError(`${setFlag} and ${clearFlag} exclude each other.`);
  return [];
}
