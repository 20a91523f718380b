import { usageError } from '../domain/error.ts';
import type { AuditFilter, Store } from '../domain/store.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';
import { actorName } from '../operations/actor-name.ts';
import { AUDIT_FIELDS, auditJson, changeText, type NumberedEntry } from '../operations/describe-audit.ts';
import { auditTargets, followAudit, readAudit, type AuditTarget } from '../operations/read-audit.ts';
import type { Marks } from '../terminal/glyphs.ts';
import { showListing, type Column } from '../terminal/listing.ts';
import { relative, stamp } from '../terminal/style.ts';
import { flag, option, readSecret, wholeNumber, type Call, type CommandModule } from './call.ts';
import { follow } from './follow.ts';
import { readMoment } from './moment.ts';

type Options = Readonly<Record<string, unknown>>;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--actor <name>', 'only what this actor did: as claimed, the user of the operating system, or who ran sudo')
      .option('--action <action>', 'only this action, such as key.disable, or all of a kind, such as tier')
      .option('--target <target>', 'only what was done to this: a name, an id, or - for the key whose secret comes on stdin')
      .option('--since <when>', 'not before 1h or 7d ago, a date or a time')
      .option('--until <when>', 'only before')
      .option('--after <number>', 'only entries with higher numbers; with --follow, all of them, to go on where it stopped')
      .option('--limit <n>', 'at most so many; with --follow, so many past ones first')
      .option('--follow', 'show entries as they come; stop with Ctrl-C'),

  run: async (call, _, options) => {
    call.out.checkFields(AUDIT_FIELDS);
    const limit = option(options, 'limit');
    const most = limit === undefined ? undefined : wholeNumber('--limit', limit, 1, 1_000_000);
    const follows = flag(options, 'follow');
    if (follows && option(options, 'until') !== undefined) throw usageError('--follow and --until exclude each other.');
    const readFilter = await prepareFilter(call, options);
    const store = await call.openStore('read');
    const filter = await readFilter(store);
    if (follows) {
      const shown = { json: auditJson, columns: columns(call.context.clock()) };
      await follow(call, { ...shown, rows: (pause) => followAudit(store, filter, most ?? 0, pause) });
    } else {
      await list(call, store, filter, most ?? Infinity);
    }
    return undefined;
  },
};

/** Checks what can be checked before the store is opened; the targets are looked up in it. */
async function prepareFilter(call: Call, options: Options): Promise<(store: Store) => Promise<AuditFilter>> {
  const now = call.context.clock();
  const moment = (name: 'since' | 'until'): Instant | undefined => {
    const text = option(options, name);
    return text === undefined ? undefined : readMoment(`--${name}`, text, now);
  };
  const [since, until] = [moment('since'), moment('until')];
  // The program itself has an --actor, and takes it wherever it stands: here nothing is changed, so that it means the filter.
  const actor = option(options, 'actor') ?? call.actor.claimed ?? undefined;
  const action = option(options, 'action');
  const number = option(options, 'after');
  const after = number === undefined ? undefined : wholeNumber('--after', number, 0, Number.MAX_SAFE_INTEGER);
  const target = await readTarget(call, option(options, 'target'));
  return async (store) => ({
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(after === undefined ? {} : { after }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(target === undefined ? {} : { targets: await store.read((tx) => auditTargets(tx, target)) }),
  });
}

async function readTarget(call: Call, text: string | undefined): Promise<AuditTarget | undefined> {
  if (text === undefined) return undefined;
  return text === '-' ? { kind: 'secret', secret: await readSecret(call) } : { kind: 'words', text };
}

async function list(call: Call, store: Store, filter: AuditFilter, most: number): Promise<void> {
  await showListing(call.out, {
    rows: readAudit(store, filter, most),
    json: auditJson,
    fields: AUDIT_FIELDS,
    columns: columns(call.context.clock()),
    empty: 'Nothing of that kind was done.',
  });
}

function columns(now: Instant): readonly Column<NumberedEntry>[] {
  return [
    { header: 'WHEN', person: ({ at }) => relative(at, now), live: ({ at }) => stamp(at), script: ({ at }) => formatInstant(at) },
    { header: 'WHO', person: ({ actor }) => actorName(actor), script: ({ actor }) => actorName(actor) },
    { header: 'DID', person: ({ action }) => action, script: ({ action }) => action },
    { header: 'TO', person: ({ targetName }) => targetName, script: ({ targetName }) => targetName },
    { header: 'ID', spare: true, person: ({ targetId }) => targetId.slice(0, 13), script: ({ targetId }) => targetId },
    {
      header: 'WHAT',
      least: 32,
      person: (entry, _, marks) => shortened(changeText(entry, marks), marks),
      script: (entry) => changeText(entry),
    },
  ];
}

function shortened(text: string, { cut }: Marks): string {
  return text.length > 80 ? text.slice(0, 80 - cut.length) + cut : text;
}
