import { usageError } from '../domain/error.ts';
import { remaining, type Balance } from '../domain/credits.ts';
import type { UsageBucket } from '../domain/store.ts';
import { formatInstant, parseMonth, startOfDay, type Instant } from '../domain/utc-day.ts';
import { reportUsage, USAGE_FIELDS, usageJson, type UsageReport } from '../operations/report-usage.ts';
import type { Denied, UsageRow } from '../operations/usage-rows.ts';
import type { WantedPeriod } from '../operations/usage-period.ts';
import { forecastText } from '../terminal/forecast-text.ts';
import { showListing, type Column } from '../terminal/listing.ts';
import { duration, grouped } from '../terminal/style.ts';
import { flag, option, type Call, type CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeyReference } from './key-argument.ts';
import { readMoment } from './moment.ts';
import { usageCsv } from './usage-csv.ts';

const BUCKETS = ['hour', 'day', 'account', 'key', 'service', 'code'] as const satisfies readonly UsageBucket[];

type Options = Readonly<Record<string, unknown>>;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--account <account>', 'only this account')
      .option('--key <key>', `only this key: ${KEY_ARGUMENT}`)
      .option('--service <service>', 'only this service')
      .option('--since <when>', 'from 7d ago, a date or a time on, rounded down to the hour; without it from 00:00 UTC today')
      .option('--until <when>', 'up to, not including, a date or a time; without it to the end of this hour')
      .option('--month <month>', 'a calendar month, UTC, such as 2026-10')
      .option('--by <bucket>', `a row for each ${BUCKETS.join(', ')}; without it hours, or days for more than 48 hours`)
      .option('--csv', 'CSV with a header, for spreadsheets and invoices'),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(USAGE_FIELDS);
    const csv = flag(options, 'csv');
    if (csv && out.json) throw usageError('--csv and --json exclude each other.');
    const period = readPeriod(options, call.context.clock());
    const key = option(options, 'key');
    const reference = key === undefined ? undefined : await readKeyReference(call, key);
    const account = option(options, 'account');
    if (account !== undefined && reference !== undefined) {
      throw usageError('--account and --key exclude each other: a key has its account.');
    }
    const store = await call.openStore('read');
    const report = await reportUsage(store, { ...period, account, key: reference, service: option(options, 'service') });
    if (report.hoursGone) out.warn(report.by === 'hour' ? HOURS_GONE : ROUNDED);
    if (out.json) out.show(usageJson(report), () => '', USAGE_FIELDS);
    else if (csv) out.raw(usageCsv(report.rows));
    else await showReport(call, report);
    return undefined;
  },
};

const HOURS_GONE = 'Hours as old as that are not kept any more (keyctl config get keep-hourly-usage); days are: see --by day.';
const ROUNDED = 'Hours as old as that are not kept any more (keyctl config get keep-hourly-usage), so that these are whole days.';

function readPeriod(options: Options, now: Instant): WantedPeriod {
  const moment = (name: 'since' | 'until'): Instant | undefined => {
    const text = option(options, name);
    return text === undefined ? undefined : readMoment(`--${name}`, text, now);
  };
  const [since, until, month] = [moment('since'), moment('until'), option(options, 'month')];
  if (month !== undefined && (since !== undefined || until !== undefined)) {
    throw usageError('--month excludes --since and --until.');
  }
  const days = month === undefined ? undefined : parseMonth(month);
  if (days === null) throw usageError('--month cannot be read.', 'Write a month such as 2026-10.');
  return { since, until, month: days, by: readBucket(option(options, 'by')) };
}

function readBucket(text: string | undefined): UsageBucket | undefined {
  const bucket = BUCKETS.find((candidate) => candidate === text);
  if (text === undefined || bucket !== undefined) return bucket;
  throw usageError('--by is nothing that usage can be told by.', `Write one of ${BUCKETS.join(', ')}.`);
}

/** Rows for a pipe; for a person also the total, and, where one account is meant, what it has left. */
async function showReport(call: Call, report: UsageReport): Promise<void> {
  const { out } = call;
  const { rows, total, credits, forecast, from, to } = report;
  await showListing(out, {
    rows,
    json: () => ({}),
    fields: [],
    columns: columnsFor(report),
    total: () => Promise.resolve(rows.length),
    empty: 'No traffic in that time.',
  });
  if (!out.isTerminal) return;
  const denied = deniedText(total.denied);
  out.data(
    `\n${formatInstant(from)} to ${formatInstant(to)}: ${grouped(total.requests)} ${total.requests === 1 ? 'request' : 'requests'}, ${grouped(total.credits)} credits` +
      (denied === '' ? '' : `; denied: ${denied}`),
  );
  if (credits !== null) out.data(creditsText(credits, call.context.clock()));
  if (credits !== null && forecast !== null) out.data(forecastText(forecast, credits, call.context.clock()));
}

function creditsText(credits: Balance, now: Instant): string {
  const resetsAt = startOfDay(credits.day + 1);
  return `${grouped(remaining(credits))} of ${grouped(credits.granted + credits.adjusted)} credits left today; they come back in ${duration(resetsAt - now)}.`;
}

function columnsFor({ by }: UsageReport): readonly Column<UsageRow>[] {
  const bucket = (row: UsageRow): string => row.bucket ?? '';
  const owner: Column<UsageRow> = {
    header: 'EXTERNAL ID',
    spare: true,
    person: (row) => row.externalId ?? '-',
    script: (row) => row.externalId ?? '',
  };
  return [
    { header: by.toUpperCase(), person: (row) => row.bucket ?? '(unknown)', script: bucket },
    ...(by === 'account'
      ? [owner, { header: 'TIER', person: (row: UsageRow) => row.tier ?? '-', script: (row: UsageRow) => row.tier ?? '' }]
      : []),
    { header: 'REQUESTS', align: 'right', person: (row) => grouped(row.requests), script: (row) => String(row.requests) },
    { header: 'CREDITS', align: 'right', person: (row) => grouped(row.credits), script: (row) => String(row.credits) },
    { header: 'DENIED', person: (row) => deniedText(row.denied) || '-', script: (row) => String(deniedCount(row.denied)) },
  ];
}

function deniedCount(denied: Denied): number {
  return Object.values(denied).reduce((sum, count) => sum + count, 0);
}

function deniedText(denied: Denied): string {
  return Object.entries(denied)
    .map(([code, count]) => `${grouped(count)} ${code}`)
    .join(', ');
}
