import { DEFAULT_COST, MAX_COST, parseCredits } from '../../domain/credits.ts';
import { checkName } from '../../domain/names.ts';
import { createService } from '../../operations/create-service.ts';
import { SERVICE_FIELDS } from '../../operations/find-service.ts';
import { option, text, type CommandModule } from '../call.ts';
import { describeService, showService } from './show-service.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<name>', 'its name, which is also its path below /verify')
      .option('--cost <credits>', `what one request costs (${String(DEFAULT_COST)} unless said)`)
      .option('--env <environment>', 'admit keys of this environment only'),

  run: async (call, args, options) => {
    call.out.checkFields(SERVICE_FIELDS);
    const name = checkName('service', text(args, 0));
    const cost = option(options, 'cost');
    const wanted = {
      name,
      cost: cost === undefined ? DEFAULT_COST : parseCredits('--cost', cost, MAX_COST),
      environment: option(options, 'env') ?? null,
    };
    const store = await call.openStore('create');
    const service = await createService(store, wanted, call.actor);
    showService(call.out, service, `Created the service ${describeService(service)}.`);
    return undefined;
  },
};
