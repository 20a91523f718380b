import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { usageError } from '../domain/error.ts';
import type { Arrivals } from '../domain/simulate.ts';
import { MS_PER_HOUR, MS_PER_SECOND, parseInstant, type Instant } from '../domain/utc-day.ts';
import { CHARGE_FIELDS } from '../operations/charge-report.ts';
import { simulateRequests } from '../operations/simulate-requests.ts';
import { flag, option, wholeNumber, type CommandModule } from './call.ts';
import { EXIT } from './exit-codes.ts';
import { chargeExit, showCharge } from './show-charge.ts';

const MOST_REQUESTS = 10_000_000;
const UNIT_MS: Readonly<Record<string, number>> = { s: MS_PER_SECOND, m: 60 * MS_PER_SECOND, h: MS_PER_HOUR };

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--requests <n>', 'how many requests')
      .option('--arrivals <rate>', 'how fast they come, such as 10/s, 600/m or 5000/h; without it as fast as the rate limit admits')
      .option('--account <account>', 'who sends them (may be left out while there is one account)')
      .option('--tier <tier>', 'try this tier instead; without --account for a new account')
      .option('--service <service>', 'what they ask for', DEFAULT_SERVICE)
      .option('--at <time>', 'when the first one comes, such as 2026-11-22T23:59:00Z; without it now')
      .option('--exit-code', 'exit with 5 when a request would be denied')
      .addHelpText('after', '\nNothing is charged or written.'),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(CHARGE_FIELDS);
    const requests = option(options, 'requests');
    if (requests === undefined) throw usageError('--requests is missing: say how many to try.', 'Give --requests 1000.');
    const arrivals = option(options, 'arrivals');
    const wanted = {
      account: option(options, 'account'),
      tier: option(options, 'tier'),
      service: option(options, 'service') ?? DEFAULT_SERVICE,
      requests: wholeNumber('--requests', requests, 1, MOST_REQUESTS),
      arrivals: arrivals === undefined ? null : readArrivals(arrivals),
      at: readInstant(option(options, 'at')),
    };
    const report = await simulateRequests(await call.openStore('read'), wanted);
    showCharge(out, report);
    return flag(options, 'exitCode') ? chargeExit(report) : EXIT.done;
  },
};

function readArrivals(text: string): Arrivals {
  const match = /^(\d{1,7})\/([smh])$/.exec(text);
  const count = Number(match?.[1] ?? 0);
  const perMs = UNIT_MS[match?.[2] ?? ''];
  if (perMs !== undefined && count >= 1 && count <= 1_000_000) return { count, perMs };
  throw usageError('--arrivals cannot be read.', 'Write 10/s, 600/m or 5000/h; at most 1000000 in the unit.');
}

function readInstant(text: string | undefined): Instant | undefined {
  const at = text === undefined ? undefined : parseInstant(text);
  if (at !== null) return at;
  throw usageError('--at cannot be read.', 'Write a date such as 2026-11-22 or a time such as 2026-11-22T23:59:00Z.');
}
