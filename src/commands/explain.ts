import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { usageError } from '../domain/error.ts';
import { formatInstant, parseInstant, type Instant } from '../domain/utc-day.ts';
import { explainKey, type Explanation } from '../operations/explain-key.ts';
import { glyphs } from '../terminal/glyphs.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';
import { readAddress } from './address.ts';
import { option, type CommandModule } from './call.ts';
import { describeExplanation, type AskedAbout } from './describe-explanation.ts';
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
    const explanation = await explainKey(await store(), { ...wanted, reference });
    show(out, explanation, { ip: wanted.ip, environment: wanted.environment, now: wanted.at === null });
    return undefined;
  },
};

/** Null for now. What a key, a tier or a service was in the past is not kept, so that nobody could say what held then. */
function readTime(text: string | undefined, now: Instant): Instant | null {
  if (text === undefined) return null;
  const at = parseInstant(text);
  if (at === null) throw usageError('--at cannot be read.', 'Write a time such as 2027-01-31T18:00:00Z, or a date for its 00:00 UTC.');
  if (at < now - STILL_NOW_MS) {
    const around = `--since ${formatInstant(at - STILL_NOW_MS)} --until ${formatInstant(at + STILL_NOW_MS)}`;
    const hint = `What was denied then: keyctl denials --key <key> ${around}. What was changed: keyctl audit --target <key>`;
    throw usageError('--at lies in the past; explain looks at now and later.', hint);
  }
  return at <= now ? null : at;
}

function show(out: Output, explanation: Explanation, asked: AskedAbout): void {
  const { keyId, keyName, account, service, at, resetsAt, verdict, checks } = explanation;
  if (out.json) {
    const times = { at: formatInstant(at), resetsAt: formatInstant(resetsAt) };
    out.show({ key: keyId, keyName, account, service, ...times, verdict, checks }, () => '', FIELDS);
  } else if (out.isTerminal) {
    out.data(describeExplanation(explanation, asked, { places: out.columns, glyphs: glyphs(out.unicode), paint: painter(out.color) }));
  } else {
    for (const { code, passes, detail, remedy } of checks) out.data([code, resultOf(passes), detail, remedy ?? ''].join('\t'));
  }
}

function resultOf(passes: boolean | null): string {
  return passes === null ? 'unknown' : passes ? 'pass' : 'fail';
}
