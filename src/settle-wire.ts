import type { RequestIdRule } from './domain/debit.ts';
import type { Request, Subject } from './domain/decide.ts';
import { VERDICT_MESSAGE, VERDICT_STATUS, type Verdict, type VerdictCode } from './domain/verdict.ts';

// How a batch crosses between the threads: one text and one array of numbers. The structured clone of the objects themselves
// took about as long as settling them. Both ends are this program, of one build.

const END = '\n';

/** No text in a request or a verdict has a line end: they are names, ids, digests, addresses and visible ASCII. */
function line(text: string | null): string {
  if (text === null) return END;
  if (text.includes(END)) throw new RangeError('a line end inside a field');
  return text + END;
}

const REQUEST_LINES = 8;

/**
 * The requests of a batch as a text of eight lines each. An empty line is null, save for the service.
 * SECURITY: an empty environment is a demand that no key meets, and none at all admits every key; so its line tells them apart.
 */
export function packRequests(requests: readonly Request[]): string {
  let text = '';
  for (const { subject, service, environment, cost, ip, requestId, requestIdRule, dryRun, fromShell } of requests) {
    text +=
      subjectLine(subject) +
      line(service) +
      line(environment === null ? null : `=${environment}`) +
      line(cost === null ? null : String(cost)) +
      line(ip);
    text += line(requestId) + requestIdRule + END + (dryRun ? 'dry' : '') + (fromShell ? 'shell' : '') + END;
  }
  return text;
}

export function unpackRequests(text: string): Request[] {
  const lines = text.split(END);
  const requests: Request[] = [];
  for (let place = 0; place + REQUEST_LINES < lines.length; place += REQUEST_LINES) {
    const cost = orNull(lines[place + 3]);
    const flags = lines[place + 7] ?? '';
    requests.push({
      subject: subjectIn(lines[place] ?? ''),
      service: lines[place + 1] ?? '',
      environment: orNull(lines[place + 2])?.slice(1) ?? null,
      cost: cost === null ? null : Number(cost),
      ip: orNull(lines[place + 4]),
      requestId: orNull(lines[place + 5]),
      requestIdRule: lines[place + 6] as RequestIdRule,
      dryRun: flags.startsWith('dry'),
      fromShell: flags.endsWith('shell'),
    });
  }
  return requests;
}

function subjectLine(subject: Subject): string {
  switch (subject.kind) {
    case 'digest':
      return `d${subject.digest}${END}`;
    case 'key':
    case 'account':
      return `${subject.kind === 'key' ? 'k' : 'a'}${String(subject.ref)}${END}`;
    case 'missing':
      return `-${END}`;
    case 'malformed':
      return `?${END}`;
  }
}

function subjectIn(text: string): Subject {
  const rest = text.slice(1);
  switch (text.charAt(0)) {
    case 'd':
      return { kind: 'digest', digest: rest };
    case 'k':
      return { kind: 'key', ref: Number(rest) };
    case 'a':
      return { kind: 'account', ref: Number(rest) };
    case '-':
      return { kind: 'missing' };
    default:
      return { kind: 'malformed' };
  }
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** The verdicts of a batch: nine lines of text and eleven numbers each. */
export interface PackedVerdicts {
  readonly text: string;
  readonly numbers: Float64Array;
}

const VERDICT_LINES = 9;
const VERDICT_NUMBERS = 11;
/** Null, among the numbers: none of them is ever negative. */
const NONE = -1;

export function packVerdicts(verdicts: readonly Verdict[]): PackedVerdicts {
  const numbers = new Float64Array(verdicts.length * VERDICT_NUMBERS).fill(NONE);
  let text = '';
  let place = 0;
  for (const verdict of verdicts) {
    const { keyId, keyName, account, environment, tier, service, debitId, requestId, cost, credits, rate, retryAfter } = verdict;
    text += verdict.code + END + line(keyId) + line(keyName) + line(account) + line(environment);
    text += line(tier) + line(service) + line(debitId) + line(requestId);
    if (cost !== null) numbers[place] = cost;
    if (credits !== null) {
      numbers[place + 1] = credits.limit;
      numbers[place + 2] = credits.remaining;
      numbers[place + 3] = credits.resetsAt;
      numbers[place + 4] = credits.limitedBy === 'key' ? 1 : 0;
    }
    if (rate !== null) {
      numbers[place + 5] = rate.limit;
      numbers[place + 6] = rate.burst;
      numbers[place + 7] = rate.remaining;
      numbers[place + 8] = rate.resetsAt;
    }
    if (retryAfter !== null) numbers[place + 9] = retryAfter;
    numbers[place + 10] = verdict.replayed ? 1 : 0;
    place += VERDICT_NUMBERS;
  }
  return { text, numbers };
}

export function unpackVerdicts({ text, numbers }: PackedVerdicts): Verdict[] {
  const lines = text.split(END);
  const verdicts: Verdict[] = [];
  for (let first = 0, place = 0; place < numbers.length; first += VERDICT_LINES, place += VERDICT_NUMBERS) {
    const code = lines[first] as VerdictCode;
    verdicts.push({
      valid: code === 'ok',
      code,
      status: VERDICT_STATUS[code],
      message: VERDICT_MESSAGE[code],
      keyId: orNull(lines[first + 1]),
      keyName: orNull(lines[first + 2]),
      account: orNull(lines[first + 3]),
      environment: orNull(lines[first + 4]),
      tier: orNull(lines[first + 5]),
      service: orNull(lines[first + 6]),
      cost: numberAt(numbers, place),
      credits: creditsAt(numbers, place + 1),
      rate: rateAt(numbers, place + 5),
      retryAfter: numberAt(numbers, place + 9),
      debitId: orNull(lines[first + 7]),
      requestId: orNull(lines[first + 8]),
      replayed: numbers[place + 10] === 1,
    });
  }
  return verdicts;
}

function numberAt(numbers: Float64Array, place: number): number | null {
  const value = numbers[place] ?? NONE;
  return value === NONE ? null : value;
}

function creditsAt(numbers: Float64Array, place: number): Verdict['credits'] {
  const limit = numberAt(numbers, place);
  if (limit === null) return null;
  const limitedBy = numbers[place + 3] === 1 ? 'key' : 'account';
  return { limit, remaining: numbers[place + 1] ?? 0, resetsAt: numbers[place + 2] ?? 0, limitedBy };
}

function rateAt(numbers: Float64Array, place: number): Verdict['rate'] {
  const limit = numberAt(numbers, place);
  if (limit === null) return null;
  return { limit, burst: numbers[place + 1] ?? 0, remaining: numbers[place + 2] ?? 0, resetsAt: numbers[place + 3] ?? 0 };
}
