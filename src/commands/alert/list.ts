import type { AlertStatus } from '../../domain/alerts.ts';
import { usageError } from '../../domain/error.ts';
import { formatInstant, type Instant } from '../../domain/utc-day.ts';
import { ALERT_FIELDS, alertJson, alertsOf, type AlertView } from '../../operations/describe-alerts.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import { relative, type Paint } from '../../terminal/style.ts';
import { option, wholeNumber, type CommandModule } from '../call.ts';

const STATUSES = ['waiting', 'delivered', 'given-up'] as const satisfies readonly AlertStatus[];

export const command: CommandModule = {
  configure: (cli) =>
    void cli.option('--status <status>', `only those that are ${STATUSES.join(', ')}`).option('--limit <n>', 'at most so many'),

  run: async (call, _, options) => {
    const limit = option(options, 'limit');
    const most = limit === undefined ? Infinity : wholeNumber('--limit', limit, 1, 1_000_000_000);
    const status = readStatus(option(options, 'status'));
    const store = await call.openStore('read');
    const webhook = await store.read((tx) => tx.alerts.webhook());
    const none = 'There is no webhook. Make one with: keyctl alert set https://example.com/keyctl';
    const off = webhook !== null && webhook.since === null;
    await showListing(call.out, {
      rows: alertsOf(store, status, most),
      json: alertJson,
      fields: ALERT_FIELDS,
      columns: columns(call.context.clock()),
      empty: webhook === null ? none : 'No messages. Try the webhook with: keyctl alert test',
    });
    if (off && !call.out.json) call.out.note('Alerts are switched off. Switch them on with: keyctl alert set --on');
    return undefined;
  },
};

function readStatus(text: string | undefined): AlertStatus | null {
  const status = STATUSES.find((candidate) => candidate === text);
  if (text === undefined) return null;
  if (status !== undefined) return status;
  throw usageError('--status is nothing that a message can be.', `Write one of ${STATUSES.join(', ')}.`);
}

function columns(now: Instant): readonly Column<AlertView>[] {
  return [
    { header: 'WHEN', person: ({ alert }) => relative(alert.at, now), script: ({ alert }) => formatInstant(alert.at) },
    { header: 'ACCOUNT', person: ({ subject }) => subject.account, script: ({ subject }) => subject.account },
    { header: 'WHAT', person: (view) => what(view, now), script: (view) => what(view, null) },
    { header: 'STATUS', person: ({ alert }, paint) => painted(alert.status, paint), script: ({ alert }) => alert.status },
    { header: 'TRIES', align: 'right', person: ({ alert }) => String(alert.attempts), script: ({ alert }) => String(alert.attempts) },
    { header: 'LAST RESULT', person: ({ alert }) => alert.lastResult ?? '-', script: ({ alert }) => alert.lastResult ?? '' },
    {
      header: 'NEXT TRY',
      whenFilled: true,
      person: ({ alert }) => (alert.dueAt === null ? '' : relative(alert.dueAt, now)),
      script: ({ alert }) => (alert.dueAt === null ? '' : formatInstant(alert.dueAt)),
    },
    { header: 'ID', spare: true, person: ({ alert }) => alert.id, script: ({ alert }) => alert.id },
  ];
}

/** `90 % of 2026-11-22`, or `key prod ends in 3 d`; for a script with the instant. */
function what({ subject: { key, day, threshold, expiresAt } }: AlertView, now: Instant | null): string {
  if (threshold !== null) return `${String(threshold)} % of ${day ?? ''}`;
  const ends = expiresAt ?? '';
  return `key ${key ?? ''} ends ${now === null ? ends : relative(Date.parse(ends), now)}`;
}

function painted(status: AlertStatus, paint: Paint): string {
  if (status === 'delivered') return paint.green(status);
  return status === 'waiting' ? paint.yellow(status) : paint.red(status);
}
