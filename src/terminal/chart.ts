import { compact } from './bars.ts';
import type { Glyphs } from './glyphs.ts';
import type { Paint } from './style.ts';

/** One stretch of time. All amounts are in one unit. */
export interface Stretch {
  /** Written under it where there is room: an hour, say. */
  readonly label: string;
  /** Written under that where it begins: the day of the hour. */
  readonly group: string;
  readonly admitted: number;
  readonly denied: number;
  /** How high the line is there, or null for none. */
  readonly line: number | null;
}

export interface ChartStyle {
  /** The whole width, axis included. */
  readonly places: number;
  /** How many lines the bars have. */
  readonly height: number;
  readonly glyphs: Glyphs;
  readonly paint: Paint;
}

export interface DrawnChart {
  readonly lines: readonly string[];
  /** How many stretches share a bar, since there was no room for all of them. */
  readonly perBar: number;
  /** Whether the line is in it: one far above every bar is not, or they would all lie on the ground. */
  readonly hasLine: boolean;
}

const AXIS_PLACES = 7;
const WIDEST_BAR = 6;
/** How many times the highest bar the line may be. */
const FARTHEST_LINE = 4;

/** Bars over time, admitted below denied, with the line across them. */
export function drawChart(stretches: readonly Stretch[], style: ChartStyle): DrawnChart {
  const room = Math.max(8, style.places - AXIS_PLACES);
  const perBar = Math.max(1, Math.ceil(stretches.length / room));
  const all = merged(stretches, perBar);
  const highest = Math.max(0, ...all.map(({ admitted, denied }) => admitted + denied));
  const lines = all.flatMap(({ line }) => line ?? []);
  const hasLine = lines.length > 0 && highest > 0 && Math.max(...lines) <= highest * FARTHEST_LINE;
  const bars = hasLine ? all : all.map((bar) => ({ ...bar, line: null }));
  const top = roundedUp(Math.max(highest, ...(hasLine ? lines : []), 1));
  const width = Math.max(1, Math.min(WIDEST_BAR, Math.floor(room / Math.max(1, bars.length))));
  const rows = Array.from({ length: style.height }, (_, above) => {
    const row = style.height - above;
    return axisLabel(row, top, style) + bars.map((bar) => cell(bar, row, top, width, style)).join('');
  });
  const { corner, ground } = style.glyphs;
  const floor = style.paint.dim(`${'0'.padStart(AXIS_PLACES - 2)} ${corner}${ground.repeat(width * bars.length)}`);
  const times = [evenLabels(bars, width, style), groupLabels(bars, width, style)]
    .filter((text) => text.trim() !== '')
    .map((text) => style.paint.dim(text));
  return { lines: [...rows, floor, ...times].map((line) => line.trimEnd()), perBar, hasLine };
}

function merged(stretches: readonly Stretch[], each: number): readonly Stretch[] {
  const bars: Stretch[] = [];
  for (let from = 0; from < stretches.length; from += each) {
    const some = stretches.slice(from, from + each);
    const sum = (amount: (stretch: Stretch) => number): number => some.reduce((total, stretch) => total + amount(stretch), 0);
    const line = some.some((stretch) => stretch.line === null) ? null : sum((stretch) => stretch.line ?? 0);
    const { label = '', group = '' } = some[0] ?? {};
    bars.push({ label, group, admitted: sum(({ admitted }) => admitted), denied: sum(({ denied }) => denied), line });
  }
  return bars;
}

/** The next number whose half is easily read as well. */
function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find((times) => times * power >= value) ?? 10) * power;
}

function axisLabel(row: number, top: number, { height, glyphs, paint }: ChartStyle): string {
  const labelled = row === height || (height >= 4 && row * 2 === height);
  const text = labelled ? compact((top * row) / height) : '';
  return paint.dim(`${text.padStart(AXIS_PLACES - 2)} ${glyphs.side}`);
}

/** One bar's part of one line of the chart; the first line from below is 1. A gap stands right of bars that are wide enough for it. */
function cell(bar: Stretch, row: number, top: number, width: number, style: ChartStyle): string {
  const { glyphs, paint, height } = style;
  const painted = width === 1 ? 1 : width - 1;
  const isLine = bar.line !== null && row === Math.max(1, rowsOf(bar.line, top, height));
  const behind = (places: number): string => (isLine ? paint.yellow(glyphs.line.repeat(places)) : ' '.repeat(places));
  const { whole, end, denied } = partsOf(bar, top, style);
  if (row <= whole) return paint.green(glyphs.full.repeat(painted)) + behind(width - painted);
  if (row === whole + 1 && end !== '') return paint.green(end.repeat(painted)) + behind(width - painted);
  if (row <= whole + denied) return paint.red(glyphs.denied.repeat(painted)) + behind(width - painted);
  return behind(width);
}

/** In how many lines a bar ends: the last of them is filled to its part. */
function rowsOf(amount: number, top: number, height: number): number {
  return Math.ceil((amount / top) * height - 1e-9);
}

/**
 * Whole lines of what was admitted, the end above them, and lines of what was denied. Those begin with a line of their own, so that no colour
 * is needed to see how high each is, and both are there as soon as there was any.
 */
function partsOf(bar: Stretch, top: number, { height, glyphs }: ChartStyle): { whole: number; end: string; denied: number } {
  if (bar.denied > 0) {
    const least = bar.admitted > 0 ? 2 : 1;
    const rows = Math.min(height, Math.max(least, rowsOf(bar.admitted + bar.denied, top, height)));
    const denied = bar.admitted === 0 ? rows : Math.min(rows - 1, Math.max(1, Math.round((bar.denied / top) * height)));
    return { whole: rows - denied, end: '', denied };
  }
  const levels = glyphs.upward.length + 1;
  const high = Math.ceil((bar.admitted / top) * height * levels - 1e-9);
  return { whole: Math.floor(high / levels), end: glyphs.upward[(high % levels) - 1] ?? '', denied: 0 };
}

/** A label under every bar, or under each second, third … where they would touch. */
function evenLabels(bars: readonly Stretch[], width: number, { places }: ChartStyle): string {
  const step = Math.ceil((Math.max(0, ...bars.map(({ label }) => label.length)) + 1) / width);
  return labelled(bars, width, places, ({ label }, place) => (place % step === 0 ? label : ''));
}

function groupLabels(bars: readonly Stretch[], width: number, { places }: ChartStyle): string {
  return labelled(bars, width, places, ({ group }, place) => (bars[place - 1]?.group === group ? '' : group));
}

/** Each text stands under its bar if the one before left room for it, and the terminal has it. */
function labelled(bars: readonly Stretch[], width: number, places: number, textOf: (bar: Stretch, place: number) => string): string {
  let line = ' '.repeat(AXIS_PLACES);
  for (const [place, bar] of bars.entries()) {
    const text = textOf(bar, place);
    const begins = AXIS_PLACES + place * width;
    const fits = (begins > line.length || place === 0) && begins + text.length <= places;
    if (text !== '' && fits) line = line.padEnd(begins) + text;
  }
  return line;
}
