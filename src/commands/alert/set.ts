import { usageError } from '../../domain/error.ts';
import { formatLength, parseDuration } from '../../domain/utc-day.ts';
import { shownWebhookUrl } from '../../domain/webhook-url.ts';
import { WEBHOOK_FIELDS, webhookJson } from '../../operations/describe-webhook.ts';
import { setWebhook, type SetWebhook, type WebhookSet } from '../../operations/set-webhook.ts';
import { glyphs, shownMask, type Marks } from '../../terminal/glyphs.ts';
import { flag, option, type Call, type CommandModule } from '../call.ts';
import { delivering } from '../deliver-secret.ts';

/** The fields of the webhook, and its secret, which is shown when it is made and never again. */
const FIELDS = [...WEBHOOK_FIELDS, 'secret'] as const;
const MOST_THRESHOLDS = 10;

type Options = Readonly<Record<string, unknown>>;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('[url]', 'where messages go: https, or http on this host')
      .option('--thresholds <percents>', "tell of these percents of a day's credits, or none (default 75,90,100)")
      .option('--expiring <length>', 'tell of keys that end within this time, or never (default 14d)')
      .option('--allow-http', 'http beyond this host, which everybody on the way can read')
      .option('--new-secret', 'make another secret; the one before signs as well for 24 hours')
      .option('--out <file>', 'write the secret to a new file with mode 0600 instead of stdout')
      .option('--on', 'switch it on again')
      .option('--off', 'switch it off: nothing is noticed and nothing is sent')
      .addHelpText('after', '\nWhat is left out stays as it is; with nothing at all it shows what is set.'),

  run: async (call, [url], options) => {
    call.out.checkFields(FIELDS);
    const wanted = readWanted(typeof url === 'string' ? url : undefined, options);
    const file = option(options, 'out');
    const store = await call.openStore('write');
    const set = await delivering(
      file,
      (deliver) => setWebhook(store, wanted, call.actor, call.context.randomBytes, deliver),
      'nothing was changed',
    );
    show(call, set, file);
    return undefined;
  },
};

function readWanted(url: string | undefined, options: Options): SetWebhook {
  if (flag(options, 'on') && flag(options, 'off')) throw usageError('--on and --off exclude each other.');
  const [thresholds, expiring] = [option(options, 'thresholds'), option(options, 'expiring')];
  return {
    ...(url === undefined ? {} : { url }),
    ...(thresholds === undefined ? {} : { thresholds: readThresholds(thresholds) }),
    ...(expiring === undefined ? {} : { expiryMs: readExpiring(expiring) }),
    ...(flag(options, 'on') || flag(options, 'off') ? { on: flag(options, 'on') } : {}),
    ...{ allowHttp: flag(options, 'allowHttp'), newSecret: flag(options, 'newSecret') },
  };
}

function readThresholds(text: string): readonly number[] {
  if (text === 'none') return [];
  const words = text.split(',').map((word) => word.trim());
  const percents = [...new Set(words.map((word) => (/^\d{1,3}$/.test(word) ? Number(word) : Number.NaN)))].sort(
    (one, other) => one - other,
  );
  if (percents.length <= MOST_THRESHOLDS && percents.every((percent) => percent >= 1 && percent <= 100)) return percents;
  throw usageError(
    '--thresholds cannot be read.',
    `Write up to ${String(MOST_THRESHOLDS)} whole percents from 1 to 100, such as 75,90,100, or none.`,
  );
}

function readExpiring(text: string): number | null {
  if (text === 'never') return null;
  const length = parseDuration(text);
  if (length !== null && length > 0) return length;
  throw usageError('--expiring cannot be read.', 'Write a length of time such as 14d, or never.');
}

/** The secret stands alone on stdout, so that `SECRET=$(keyctl alert set …)` works. */
function show(call: Call, { webhook, now, changed, secret }: WebhookSet, file: string | undefined): void {
  const { out } = call;
  const described = describe(webhookWords(webhook, glyphs(out.unicode)), webhook.since !== null);
  if (out.json) {
    out.show({ ...webhookJson(webhook, now), ...(secret === null || file !== undefined ? {} : { secret }) }, () => '', FIELDS);
  } else if (secret === null) {
    out.data(changed ? described : `Nothing was changed. ${described}`);
  } else if (file === undefined) {
    out.note(`${described} This is the secret that its messages are signed with; it is not shown again:`);
    out.data(secret);
  } else {
    out.note(`${described} The secret that its messages are signed with is in ${file} (mode 0600).`);
  }
  if (secret !== null && !out.json) out.note('Give it to the receiver, then try: keyctl alert test');
}

interface Words {
  readonly url: string;
  readonly thresholds: string;
  readonly expiring: string;
}

function webhookWords({ url, thresholds, expiryMs }: WebhookSet['webhook'], marks: Marks): Words {
  return {
    url: shownMask(shownWebhookUrl(url), marks),
    thresholds: thresholds.length === 0 ? 'no threshold' : `${thresholds.join(', ')} % of a day's credits`,
    expiring: expiryMs === null ? 'no key that ends' : `keys that end within ${formatLength(expiryMs)}`,
  };
}

function describe({ url, thresholds, expiring }: Words, on: boolean): string {
  return on ? `${url} is told of ${thresholds} and of ${expiring}.` : `${url} is told of nothing: alerts are switched off.`;
}
