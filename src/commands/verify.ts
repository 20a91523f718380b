import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { grouped } from '../domain/grouped.ts';
import { formatInstant } from '../domain/utc-day.ts';
import { anonymousVerdict, creditsConsumed, verdictJson, type Verdict } from '../domain/verdict.ts';
import { verifyKey } from '../operations/verify-key.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';
import { facts } from '../terminal/style.ts';
import { readAddress } from './address.ts';
import { flag, option, readSecret, type CommandModule } from './call.ts';
import { EXIT } from './exit-codes.ts';

const VERDICT_FIELDS = Object.keys(verdictJson(anonymousVerdict('invalid_api_key', null)));

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--service <service>', 'the service that is asked for', DEFAULT_SERVICE)
      .option('--env <environment>', 'insist on this environment')
      .option('--ip <address>', "the client's address, for keys that are bound to ranges")
      .option('--charge', 'take the credits, as serve would; without it nothing is written')
      .addHelpText('after', '\nThe API key is read from stdin, or asked for on a terminal; never give it as an argument.'),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(VERDICT_FIELDS);
    const asked = {
      service: option(options, 'service') ?? DEFAULT_SERVICE,
      environment: option(options, 'env') ?? null,
      ip: readAddress(option(options, 'ip')),
      charge: flag(options, 'charge'),
    };
    const apiKey = await readSecret(call);
    const store = await call.openStore(asked.charge ? 'write' : 'read');
    const verdict = await verifyKey(store, { ...asked, apiKey });
    out.show(verdictJson(verdict), () => describe(verdict, out));
    return verdict.valid ? EXIT.done : EXIT.denied;
  },
};

function describe(verdict: Verdict, { color, places }: Pick<Output, 'color' | 'places'>): string {
  const paint = painter(color);
  const { valid, code, message, keyId, keyName, account, environment, tier, service, cost, credits, rate, retryAfter } = verdict;
  const headline = valid ? paint.green('Admitted') : `${paint.red('Denied')}: ${message} (${code})`;
  const consumed = creditsConsumed(verdict);
  const lines: (readonly [string, string | null])[] = [
    ['Key', keyId === null ? null : `${account ?? ''}/${keyName ?? ''} (${keyId})`],
    ['Environment', environment],
    ['Tier', tier],
    ['Service', service === null ? null : `${service}, ${grouped(cost ?? 0)} credits a request`],
    [
      'Credits',
      credits === null
        ? null
        : `${grouped(credits.remaining)} of ${grouped(credits.limit)} left to the ${credits.limitedBy}, back at ${formatInstant(credits.resetsAt)}`,
    ],
    ['Rate', rate === null ? null : `${String(rate.remaining)} of ${String(rate.burst)} at once, ${String(rate.limit)} a second`],
    ['Try again', retryAfter === null ? null : `in ${grouped(retryAfter)} s`],
    ['Charged', consumed > 0 ? `${grouped(consumed)} credits (${verdict.debitId ?? ''})` : 'nothing'],
  ];
  const known = lines.flatMap(([label, value]) => (value === null ? [] : [[label, value] as const]));
  return `${headline}\n${facts(known, paint, places)}`;
}
