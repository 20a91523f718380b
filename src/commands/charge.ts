import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { usageError } from '../domain/error.ts';
import { CHARGE_FIELDS } from '../operations/charge-report.ts';
import { chargeRequests } from '../operations/charge-requests.ts';
import { option, wholeNumber, type CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeyReference } from './key-argument.ts';
import { progressLine } from './progress-line.ts';
import { chargeExit, showCharge } from './show-charge.ts';

const MOST_REQUESTS = 1_000_000;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--account <account>', 'whom to charge (may be left out while there is one account)')
      .option('--key <key>', `charge a key of an account: ${KEY_ARGUMENT}`)
      .option('--requests <n>', 'how many requests', '1')
      .option('--service <service>', 'what they ask for, which sets the price', DEFAULT_SERVICE)
      .addHelpText(
        'after',
        '\nTakes what fits, and exits with 5 when a request was denied. Addresses and the rate limit do not count here.',
      ),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(CHARGE_FIELDS);
    const account = option(options, 'account');
    const key = option(options, 'key');
    if (account !== undefined && key !== undefined) throw usageError('--account and --key exclude each other: a key has its account.');
    const requests = wholeNumber('--requests', option(options, 'requests') ?? '', 1, MOST_REQUESTS);
    const service = option(options, 'service') ?? DEFAULT_SERVICE;
    const reference = key === undefined ? undefined : await readKeyReference(call, key);
    const store = await call.openStore('write');
    const progress = progressLine(call);
    const report = await chargeRequests(store, { account, key: reference, service, requests }, call.actor, (decided) => {
      progress.show(`${String(decided)} of ${String(requests)} requests`);
    }).finally(() => {
      progress.clear();
    });
    showCharge(out, report);
    return chargeExit(report);
  },
};
