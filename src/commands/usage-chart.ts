import { DEFAULT_COST } from '../domain/credits.ts';
import { grouped } from '../domain/grouped.ts';
import { dayOf, formatDay, formatInstant, HOURS_PER_DAY, MS_PER_DAY, MS_PER_HOUR, type Instant } from '../domain/utc-day.ts';
import type { UsageReport } from '../operations/report-usage.ts';
import { drawChart, type ChartStyle, type Stretch } from '../terminal/chart.ts';
import { widthOf } from '../terminal/fit.ts';

/** Hours or days as a picture with its legend; no lines for what is none: rows of something else, a single row, no traffic. */
export function usageChart(
  report: Pick<UsageReport, 'from' | 'by' | 'rows' | 'total' | 'allowances'>,
  style: ChartStyle,
): readonly string[] {
  const { by, rows, total } = report;
  const deniedInAll = rows.reduce((sum, row) => sum + count(row.denied), 0);
  if ((by !== 'hour' && by !== 'day') || rows.length < 2 || total.requests + deniedInAll === 0) return [];
  // Where nothing costs anything there are no credits to draw.
  const inCredits = total.credits > 0 || total.requests === 0;
  const price = total.credits > 0 ? total.credits / total.requests : DEFAULT_COST;
  const unit = by === 'hour' ? MS_PER_HOUR : MS_PER_DAY;
  const stretches = rows.map(({ requests, credits, denied }, place): Stretch => {
    const at = report.from + place * unit;
    const allowance = report.allowances.get(dayOf(at));
    return {
      ...labels(at, by),
      admitted: inCredits ? credits : requests,
      denied: count(denied) * (inCredits ? price : 1),
      line: allowance === undefined || !inCredits ? null : by === 'hour' ? allowance / HOURS_PER_DAY : allowance,
    };
  });
  const { lines, perBar, hasLine } = drawChart(stretches, style);
  const { glyphs, paint } = style;
  const legend = [
    `${paint.green(glyphs.full)} ${inCredits ? 'credits spent' : 'requests admitted'}`,
    ...(deniedInAll === 0 ? [] : [`${paint.red(glyphs.denied)} denied${inCredits ? `, at ${grouped(Math.round(price))} a request` : ''}`]),
    ...(hasLine ? [`${paint.yellow(glyphs.line)} allowance${by === 'hour' ? ' / 24' : ''}`] : []),
    ...(perBar === 1 ? [] : [`${String(perBar)} ${by}s a bar`]),
  ];
  const text = `       ${legend.join('   ')}`;
  return [...lines, ...(widthOf(text) <= style.places ? [text] : legend)];
}

function count(denied: Readonly<Record<string, number>>): number {
  return Object.values(denied).reduce((sum, number) => sum + number, 0);
}

/** `08` of `2026-11-28`, or `28` of `2026-11`. */
function labels(at: Instant, by: 'hour' | 'day'): { readonly label: string; readonly group: string } {
  const day = formatDay(dayOf(at));
  return by === 'hour' ? { label: formatInstant(at).slice(11, 13), group: day } : { label: day.slice(8), group: day.slice(0, 7) };
}
