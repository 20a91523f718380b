import { grouped } from '../domain/grouped.ts';
import { formatInstant, nextReset, type Instant } from '../domain/utc-day.ts';
import { LATE_RESET_MS } from '../operations/check-clock.ts';
import type { BusyAccount, StatusView } from '../operations/describe-status.ts';
import { sparkline } from '../terminal/bars.ts';
import { fitText, widthOf, wrapWords } from '../terminal/fit.ts';
import { drawGauges, LONGEST_NAME, type Gauge, type GaugeStyle } from '../terminal/gauges.ts';
import type { Glyphs } from '../terminal/glyphs.ts';
import { BETWEEN, factLines, sideBySide, stacked, type Fact, type Panel } from '../terminal/panels.ts';
import { duration, relative, type Paint } from '../terminal/style.ts';
import { fullName } from './key-argument.ts';

const NARROWEST_FOR_TWO = 140;
const NEAR_SHARE = 0.75;
/** In one column the accounts below are to be seen as well, in a window of 24 lines. */
const FEW_KEYS = 5;
const MOST_KEYS = 8;
/** How many looks back the picture of requests per second goes, where there is room for that; with room for less than the least it is none. */
const MOST_PAST = 60;
const LEAST_PAST = 8;

/** What who keeps looking knows besides. */
export interface SeenBefore {
  /** Requests per second at each look, the present one last. */
  readonly rates: readonly number[];
  /** Null at the first look. */
  readonly deniedPerSecond: number | null;
}

/** The status for a terminal of that width: one panel under the other, or, where there is room, in two columns. */
export function statusScreen(view: StatusView, style: GaugeStyle, seen: SeenBefore | null = null): readonly string[] {
  const two = style.places >= NARROWEST_FOR_TWO;
  const places = two ? Math.floor((style.places - BETWEEN) / 2) : style.places;
  const column = { ...style, places };
  const facts = { title: '', lines: factLines([...overview(view, column, seen)], column) };
  const [accounts, keys] = [accountPanels(view, column), keysPanel(view, two ? MOST_KEYS : FEW_KEYS, column)];
  const others = [deniedPanel(view, column), expiringPanel(view, column)];
  const body = two
    ? sideBySide(stacked([facts, ...accounts], column), stacked([keys, ...others], column), places)
    : stacked([facts, keys, ...accounts, ...others], column);
  return [...body, ...advice(view).flatMap((text) => ['', ...wrapWords(text, style.places).split('\n')])];
}

function overview(view: StatusView, { places, glyphs, paint }: GaugeStyle, seen: SeenBefore | null): readonly Fact[] {
  const { store, now, today, hours, accounts, keys, lastReset } = view;
  const label = 'By hour:'.length + 1;
  const busiest = hours.reduce((most, hour) => (hour.requests > most.requests ? hour : most), { at: 0, requests: 0 });
  const byHour = sparkline(
    hours.map(({ requests }) => requests),
    glyphs,
  );
  const peak = `most at ${clock(busiest.at)}: ${grouped(busiest.requests)}`;
  return [
    { label: 'Store', value: store },
    serverFact(view, paint),
    { label: 'Now', value: nowText(view, seen, places - label, glyphs) },
    { label: 'Today', value: `${grouped(today.requests)} admitted, ${grouped(today.credits)} credits`, paint: paint.bold },
    ...(busiest.requests === 0
      ? []
      : [{ label: 'By hour', value: widthOf(byHour) + widthOf(peak) + 2 <= places - label ? `${byHour}  ${peak}` : byHour }]),
    { label: 'Denied', value: deniedText(today.denied), ...(Object.keys(today.denied).length === 0 ? {} : { paint: paint.red }) },
    { label: 'Keys', value: `${keyCounts(keys)}, of ${grouped(accounts)} ${accounts === 1 ? 'account' : 'accounts'}` },
    {
      label: 'Reset',
      value: `in ${duration(nextReset(now) - now)}, at 00:00 UTC; keyctl reset ${lastReset === null ? 'never ran' : `ran ${relative(lastReset.at, now)}`}`,
      ...(isLate(view) ? { paint: paint.yellow } : {}),
    },
    ...alertsFact(view, paint),
  ];
}

