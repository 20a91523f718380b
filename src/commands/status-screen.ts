import { formatInstant, nextReset, type Instant } from '../domain/utc-day.ts';
import { LATE_RESET_MS } from '../operations/check-clock.ts';
import type { BusyAccount, StatusView } from '../operations/describe-status.ts';
import { sparkline } from '../terminal/bars.ts';
import { fitText, widthOf, wrapWords } from '../terminal/fit.ts';
import { drawGauges, LONGEST_NAME, type Gauge, type GaugeStyle } from '../terminal/gauges.ts';
import { BETWEEN, factLines, sideBySide, stacked, type Fact, type Panel } from '../terminal/panels.ts';
import { duration, grouped, relative } from '../terminal/style.ts';
import { fullName } from './key-argument.ts';

const NARROWEST_FOR_TWO = 140;
const NEAR_SHARE = 0.75;

/** The status for a terminal of that width: one panel under the other, or, where there is room, in two columns. */
export function statusScreen(view: StatusView, style: GaugeStyle): readonly string[] {
  const two = style.places >= NARROWEST_FOR_TWO;
  const places = two ? Math.floor((style.places - BETWEEN) / 2) : style.places;
  const column = { ...style, places };
  const left = [{ title: '', lines: factLines(overview(view, column), places, style.paint) }, ...accountPanels(view, column)];
  const right = [deniedPanel(view, column), expiringPanel(view, column)];
  const body = two
    ? sideBySide(stacked(left, places, style.paint), stacked(right, places, style.paint), places)
    : stacked([...left, ...right], places, style.paint);
  return [...body, ...advice(view).flatMap((text) => ['', ...wrapWords(text, style.places).split('\n')])];
}

function overview(view: StatusView, { places, glyphs, paint }: GaugeStyle): readonly Fact[] {
  const { store, now, today, hours, accounts, keys, lastReset } = view;
  const label = 'Last reset:'.length + 1;
  const busiest = hours.reduce((most, hour) => (hour.requests > most.requests ? hour : most), { at: 0, requests: 0 });
  const byHour = sparkline(
    hours.map(({ requests }) => requests),
    glyphs,
  );
  const peak = `most at ${clock(busiest.at)}: ${grouped(busiest.requests)}`;
  const denied = Object.values(today.denied).reduce((sum, count) => sum + count, 0);
  return [
    { label: 'Store', value: store },
    { label: 'Today', value: `${grouped(today.requests)} admitted, ${grouped(today.credits)} credits`, paint: paint.bold },
    ...(busiest.requests === 0
      ? []
      : [{ label: 'By hour', value: widthOf(byHour) + widthOf(peak) + 2 <= places - label ? `${byHour}  ${peak}` : byHour }]),
    { label: 'Denied', value: denied === 0 ? 'none' : grouped(denied), ...(denied === 0 ? {} : { paint: paint.red }) },
    { label: 'Accounts', value: grouped(accounts) },
    { label: 'Keys', value: keyCounts(keys) },
    { label: 'Credits', value: `come back in ${duration(nextReset(now) - now)}, at 00:00 UTC` },
    {
      label: 'Last reset',
      value: lastReset === null ? 'never' : relative(lastReset.at, now),
      ...(isLate(view) ? { paint: paint.yellow } : {}),
    },
  ];
}

function keyCounts(keys: StatusView['keys']): string {
  return Object.entries(keys)
    .filter(([status, count]) => status === 'active' || count > 0)
    .map(([status, count]) => `${grouped(count)} ${status}`)
    .join(', ');
}

function accountPanels({ busiest, tightest }: StatusView, style: GaugeStyle): readonly Panel[] {
  const others = tightest.filter(({ account }) => !busiest.some((busy) => busy.account === account));
  const widest = Math.max(0, ...[...busiest, ...others].map(({ allowance }) => grouped(allowance).length));
  const gauges = (accounts: readonly BusyAccount[]): readonly string[] =>
    drawGauges(
      accounts.map((account) => gaugeOf(account, widest)),
      style,
    );
  return [
    { title: 'Busiest accounts today', lines: gauges(busiest) },
    { title: 'Others near the end of their credits', lines: gauges(others) },
  ];
}

function gaugeOf({ account, tier, spent, allowance, remaining, forecast }: BusyAccount, widest: number): Gauge {
  const share = allowance === 0 ? 0 : spent / allowance;
  const isSpent = remaining === 0 || forecast.state === 'spent';
  const remark = isSpent ? 'spent' : forecast.exhaustedAt === null ? '' : `spent at ${clock(forecast.exhaustedAt)}`;
  return {
    ...{ name: account, note: tier, part: spent, whole: allowance, remark },
    amount: `${String(Math.floor(share * 100)).padStart(3)} % of ${grouped(allowance).padStart(widest)}`,
    tone: isSpent ? 'bad' : remark !== '' || share >= NEAR_SHARE ? 'near' : 'calm',
  };
}

function deniedPanel({ today: { denied } }: StatusView, style: GaugeStyle): Panel {
  const most = Math.max(0, ...Object.values(denied));
  const gauges = Object.entries(denied)
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, count]): Gauge => ({ name: code, part: count, whole: most, amount: grouped(count), tone: 'bad' }));
  return { title: 'Denied today', lines: drawGauges(gauges, style) };
}

function expiringPanel({ expiring: { count, keys }, now }: StatusView, { places, paint }: GaugeStyle): Panel {
  const when = keys.map((key) => relative(key.expiresAt, now));
  const room = places - 4 - Math.max(0, ...when.map((text) => text.length));
  const name = Math.max(1, Math.min(room, LONGEST_NAME, Math.max(0, ...keys.map((key) => widthOf(fullName(key))))));
  const lines = keys.map((key, place) => `  ${fitText(fullName(key), name)}  ${paint.yellow(when[place])}`);
  const more = count > keys.length ? [`  and ${grouped(count - keys.length)} more`] : [];
  return { title: 'Keys that end within 7 days', lines: [...lines, ...more] };
}

function isLate({ lastReset, now }: StatusView): boolean {
  return lastReset === null || now - lastReset.at > LATE_RESET_MS;
}

/** What to do next, for who has just begun or forgot the housekeeping. */
function advice(view: StatusView): readonly string[] {
  if (view.keys.active === 0) return ['There is no active key yet: keyctl create --name prod'];
  if (!isLate(view)) return [];
  return ['Run keyctl reset once a day or more often, from cron or a timer: it closes past days and prunes old debits.'];
}

/** `17:40`, UTC. */
function clock(at: Instant): string {
  return formatInstant(at).slice(11, 16);
}
