import { formatInstant } from '../domain/utc-day.ts';
import { KEY_FIELDS } from '../operations/describe-keys.ts';
import { enableKeys, type EnabledKey } from '../operations/enable-keys.ts';
import type { CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeysOrChoose } from './key-argument.ts';
import { lazyStore } from './lazy-store.ts';
import { called, showKeys } from './show-keys.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('[key...]', `${KEY_ARGUMENT}; several are enabled together or not at all`),

  run: async (call, args) => {
    call.out.checkFields(KEY_FIELDS);
    const store = lazyStore(call, 'write');
    const references = await readKeysOrChoose(call, store, args[0], 'Which keys shall be enabled?', 'disabled');
    const enabled = await enableKeys(await store(), references, call.actor);
    showKeys(
      call.out,
      enabled.map((result) => ({ key: result.key, sentence: sentenceOf(result) })),
    );
    for (const { key } of enabled) {
      if (key.status === 'expired' && key.expiresAt !== null) {
        call.out.warn(`${called(key)} expired at ${formatInstant(key.expiresAt)} and still does not pass.`);
        call.out.note(`  Give it time: keyctl edit ${key.id} --expires 90d`);
      }
    }
    return undefined;
  },
};

function sentenceOf({ key, already }: EnabledKey): string {
  return already ? `${called(key)} was not disabled.` : `Enabled ${called(key)}.`;
}
