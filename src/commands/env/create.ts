import { usageError } from '../../domain/error.ts';
import { checkEnvironmentCode, checkName } from '../../domain/names.ts';
import { createEnvironment } from '../../operations/create-environment.ts';
import { option, text, type CommandModule } from '../call.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<name>', 'its name').option('--code <code>', 'what stands for it in a key: 2 to 8 of a-z and 0-9'),

  run: async (call, args, options) => {
    call.out.checkFields(['name', 'code']);
    const name = checkName('environment', text(args, 0));
    const code = option(options, 'code');
    if (code === undefined)
      throw usageError('--code is missing: say what stands for it in a key.', 'Give --code stage, or another 2 to 8 of a-z and 0-9.');
    const wanted = { name, code: checkEnvironmentCode(code) };
    const store = await call.openStore('create');
    const environment = await createEnvironment(store, wanted, call.actor);
    call.out.show({ ...environment }, () => `Added the environment ${environment.name} (${environment.code}).`);
    return undefined;
  },
};
