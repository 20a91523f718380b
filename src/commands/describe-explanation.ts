import type { ExplainedCheck } from '../domain/explain.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';
import { VERDICT_STATUS } from '../domain/verdict.ts';
import type { Explanation } from '../operations/explain-key.ts';
import { wrapWords } from '../terminal/fit.ts';
import type { GaugeStyle } from '../terminal/gauges.ts';
import { duration } from '../terminal/style.ts';

/** What was asked for beside the key, for the first sentence. */
export interface AskedAbout {
  readonly ip: string | null;
  readonly environment: string | null;
  /** Whether it is about this moment. */
  readonly now: boolean;
}

/** The width of the longest code and what stands before it. */
const MARGIN = 27;

/**
 * An explanation as a person gives it: yes or no, why and what would help; what else stands in the way; then every check in its order, and
 * when the credits come back. Commands are not broken over lines, so that they can be copied.
 */
export function describeExplanation(explanation: Explanation, asked: AskedAbout, style: GaugeStyle): string {
  const { paint, places: columns } = style;
  const { verdict, checks, at, resetsAt } = explanation;
  const failed = checks.filter(({ passes }) => passes === false);
  const says =
    verdict === 'ok'
      ? `${paint.green('Yes')}: ${wrapWords(`${sentence(explanation, asked)} would pass.`, columns - 5)}`
      : `${paint.red('No')}: ${wrapWords(`${sentence(explanation, asked)} would be denied: ${verdict} (${String(VERDICT_STATUS[verdict])}).`, columns - 4)}`;
  const reset = `Credits come back at ${minute(resetsAt)} UTC, in ${duration(resetsAt - at)}${asked.now ? '' : ' from then'}.`;
  return [
    says,
    ...failed.flatMap((check, place) => reasons(check, place, style)),
    '',
    'Every check, in its order:',
    ...checks.map((check) => line(check, verdict, style)),
    '',
    wrapWords(reset, columns),
  ].join('\n');
}

function sentence({ account, keyName, service, at }: Explanation, { ip, environment, now }: AskedAbout): string {
  const from = ip === null ? '' : ` from ${ip}`;
  const insisting = environment === null ? '' : ` where ${environment} is insisted on`;
  const when = now ? `now (${second(at)} UTC)` : `at ${second(at)} UTC`;
  return `a request with ${account}/${keyName} for ${service ?? 'an unknown service'}${from}${insisting} ${when}`;
}

/** The first that fails decides; whoever mends it wants to know beforehand what would come then. */
function reasons(
  { code, detail, remedy }: ExplainedCheck,
  place: number,
  { paint, glyphs, places: columns }: GaugeStyle,
): readonly string[] {
  const told = place === 0 ? wrapWords(detail, columns) : wrapWords(`Then it would be denied with ${code}: ${detail}`, columns);
  return ['', told, ...(remedy === null || remedy === '' ? [] : [`${paint.bold(glyphs.arrow)} ${remedy}`])];
}

function line({ code, passes, detail }: ExplainedCheck, verdict: string, { paint, glyphs, places: columns }: GaugeStyle): string {
  const mark = passes === null ? paint.dim('-') : passes ? paint.green(glyphs.passes) : paint.red(glyphs.fails);
  const name = code.padEnd(MARGIN - 4);
  // In a narrow window the detail stands below the code.
  if (columns < 2 * MARGIN) return `  ${mark} ${code}\n${wrapWords(detail, columns - 4).replaceAll(/^/gm, '    ')}`;
  const told = wrapWords(detail, columns - MARGIN).replaceAll('\n', `\n${' '.repeat(MARGIN)}`);
  return `  ${mark} ${code === verdict ? paint.bold(name) : name}${told}`;
}

/** `2026-11-29 00:00` */
function minute(at: Instant): string {
  return formatInstant(at).slice(0, 16).replace('T', ' ');
}

function second(at: Instant): string {
  return formatInstant(at).slice(0, 19).replace('T', ' ');
}
