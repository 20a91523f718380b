import type { Command } from 'commander';
import { usageError } from '../domain/error.ts';
import type { DenialCode } from '../domain/verdict.ts';
import { isRequestId } from '../domain/names.ts';
import type { Store } from '../domain/store.ts';
import { countTraffic, followTraffic, readTraffic, trafficFilter, type Traffic, type WantedTraffic } from '../operations/read-traffic.ts';
import { showListing, type Column } from '../terminal/listing.ts';
import type { Shown } from '../terminal/output.ts';
import { flag, option, wholeNumber, type Call } from './call.ts';
import { follow } from './follow.ts';
import { KEY_ARGUMENT, readKeyReference } from './key-argument.ts';
import { readMoment } from './moment.ts';

/** How many past rows `--follow` begins with, as `tail -f` does. */
const FOLLOW_PAST = 10;

type Options = Readonly<Record<string, unknown>>;

/** The options that `debits` and `denials` share. */
export function configureTraffic(cli: Command): Command {
  return cli
    .option('--account <account>', 'only this account')
    .option('--key <key>', `only this key: ${KEY_ARGUMENT}`)
    .option('--since <when>', 'not before 1h or 7d ago, a date or a time')
    .option('--until <when>', 'only before')
    .option('--request-id <id>', 'only the request with this id')
    .option('--limit <n>', 'at most so many; with --follow, so many past ones first')
    .option('--follow', 'show them as they come, oldest first; stop with Ctrl-C');
}

export interface ShownTraffic<Row> {
  readonly traffic: Traffic<Row>;
  readonly json: (row: Row) => Shown;
  readonly fields: readonly string[];
  readonly columns: readonly Column<Row>[];
  readonly empty: string;
}

/** Shows recorded traffic, newest first, or follows it. `code` narrows denials. */
export async function showTraffic<Row>(call: Call, options: Options, shown: ShownTraffic<Row>, code?: DenialCode): Promise<void> {
  const { out } = call;
  out.checkFields(shown.fields);
  const limit = option(options, 'limit');
  const most = limit === undefined ? undefined : wholeNumber('--limit', limit, 1, 1_000_000_000);
  const follows = flag(options, 'follow');
  if (follows && option(options, 'until') !== undefined) throw usageError('--follow and --until exclude each other.');
  const wanted = await readWanted(call, options, code);
  const store = await call.openStore('read');
  if (follows) await followRows(call, store, wanted, most ?? FOLLOW_PAST, shown);
  else await listRows(call, store, wanted, most ?? Infinity, shown);
}

async function readWanted(call: Call, options: Options, code: DenialCode | undefined): Promise<WantedTraffic> {
  const now = call.context.clock();
  const since = option(options, 'since');
  const until = option(options, 'until');
  const requestId = option(options, 'requestId');
  // SECURITY: what is no request id is not repeated; it may be anything.
  if (requestId !== undefined && !isRequestId(requestId))
    throw usageError('--request-id is no request id.', 'It has 1 to 128 visible ASCII characters.');
  const account = option(options, 'account');
  const key = option(options, 'key');
  if (account !== undefined && key !== undefined) throw usageError('--account and --key exclude each other: a key has its account.');
  return {
    account,
    key: key === undefined ? undefined : await readKeyReference(call, key),
    ...(since === undefined ? {} : { since: readMoment('--since', since, now) }),
    ...(until === undefined ? {} : { until: readMoment('--until', until, now) }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(code === undefined ? {} : { code }),
  };
}

async function listRows<Row>(call: Call, store: Store, wanted: WantedTraffic, most: number, shown: ShownTraffic<Row>): Promise<void> {
  const { traffic, json, fields, columns, empty } = shown;
  const filter = await trafficFilter(store, wanted);
  await showListing(call.out, {
    ...{ json, fields, columns, empty },
    rows: readTraffic(store, traffic, filter, most),
    total: async () => {
      const count = await countTraffic(store, traffic, filter);
      return count === undefined ? undefined : Math.min(most, count);
    },
  });
}

async function followRows<Row>(call: Call, store: Store, wanted: WantedTraffic, past: number, shown: ShownTraffic<Row>): Promise<void> {
  const { traffic, json, columns } = shown;
  const filter = await trafficFilter(store, wanted);
  await follow(call, { json, columns, rows: (pause) => followTraffic(store, traffic, filter, past, pause) });
}
