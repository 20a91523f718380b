import { usageError } from '../domain/error.ts';
import { formatInstant, parseDuration } from '../domain/utc-day.ts';
import type { KeyView } from '../operations/describe-keys.ts';
import { rotateKey } from '../operations/rotate-key.ts';
import { option, type CommandModule } from './call.ts';
import { delivering, NEW_KEY_FIELDS, showSecret } from './deliver-secret.ts';
import { KEY_ARGUMENT, readKeyOrChoose } from './key-argument.ts';
import { lazyStore } from './lazy-store.ts';
import { called } from './show-keys.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('[key]', KEY_ARGUMENT)
      .option('--grace <length>', 'how long the old key goes on, such as 24h; 0 disables it now')
      .option('--out <file>', 'write the new secret to a new file with mode 0600 instead of stdout'),

  run: async (call, args, options) => {
    call.out.checkFields(NEW_KEY_FIELDS);
    const graceMs = readGrace(option(options, 'grace'));
    const file = option(options, 'out');
    const store = lazyStore(call, 'write');
    const reference = await readKeyOrChoose(call, store, args[0], 'Which key shall be replaced?', 'active');
    const { actor, context } = call;
    const open = await store();
    const { apiKey, key, predecessor } = await delivering(file, (deliver) =>
      rotateKey(open, { reference, graceMs }, actor, context.randomBytes, deliver),
    );
    call.out.note(fateOf(predecessor));
    showSecret(call, 'Rotated', key, apiKey, file);
    return undefined;
  },
};

function readGrace(text: string | undefined): number {
  if (text === undefined) {
    throw usageError(
      '--grace is missing: how long the old key goes on has no default, since a leaked one must not live on by accident.',
      'Give --grace 24h to let clients change over, or --grace 0 for a key that leaked.',
    );
  }
  const length = parseDuration(text);
  if (length === null) throw usageError('--grace cannot be read.', 'Write a length of time such as 24h, 30m or 7d, or 0.');
  return length;
}

function fateOf(old: KeyView): string {
  if (old.disabledAt !== null) return `The old key is now ${called(old)} and is disabled.`;
  const end = old.expiresAt === null ? 'ever' : formatInstant(old.expiresAt);
  return `The old key is now ${called(old)} and goes on until ${end}. Who still comes with it: keyctl view ${old.id}`;
}
