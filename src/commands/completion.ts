import { usageError } from '../domain/error.ts';
import { text, type CommandModule } from './call.ts';
import { completionScript } from './completing/scripts.ts';
import { SHELLS } from './completing/shells.ts';

const FIELDS = ['shell', 'script'] as const;

const LOAD = { bash: 'source <(keyctl completion bash)', zsh: 'source <(keyctl completion zsh)', fish: 'keyctl completion fish | source' };

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<shell>', SHELLS.join(', ')),

  run: (call, args) => {
    call.out.checkFields(FIELDS);
    const shell = SHELLS.find((known) => known === text(args, 0));
    if (shell === undefined) throw usageError('There is no completion for that shell.', `Write ${SHELLS.join(', ')}.`);
    const script = completionScript(shell);
    call.out.showVerbatim({ shell, script }, () => script.trimEnd(), FIELDS);
    if (call.out.isTerminal && !call.out.json) call.out.note(`\nThis is a script for ${shell}. Load it with: ${LOAD[shell]}`);
    return Promise.resolve(undefined);
  },
};
