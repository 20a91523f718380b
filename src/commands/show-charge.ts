import { grouped } from '../domain/grouped.ts';
import { formatInstant } from '../domain/utc-day.ts';
import { CHARGE_FIELDS, chargeJson, type ChargeReport } from '../operations/charge-report.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';
import { facts } from '../terminal/style.ts';
import { EXIT } from './exit-codes.ts';

/** Shows what became, or would become, of a number of requests. */
export function showCharge(out: Output, report: ChargeReport): void {
  out.show(chargeJson(report), () => describe(out, report), CHARGE_FIELDS);
}

/** 5 when a request was denied. */
export function chargeExit({ denied }: ChargeReport): number {
  return Object.keys(denied).length > 0 ? EXIT.denied : EXIT.done;
}

function describe(out: Output, report: ChargeReport): string {
  const paint = painter(out.color);
  const { account, tier, requests, accepted, denied, cost, remaining, exhaustedAt, endsAt, dryRun } = report;
  const denials = Object.entries(denied).map(([code, count]) => `${grouped(count)} ${code}`);
  const lines: (readonly [string, string])[] = [
    ['Account', account === null ? `a new one on ${tier}` : `${account} (${tier})`],
    [dryRun ? 'Would pass' : 'Charged', `${grouped(accepted)} of ${grouped(requests)} requests, ${grouped(cost)} credits`],
    [dryRun ? 'Would be denied' : 'Denied', denials.length === 0 ? 'none' : paint.red(denials.join(', '))],
    ['Remaining', `${grouped(remaining)} credits`],
  ];
  if (exhaustedAt !== null) lines.push(['Exhausted at', formatInstant(exhaustedAt)]);
  if (dryRun) lines.push(['Last request at', formatInstant(endsAt)]);
  return facts(lines, paint, out.places);
}
