import { KeyctlError } from '../domain/error.ts';
import { alreadyUsed, checkUnused, initialiseStore } from '../operations/initialise-store.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { readBeginning } from './beginning/options.ts';
import { collect, option, type Call, type CommandModule } from './call.ts';
import { delivering, NEW_KEY_FIELDS, showSecret } from './deliver-secret.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--name <name>', 'the name of the first key; with it nothing is asked')
      .option('--account <account>', 'whose key it is; an account of that name is made (default unless said)')
      .option('--tier <tier>', 'the tier of that account (free unless said)')
      .option('--env <environment>', 'the environment of the key (production unless said)')
      .option('--prefix <prefix>', 'what the keys begin with (kc unless said)')
      .option('--add-env <name=code>', 'one more environment, such as staging=stage; repeat it for more', collect)
      .option('--add-tier <name=credits[@n/s]>', 'one more tier, such as gold=500000@20/s; repeat it for more', collect)
      .option('--out <file>', 'write the secret to a new file with mode 0600 instead of stdout'),

  run: async (call, _, options) => {
    call.out.checkFields(NEW_KEY_FIELDS);
    const prompts = option(options, 'name') === undefined ? await call.prompts() : null;
    // Without a person a missing flag comes before whatever the store has to say.
    const given = prompts === null ? readBeginning(options) : null;
    await checkNotBegun(call);
    const wanted = given ?? (prompts === null ? readBeginning(options) : await ask(call, prompts));
    const file = option(options, 'out');
    const store = await call.openStore('create');
    const { actor, context } = call;
    const { apiKey, key } = await delivering(file, (deliver) => initialiseStore(store, wanted, actor, context.randomBytes, deliver));
    showSecret(call, 'Created', key, apiKey, file);
    if (!call.out.json) call.out.note('\nNext: keyctl serve, keyctl schedule, and keyctl completion for your shell.');
    return undefined;
  },
};

async function ask(
  call: Call,
  prompts: NonNullable<Awaited<ReturnType<Call['prompts']>>>,
): ReturnType<typeof import('./beginning/questions.ts').askBeginning> {
  const [{ askBeginning }, { painter }] = await Promise.all([import('./beginning/questions.ts'), import('../terminal/painter.ts')]);
  return askBeginning({
    prompts,
    tell: (text) => call.out.note(text),
    paint: painter(call.out.color),
    marks: glyphs(call.out.unicode),
    places: call.out.places,
    location: await call.storeLocation(),
  });
}

/** Nothing is asked, and nothing made, where there is a store in use. A file that is something else is told as what it is. */
async function checkNotBegun(call: Call): Promise<void> {
  try {
    await checkUnused(await call.openStore('read'));
  } catch (error) {
    if (!(error instanceof KeyctlError)) throw error;
    if (error.code === 'store_missing') return;
    if (error.code === 'store_older' || error.code === 'store_newer') throw alreadyUsed(await call.storeLocation());
    throw error;
  }
}
