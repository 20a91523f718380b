import { parseCredits } from '../domain/credits.ts';
import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { usageError } from '../domain/error.ts';
import type { Arrivals } from '../domain/simulate.ts';
import { MS_PER_HOUR, MS_PER_SECOND, parseInstant, type Instant } from '../domain/utc-day.ts';
import { CHARGE_FIELDS } from '../operations/charge-report.ts';
import { REPLAY_FIELDS } from '../operations/describe-replay.ts';
import { replayTraffic } from '../operations/replay-traffic.ts';
import { simulateRequests } from '../operations/simulate-requests.ts';
import { collect, flag, list, option, wholeNumber, type Call, type CommandModule } from './call.ts';
import { EXIT } from './exit-codes.ts';
import { readMoment } from './moment.ts';
import { chargeExit, showCharge } from './show-charge.ts';
import { readRate } from './tier/limit-options.ts';
import { watching } from './watching.ts';

const MOST_REQUESTS = 10_000_000;
const UNIT_MS: Readonly<Record<string, number>> = { s: MS_PER_SECOND, m: 60 * MS_PER_SECOND, h: MS_PER_HOUR };

/** What belongs to one way of asking only: to try requests out, or to replay past ones. */
const OF_REQUESTS = ['requests', 'arrivals', 'service', 'at'];
const OF_REPLAY = ['dailyCredits', 'rate'];

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--requests <n>', 'how many requests')
      .option('--arrivals <rate>', 'how fast they come, such as 10/s, 600/m or 5000/h; without it as fast as the rate limit admits')
      .option('--account <account>', 'who sends them (may be left out while there is one account; with --replay everybody)')
      .option('--tier <tier>', 'try this tier instead; without --account for a new account. With --replay repeat it for more', collect)
      .option('--service <service>', `what they ask for (${DEFAULT_SERVICE} unless said)`)
      .option('--at <time>', 'when the first one comes, such as 2026-11-22T23:59:00Z; without it now')
      .option('--replay <when>', 'instead of --requests: the traffic since 30d ago or a date, against all tiers or those of --tier')
      .option('--daily-credits <n>', 'with --replay: try so many credits a day, too')
      .option('--rate <n/s>', 'with --replay: try this rate of every service, too, such as 10/s; none for no limit')
      .option('--exit-code', 'exit with 5 when a request would be denied, with --replay by each tier that is tried')
      .addHelpText('after', '\nNothing is charged or written.'),

  run: (call, _, options) => (option(options, 'replay') === undefined ? tryOut(call, options) : replay(call, options)),
};

type Options = Readonly<Record<string, unknown>>;

async function tryOut(call: Call, options: Options): Promise<number> {
  const { out } = call;
  out.checkFields(CHARGE_FIELDS);
  refuse(options, OF_REPLAY, 'needs --replay: say which traffic, such as --replay 30d.');
  const requests = option(options, 'requests');
  if (requests === undefined) throw usageError('--requests is missing: say how many to try.', 'Give --requests 1000, or --replay 30d.');
  const arrivals = option(options, 'arrivals');
  const [tier, another] = list(options, 'tier') ?? [];
  if (another !== undefined) throw usageError('--tier is given twice.', 'Several tiers are compared with --replay.');
  const wanted = {
    ...{ account: option(options, 'account'), tier, service: option(options, 'service') ?? DEFAULT_SERVICE },
    requests: wholeNumber('--requests', requests, 1, MOST_REQUESTS),
    arrivals: arrivals === undefined ? null : readArrivals(arrivals),
    at: readInstant(option(options, 'at')),
  };
  const report = await simulateRequests(await call.openStore('read'), wanted);
  showCharge(out, report);
  return flag(options, 'exitCode') ? chargeExit(report) : EXIT.done;
}

async function replay(call: Call, options: Options): Promise<number> {
  const { out, context } = call;
  out.checkFields(REPLAY_FIELDS);
  refuse(options, OF_REQUESTS, 'does not go with --replay, which takes the requests as they came.');
  const since = readMoment('--replay', option(options, 'replay') ?? '', context.clock());
  if (since > context.clock()) throw usageError('--replay lies in the future.', 'Write 30d for so long ago, or a past date.');
  const [credits, rate] = [option(options, 'dailyCredits'), option(options, 'rate')];
  const hypothetical = {
    dailyCredits: credits === undefined ? undefined : parseCredits('--daily-credits', credits),
    rate: rate === undefined ? undefined : rate === 'none' ? null : readRate('--rate', rate),
  };
  const wanted = {
    ...{ account: option(options, 'account'), since, tiers: list(options, 'tier') ?? [] },
    hypothetical: credits === undefined && rate === undefined ? null : hypothetical,
  };
  const store = await call.openStore('read');
  const report = await watching(call, ({ tell }) => replayTraffic(store, wanted, tell));
  const { showReplay } = await import('./show-replay.ts');
  await showReplay(out, report);
  return flag(options, 'exitCode') && report.cheapest === null && report.requests > 0 ? EXIT.denied : EXIT.done;
}

/** Refuses what belongs to the other way of asking, by its flag. */
function refuse(options: Options, names: readonly string[], why: string): void {
  const given = names.find((name) => option(options, name) !== undefined);
  if (given === undefined) return;
  throw usageError(`--${given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${why}`);
}

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
