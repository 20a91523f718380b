import { usageError } from '../domain/error.ts';
import { text, type CommandModule } from './call.ts';
import { topicText } from './helping/topic-text.ts';
import { TOPICS } from './helping/topics.ts';

const FIELDS = ['topic', 'text'] as const;

/** `keyctl help <command>` never comes here: it is `keyctl <command> --help`. */
export const command: CommandModule = {
  configure: (cli) => void cli.argument('<topic>', `${TOPICS.join(', ')}, or a command`),

  run: (call, args) => {
    const { out } = call;
    out.checkFields(FIELDS);
    const topic = TOPICS.find((known) => known === text(args, 0));
    if (topic === undefined) throw usageError('There is no help about that.', `Topics: ${TOPICS.join(', ')}; or name a command.`);
    const told = topicText(topic, call.context.manual(), out.isTerminal ? out.columns : 80);
    out.show({ topic, text: told }, () => told, FIELDS);
    return Promise.resolve(undefined);
  },
};