function nowText({ pace }: StatusView, seen: SeenBefore | null, places: number, style: Glyphs): string {
  const denied = seen?.deniedPerSecond ?? null;
  const text = `${grouped(pace.requestsPerSecond)} requests/s${denied === null ? '' : `, ${grouped(denied)} denied/s`}`;
  const room = places - widthOf(text) - 2;
  const past = seen === null || room < LEAST_PAST ? [] : seen.rates.slice(-Math.min(room, MOST_PAST));
  return past.some((rate) => rate > 0) ? `${text}  ${sparkline(past, style)}` : text;
}

/** The newest of those that run, and how many more there are; else the last that went without a word. */
function serverFact({ servers, now }: StatusView, paint: Paint): Fact {
  const running = servers.filter((server) => server.running);
  const [shown, label] = [(running.length > 0 ? running : servers).at(-1), 'Server'];
  if (shown === undefined) return { label, value: 'none runs', paint: paint.yellow };
  const who = `${shown.address} (pid ${String(shown.pid)} on ${shown.host})`;
  if (!shown.running) return { label, value: `none runs; ${who} was last heard of ${relative(shown.seenAt, now)}`, paint: paint.red };
  const others = running.length === 1 ? '' : `, and ${String(running.length - 1)} more`;
  return { label, value: `${who}, for ${duration(now - shown.startedAt)}${others}` };
}

/** Who wants to be told learns here that nobody is. */
function alertsFact({ alerts, now }: StatusView, paint: Paint): readonly Fact[] {
  if (alerts === null) return [];
  const { on, waiting, givenUp, oldestAt, lastResult, failing } = alerts;
  const texts = [
    ...(on ? [] : ['switched off']),
    ...(waiting === 0 || oldestAt === null ? [] : [`${grouped(waiting)} waiting, the oldest for ${duration(now - oldestAt)}`]),
    ...(lastResult === null ? [] : [`last answer: ${lastResult}`]),
    ...(givenUp === 0 ? [] : [`${grouped(givenUp)} given up (keyctl alert retry)`]),
  ];
  const value = texts.length === 0 ? 'all delivered' : texts.join('; ');
  return [{ label: 'Alerts', value, ...(failing ? { paint: paint.red } : lastResult === null ? {} : { paint: paint.yellow }) }];
}

/** How many, and the commonest reason. */
function deniedText(denied: StatusView['today']['denied']): string {
  const [most, ...others] = Object.entries(denied).toSorted(([, one], [, other]) => other - one);
  if (most === undefined) return 'none';
  const all = others.reduce((sum, [, count]) => sum + count, most[1]);
  return `${grouped(all)}, ${others.length === 0 ? 'all' : `${grouped(most[1])} of them`} ${most[0]}`;
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

function keysPanel({ pace }: StatusView, many: number, style: GaugeStyle): Panel {
  const most = Math.max(0, ...pace.keys.map(({ requestsPerSecond }) => requestsPerSecond));
  const gauges = pace.keys.slice(0, many).map(({ account, keyName, requestsPerSecond: rate }): Gauge => ({
    ...{
      name: keyName === null ? account : `${account}/${keyName}`,
      part: rate,
      whole: most,
      amount: `${rate.toFixed(1)}/s`,
      tone: 'calm',
    },
  }));
  return { title: 'Hottest keys now', lines: drawGauges(gauges, style) };
}

function deniedPanel({ today: { denied } }: StatusView, style: GaugeStyle): Panel {
  const most = Math.max(0, ...Object.values(denied));
  const gauges = Object.entries(denied)
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, count]): Gauge => ({ name: code, part: count, whole: most, amount: grouped(count), tone: 'bad' }));
  return { title: 'Denied today', lines: drawGauges(gauges, style) };
}

function expiringPanel({ expiring: { count, keys }, now }: StatusView, { places, glyphs, paint }: GaugeStyle): Panel {
  const when = keys.map((key) => relative(key.expiresAt, now));
  const room = places - 4 - Math.max(0, ...when.map((text) => text.length));
  const name = Math.max(1, Math.min(room, LONGEST_NAME, Math.max(0, ...keys.map((key) => widthOf(fullName(key))))));
  const lines = keys.map((key, place) => `  ${fitText(fullName(key), name, glyphs.cut)}  ${paint.yellow(when[place])}`);
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
  return ['Run keyctl reset once a day or more often (keyctl schedule prints what does): it closes past days and prunes old debits.'];
}

/** `17:40`, UTC. */
function clock(at: Instant): string {
  return formatInstant(at).slice(11, 16);
}
