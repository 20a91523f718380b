import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { usageError } from '../domain/error.ts';
import { formatInstant, parseInstant, type Instant } from '../domain/utc-day.ts';
import { explainKey, type Explanation } from '../operations/explain-key.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';
import type { Paint } from '../terminal/style.ts';
import { readAddress } from './address.ts';
import { option, type CommandModule } from './call.ts';
import { KEY_ARGUMENT, readKeyOrChoose } from './key-argument.ts';
import { lazyStore } from './lazy-store.ts';

const FIELDS = ['key', 'keyName', 'account', 'service', 'at', 'resetsAt', 'verdict', 'checks'];
/** `--at "$(date -u +%FT%TZ)"` is now, though the second it names has begun already. */
const STILL_NOW_MS = 60_000;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('[key]', KEY_ARGUMENT)
      .option('--service <service>', 'the service that is asked for', DEFAULT_SERVICE)
      .option('--at <time>', 'a later time, such as 2027-01-31T18:00:00Z; without it now')
      .option('--env <environment>', 'insist on this environment')
      .option('--ip <address>', "the client's address, for keys that are bound to ranges"),

  run: async (call, args, options) => {
    const { out, context } = call;
    out.checkFields(FIELDS);
    const wanted = {
      service: option(options, 'service') ?? DEFAULT_SERVICE,
      environment: option(options, 'env') ?? null,
      ip: readAddress(option(options, 'ip')),
      at: readTime(option(options, 'at'), context.clock()),
    };
    const store = lazyStore(call, 'read');
    const reference = await readKeyOrChoose(call, store, args[0], 'Which key?');
    show(out, await explainKey(await store(), { ...wanted, reference }));
    return undefined;
  },
};

/** Null for now. What a key, a tier or a service was in the past is not kept, so that nobody could say what held then. */
function readTime(text: string | undefined, now: Instant): Instant | null {
  if (text === undefined) return null;
  const at = parseInstant(text);
  if (at === null) throw usageError('--at cannot be read.', 'Write a time such as 2027-01-31T18:00:00Z, or a date for its 00:00 UTC.');
  if (at < now - STILL_NOW_MS) {
    throw usageError('--at lies in the past; explain looks at now and later.', 'Past denials: keyctl denials --key <key>');
  }
  return at <= now ? null : at;
}

function show(out: Output, explanation: Explanation): void {
  const { keyId, keyName, account, service, at, resetsAt, verdict, checks } = explanation;
  if (out.json) {
    const times = { at: formatInstant(at), resetsAt: formatInstant(resetsAt) };
    out.show({ key: keyId, keyName, account, service, ...times, verdict, checks }, () => '', FIELDS);
  } else if (out.isTerminal) {
    out.data(describe(explanation, painter(out.color)));
  } else {
    for (const { code, passes, detail, remedy } of checks) out.data([code, resultOf(passes), detail, remedy ?? ''].join('\t'));
  }
}

function resultOf(passes: boolean | null): string {
  return passes === null ? 'unknown' : passes ? 'pass' : 'fail';
}

function describe({ keyName, account, service, at, resetsAt, verdict, checks }: Explanation, paint: Paint): string {
  const asked = `${account}/${keyName} for ${service ?? 'an unknown service'} at ${formatInstant(at)}`;
  const answer = verdict === 'ok' ? paint.green('would pass') : `${paint.red('would be denied')}: ${verdict}`;
  const lines = checks.flatMap(({ code, passes, detail, remedy }) => {
    const mark = passes === null ? paint.dim('-') : passes ? paint.green('✓') : paint.red('✗');
    const first = code === verdict ? paint.bold(' (this one decides)') : '';
    const told = `${mark} ${code}${first}\n    ${paint.dim(detail)}`;
    return remedy === null ? [told] : [told, `    → ${remedy}`];
  });
  return [`${paint.bold(asked)} ${answer}`, ...lines, `Credits come back at ${formatInstant(resetsAt)}.`].join('\n');
}
