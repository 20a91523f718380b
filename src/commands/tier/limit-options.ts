import type { Command } from 'commander';
import { usageError } from '../../domain/error.ts';
import { MAX_BURST, MAX_REQUESTS_PER_SECOND } from '../../domain/rate-limit.ts';
import { EVERY_SERVICE, type LimitEdit } from '../../operations/apply-limits.ts';
import { collect, list, option, wholeNumber } from '../call.ts';

/** Declares --rate, --burst and --limit. */
export function configureLimits(cli: Command): Command {
  return cli
    .option('--rate <n/s>', 'requests per second for each service without a limit of its own, such as 10/s; none for no limit')
    .option('--burst <n>', 'how many of them may come at once (as many as the rate unless said)')
    .option(
      '--limit <service=n/s[:burst]>',
      'the limit of one service, such as search=20/s:40, or search=none; repeat it for more',
      collect,
    );
}

/** The limits that the options name. Throws `usage`; the text itself is not repeated. */
export function readLimits(options: Readonly<Record<string, unknown>>): readonly LimitEdit[] {
  const edits = [...readDefault(option(options, 'rate'), option(options, 'burst')), ...(list(options, 'limit') ?? []).map(readLimit)];
  const services = new Set(edits.map((edit) => edit.service));
  if (services.size < edits.length)
    throw usageError('A service has two limits.', `Name each once; --rate and --burst are the one of ${EVERY_SERVICE}.`);
  return edits;
}

function readDefault(rate: string | undefined, burst: string | undefined): readonly LimitEdit[] {
  if (rate === undefined && burst === undefined) return [];
  if (rate === 'none') {
    if (burst !== undefined) throw usageError('--burst needs a rate.', 'Leave it out with --rate none.');
    return [{ service: EVERY_SERVICE, rate, burst: null }];
  }
  return [
    {
      service: EVERY_SERVICE,
      rate: rate === undefined ? 'kept' : readRate('--rate', rate),
      burst: burst === undefined ? null : wholeNumber('--burst', burst, 1, MAX_BURST),
    },
  ];
}

/** `search=20/s:40`, whose burst is the rate unless it is there, or `search=none`. */
function readLimit(text: string): LimitEdit {
  const equals = text.lastIndexOf('=');
  const service = text.slice(0, Math.max(0, equals));
  const limit = text.slice(equals + 1);
  if (service === '') throw usageError('--limit cannot be read.', 'Write search=20/s, search=20/s:40 or search=none.');
  if (limit === 'none') return { service, rate: 'none', burst: null };
  const [rateText = '', burstText, ...rest] = limit.split(':');
  if (rest.length > 0) throw usageError('--limit cannot be read.', 'Write search=20/s, search=20/s:40 or search=none.');
  const rate = readRate('--limit', rateText);
  return { service, rate, burst: burstText === undefined ? rate : wholeNumber("--limit's burst", burstText, 1, MAX_BURST) };
}

/** `10/s`. Throws `usage`, and names the flag. */
export function readRate(name: string, text: string): number {
  const rate = /^(\d{1,7})\/s$/.exec(text)?.[1];
  const number = rate === undefined ? Number.NaN : Number(rate);
  if (number >= 1 && number <= MAX_REQUESTS_PER_SECOND) return number;
  throw usageError(`${name} must be from 1/s to ${String(MAX_REQUESTS_PER_SECOND)}/s.`, 'Write 10/s: whole requests per second.');
}
