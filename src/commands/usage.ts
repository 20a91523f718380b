import { usageError } from '../domain/error.ts';
import { remaining, type Balance } from '../domain/credits.ts';
import { grouped } from '../domain/grouped.ts';
import { USAGE_BUCKETS, type UsageBucket } from '../domain/traffic.ts';
import { formatInstant, parseMonth, startOfDay, type Instant } from '../domain/utc-day.ts';
import { reportUsage, USAGE_FIELDS, usageJson, type UsageReport } from '../operations/report-usage.ts';
import type { Denied, UsageRow } from '../operations/usage-rows.ts';
import type { WantedPeriod } from '../operations/usage-period.ts';
import { wrapWords } from '../terminal/fit.ts';
import { forecastText } from '../terminal/forecast-text.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { showListing, TABLE_ROWS, type Column } from '../terminal/listing.ts';
import { duration } from '../terminal/style.ts';
import { flag, option, type Call, type CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeyReference } from './key-argument.ts';
import { readMoment } from './moment.ts';
import { usageCsv } from './usage-csv.ts';

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
      .option('--by <bucket>', `a row for each ${USAGE_BUCKETS.join(', ')}; without it hours, or days for more than 48 hours`)
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
    const most = out.isTerminal && !out.json && !csv ? { most: TABLE_ROWS + 1 } : {};
    const report = await reportUsage(store, { ...period, ...most, account, key: reference, service: option(options, 'service') });
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
  const bucket = USAGE_BUCKETS.find((candidate) => candidate === text);
  if (text === undefined || bucket !== undefined) return bucket;
  throw usageError('--by is nothing that usage can be told by.', `Write one of ${USAGE_BUCKETS.join(', ')}.`);
}

/** Rows for a pipe; for a person also the total, and, where one account is meant, what it has left. */
async function showReport(call: Call, report: UsageReport): Promise<void> {
  const { out } = call;
  const { rows, rowsInAll, total, credits, forecast, from, to } = report;
  await showListing(out, {
    rows,
    json: () => ({}),
    fields: [],
    columns: columnsFor(report),
    total: () => Promise.resolve(rowsInAll),
    empty: 'No traffic in that time.',
  });
  if (!out.isTerminal) return;
  await showChart(call, report);
  const denied = deniedText(total.denied);
  const sums = `${grouped(total.requests)} ${total.requests === 1 ? 'request' : 'requests'}, ${grouped(total.credits)} credits`;
  const whole = `${minute(from)} to ${minute(to)} UTC: ${sums}${denied === '' ? '' : `; denied: ${denied}`}`;
  out.data(`\n${wrapWords(whole, out.columns)}`);
  if (credits === null) return;
  out.data(wrapWords(creditsText(credits, call.context.clock()), out.columns));
  if (forecast !== null) out.data(wrapWords(forecastText(forecast, credits, call.context.clock()), out.columns));
}

/** `2026-11-22 10:00`, for a person. */
function minute(at: Instant): string {
  return formatInstant(at).slice(0, 16).replace('T', ' ');
}

const CHART_LINES = 8;

/** Under the table, where it is still seen when the table was longer than the screen. */
async function showChart({ out }: Call, report: UsageReport): Promise<void> {
  const [{ usageChart }, { painter }] = await Promise.all([import('./usage-chart.ts'), import('../terminal/painter.ts')]);
  const style = { places: out.columns, height: CHART_LINES, glyphs: glyphs(out.unicode), paint: painter(out.color) };
  const lines = usageChart(report, style);
  if (lines.length > 0) out.data(['', ...lines].join('\n'));
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
    { header: by.toUpperCase(), person: (row) => (by === 'hour' ? hourText(row) : row.bucket) ?? '(unknown)', script: bucket },
    ...(by === 'account'
      ? [owner, { header: 'TIER', person: (row: UsageRow) => row.tier ?? '-', script: (row: UsageRow) => row.tier ?? '' }]
      : []),
    { header: 'REQUESTS', align: 'right', person: (row) => grouped(row.requests), script: (row) => String(row.requests) },
    { header: 'CREDITS', align: 'right', person: (row) => grouped(row.credits), script: (row) => String(row.credits) },
    { header: 'DENIED', person: (row) => deniedText(row.denied) || '-', script: (row) => String(deniedCount(row.denied)) },
  ];
}

/** An hour as a person writes it; a script has it to the millisecond, as in JSON. */
function hourText({ bucket }: UsageRow): string | null {
  return bucket === null ? null : bucket.slice(0, 16).replace('T', ' ');
}

function deniedCount(denied: Denied): number {
  return Object.values(denied).reduce((sum, count) => sum + count, 0);
}

function deniedText(denied: Denied): string {
  return Object.entries(denied)
    .map(([code, count]) => `${grouped(count)} ${code}`)
    .join(', ');
}
