import { MAX_COST, parseCredits } from '../../domain/credits.ts';
import { editService } from '../../operations/edit-service.ts';
import { SERVICE_FIELDS } from '../../operations/find-service.ts';
import { option, text, type CommandModule } from '../call.ts';
import { describeService, showService } from './show-service.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<service>', 'its name')
      .option('--cost <credits>', 'what one request costs from now on')
      .option('--env <environment>', 'admit keys of this environment only; none for any'),

  run: async (call, args, options) => {
    call.out.checkFields(SERVICE_FIELDS);
    const cost = option(options, 'cost');
    const environment = option(options, 'env');
    const wanted = {
      name: text(args, 0),
      cost: cost === undefined ? undefined : parseCredits('--cost', cost, MAX_COST),
      environment: environment === 'none' ? null : environment,
    };
    const store = await call.openStore('write');
    const { changed, service } = await editService(store, wanted, call.actor);
    showService(call.out, service, changed ? `Changed ${describeService(service)}.` : `${service.name} is so already; nothing changed.`);
    return undefined;
  },
};
