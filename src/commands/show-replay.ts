import { grouped } from '../domain/grouped.ts';
import type { ReplayedDay } from '../domain/replay.ts';
import { dayOf, formatDay, formatInstant, type Instant } from '../domain/utc-day.ts';
import { REPLAY_FIELDS, replayJson, unknownOf, wholeDays } from '../operations/describe-replay.ts';
import type { AccountOutcome, PlanOutcome, ReplayReport } from '../operations/replay-traffic.ts';
import { wrapWords } from '../terminal/fit.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { showListing, type Column } from '../terminal/listing.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';

/** Shows what other tiers would have made of past traffic: for a script a line for each tier and day. */
export async function showReplay(out: Output, report: ReplayReport): Promise<void> {
  if (out.json) out.show(replayJson(report), () => '', REPLAY_FIELDS);
  else if (out.isTerminal) await showTables(out, report);
  else for (const line of scriptLines(report)) out.data(line);
}

function scriptLines(report: ReplayReport): readonly string[] {
  return report.plans.flatMap(({ plan, days }) =>
    wholeDays(report, days).map(({ day, requests, denied, accountsDenied, exhaustedAt }) => {
      const counts = [requests, denied.insufficient_credits ?? 0, denied.request_limit_reached ?? 0, accountsDenied].map(String);
      return [plan.name, formatDay(day), ...counts, exhaustedAt === null ? '' : formatInstant(exhaustedAt)].join('\t');
    }),
  );
}

async function showTables(out: Output, report: ReplayReport): Promise<void> {
  const { account, requests, deniedThen, plans, accounts, from, to } = report;
  const denied = countOf(deniedThen);
  const whose = account ?? `${grouped(accounts.length)} ${accounts.length === 1 ? 'account' : 'accounts'}`;
  const then = denied === 0 ? '' : `, ${grouped(denied)} of them denied then`;
  out.data(
    wrapWords(
      `${whose}, ${formatDay(dayOf(from))} to ${formatDay(dayOf(to))}: ${grouped(requests)} ${requests === 1 ? 'request' : 'requests'}${then}.`,
      out.columns,
    ),
  );
  if (requests === 0) return;
  await table(out, plans, planColumns(report));
  const days = daysOf(report);
  const busy = days.filter(({ day }) => day.requests > 0);
  await table(out, busy, dayColumns(report));
  if (busy.length < days.length) out.data(`${glyphs(out.unicode).cut} and ${idleText(days.length - busy.length)}`);
  if (account === null) await table(out, accounts, ACCOUNT_COLUMNS);
  out.data(`\n${answer(out, report)}`);
  const unknown = unknownOf(report);
  if (unknown.length === 0) return;
  out.data('\nWhat this cannot know:');
  for (const { message } of unknown) out.data(wrapWords(message, out.columns - 2).replaceAll(/^/gm, '  '));
}

async function table<Row>(out: Output, rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  out.data('');
  await showListing(out, { rows, columns, json: () => ({}), fields: [], total: () => Promise.resolve(rows.length), empty: 'Nothing.' });
}

function answer(out: Output, { cheapest, account }: ReplayReport): string {
  const paint = painter(out.color);
  if (cheapest !== null) return `The cheapest that would have denied nothing: ${paint.green(cheapest)}.`;
  return paint.yellow(account === null ? 'None of these would have been enough for everybody.' : 'None of these would have been enough.');
}

function countOf(denied: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(denied).reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

/** A month of a young store is mostly rows of nothing; a script gets them all. */
function idleText(days: number): string {
  return `${grouped(days)} ${days === 1 ? 'day' : 'days'} without a request.`;
}

/** `2026-11-02 14:02` */
function minute(at: Instant): string {
  return formatInstant(at).slice(0, 16).replace('T', ' ');
}

const count = (value: number): string => (value === 0 ? '-' : grouped(value));

/** A column for a person alone: what a script gets is told by day. */
function column<Row>(header: string, person: Column<Row>['person'], align: 'left' | 'right' = 'left'): Column<Row> {
  return { header, align, person, script: () => '' };
}

function planColumns(report: ReplayReport): readonly Column<PlanOutcome>[] {
  const length = wholeDays(report, []).length;
  return [
    column('TIER', ({ plan, fits }, paint) => (fits ? paint.green(plan.name) : plan.name)),
    column('A DAY', ({ plan }) => (plan.dailyCredits === null ? '(as now)' : grouped(plan.dailyCredits)), 'right'),
    column('NO CREDITS', ({ denied }) => count(denied.insufficient_credits ?? 0), 'right'),
    column('TOO FAST', ({ denied }) => count(denied.request_limit_reached ?? 0), 'right'),
    column('DENIED', ({ denied }) => percent(countOf(denied), report.requests), 'right'),
    column('DAYS', ({ days }) => shareOf(days.filter(({ denied }) => countOf(denied) > 0).length, length), 'right'),
    ...(report.account === null ? [column<PlanOutcome>('ACCOUNTS', ({ accountsDenied }) => count(accountsDenied), 'right')] : []),
    { ...column<PlanOutcome>('FIRST SPENT', ({ exhaustedAt }) => (exhaustedAt === null ? '-' : minute(exhaustedAt))), spare: true },
  ];
}

function shareOf(some: number, all: number): string {
  return some === 0 ? '-' : `${grouped(some)}/${grouped(all)}`;
}

/** `4.2 %`; what is some is never told as none, nor what is not all as all. */
function percent(some: number, all: number): string {
  if (some === 0) return '-';
  const tenths = Math.min(Math.max(1, Math.round((some / all) * 1_000)), some === all ? 1_000 : 999);
  return `${(tenths / 10).toFixed(1)} %`;
}

interface DayRow {
  readonly day: ReplayedDay;
  readonly byPlan: readonly ReplayedDay[];
}

function daysOf(report: ReplayReport): readonly DayRow[] {
  const byPlan = report.plans.map(({ days }) => wholeDays(report, days));
  return (byPlan[0] ?? []).map((day, place) => ({ day, byPlan: byPlan.flatMap((days) => days[place] ?? []) }));
}

function dayColumns({ plans, account }: ReplayReport): readonly Column<DayRow>[] {
  return [
    column('DAY', ({ day }) => formatDay(day.day)),
    column('REQUESTS', ({ day }) => count(day.requests), 'right'),
    ...plans.map(({ plan }, place) =>
      column<DayRow>(plan.name, ({ byPlan }, paint) => {
        const day = byPlan[place];
        const denied = day === undefined ? 0 : countOf(day.denied);
        return day === undefined || denied === 0 ? '-' : paint.red(deniedText(day, denied, account === null));
      }),
    ),
  ];
}

/** `812 from 18:40`, or `1,204 of 3 accounts`. */
function deniedText({ exhaustedAt, accountsDenied }: ReplayedDay, denied: number, everybody: boolean): string {
  if (everybody) return `${grouped(denied)} of ${grouped(accountsDenied)} ${accountsDenied === 1 ? 'account' : 'accounts'}`;
  return grouped(denied) + (exhaustedAt === null ? ' too fast' : ` from ${formatInstant(exhaustedAt).slice(11, 16)}`);
}

const ACCOUNT_COLUMNS: readonly Column<AccountOutcome>[] = [
  column('ACCOUNT', ({ account }) => account),
  column('TIER NOW', ({ tier }) => tier),
  column('REQUESTS', ({ requests }) => grouped(requests), 'right'),
  column('BUSIEST DAY', ({ busiestDay }) => grouped(busiestDay), 'right'),
  column('CHEAPEST THAT FITS', ({ cheapest }, paint) => cheapest ?? paint.yellow('none')),
];
