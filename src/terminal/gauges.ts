import { bar } from './bars.ts';
import { fitText, GAP, padText, widthOf } from './fit.ts';
import type { Glyphs } from './glyphs.ts';
import type { Paint } from './style.ts';

/** How much of something is used, or how often something happened beside others. */
export interface Gauge {
  readonly name: string;
  /** Beside the name, where there is room. */
  readonly note?: string;
  readonly part: number;
  readonly whole: number;
  /** The same in numbers. */
  readonly amount: string;
  /** What follows from it, where there is room. */
  readonly remark?: string;
  readonly tone: 'calm' | 'near' | 'bad';
}

export interface GaugeStyle {
  readonly places: number;
  readonly glyphs: Glyphs;
  readonly paint: Paint;
}

const LEAST_BAR = 8;
const WIDEST_BAR = 40;
const LEAST_NAME = 16;
/** A longer name is cut, however much room there is: the others would stand far from their bars. */
export const LONGEST_NAME = 40;
const INDENT = 2;

/** Names, bars and amounts under each other. Where the terminal is narrow, remarks go first, then notes, then the bars; names are cut last. */
export function drawGauges(gauges: readonly Gauge[], style: GaugeStyle): readonly string[] {
  const widest = (text: (gauge: Gauge) => string): number => Math.max(0, ...gauges.map((gauge) => widthOf(text(gauge))));
  const wanted = {
    name: Math.min(
      LONGEST_NAME,
      widest(({ name }) => name),
    ),
    note: widest(({ note = '' }) => note),
    amount: widest(({ amount }) => amount),
    remark: widest(({ remark = '' }) => remark),
  };
  const widths = { ...wanted, bar: LEAST_BAR };
  const left = (): number =>
    style.places - INDENT - Object.values(widths).reduce((sum, width) => sum + (width === 0 ? 0 : width + GAP), -GAP);
  for (const column of ['remark', 'note', 'bar'] as const) {
    const shortest = Math.min(widths.name, LEAST_NAME);
    if (left() < 0 && left() + widths.name - shortest < 0) widths[column] = 0;
  }
  widths.name = Math.max(1, widths.name + Math.min(0, left()));
  if (widths.bar > 0) widths.bar = Math.min(WIDEST_BAR, widths.bar + Math.max(0, left()));
  return gauges.map((gauge) => drawGauge(gauge, widths, style));
}

type Widths = Readonly<Record<'name' | 'note' | 'amount' | 'remark' | 'bar', number>>;

function drawGauge(
  { name, note = '', part, whole, amount, remark = '', tone }: Gauge,
  widths: Widths,
  { glyphs, paint }: GaugeStyle,
): string {
  const color = { calm: paint.green, near: paint.yellow, bad: paint.red }[tone];
  const parts = [
    [widths.name, fitText(name, widths.name, glyphs.cut)],
    [widths.note, paint.dim(padText(note, widths.note))],
    [widths.bar, color(bar(part, whole, widths.bar, glyphs))],
    [widths.amount, tone === 'calm' ? padText(amount, widths.amount, 'right') : color(padText(amount, widths.amount, 'right'))],
    [widths.remark, tone === 'calm' ? remark : color(remark)],
  ] as const;
  const shown = parts.filter(([width]) => width > 0).map(([, text]) => text);
  return `${' '.repeat(INDENT)}${shown.join(' '.repeat(GAP))}`.trimEnd();
}
