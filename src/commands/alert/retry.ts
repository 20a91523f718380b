import { retryAlerts } from '../../operations/retry-alerts.ts';
import type { CommandModule } from '../call.ts';

const FIELDS = ['messages'] as const;

export const command: CommandModule = {
  configure: (cli) => void cli.argument('[alert]', 'the id of a message that was given up; without it all of them'),

  run: async (call, [id]) => {
    call.out.checkFields(FIELDS);
    const store = await call.openStore('write');
    const messages = await retryAlerts(store, typeof id === 'string' ? id : null, call.actor);
    const sentence = `${String(messages)} ${messages === 1 ? 'message is' : 'messages are'} sent again by whoever serves, or by the next reset.`;
    call.out.show({ messages }, () => (messages === 0 ? 'No message was given up.' : sentence), FIELDS);
    return undefined;
  },
};
