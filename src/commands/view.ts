import { remaining } from '../domain/credits.ts';
import { grouped } from '../domain/grouped.ts';
import { formatInstant, nextReset, type Instant } from '../domain/utc-day.ts';
import { KEY_FIELDS, type KeyView } from '../operations/describe-keys.ts';
import { viewKey, type KeyDetails } from '../operations/view-key.ts';
import { glyphs, shownMask, type Marks } from '../terminal/glyphs.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';
import { facts, relative, statusColor, type Paint } from '../terminal/style.ts';
import type { CommandModule } from './call.ts';
import { fullName, KEY_ARGUMENT, readKeyOrChoose } from './key-argument.ts';
import { lazyStore } from './lazy-store.ts';
import { showKey } from './show-keys.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('[key]', KEY_ARGUMENT),

  run: async (call, args) => {
    const { out } = call;
    out.checkFields(KEY_FIELDS);
    const store = lazyStore(call, 'read');
    const reference = await readKeyOrChoose(call, store, args[0], 'Which key?');
    const details = await viewKey(await store(), reference);
    showKey(out, details.key, out.json ? '' : describe(details, out));
    return undefined;
  },
};

type Lines = readonly (readonly [string, string])[];

function describe(details: KeyDetails, { color, places, unicode }: Pick<Output, 'color' | 'places' | 'unicode'>): string {
  const paint = painter(color);
  return facts([...settings(details, paint, glyphs(unicode)), ...traffic(details), ...rotation(details)], paint, places);
}

function settings({ key, account, now }: KeyDetails, paint: Paint, marks: Marks): Lines {
  const { disabledAt, disabledReason, deletedAt, note } = key;
  const suspended = account.suspendedAt === null ? '' : ` (${paint.red('suspended')})`;
  return [
    ['Key', paint.bold(fullName(key))],
    ['Id', key.id],
    ['Secret', shownMask(key.mask, marks)],
    ['Status', statusColor(key.status, paint)],
    ['Account', `${key.account} (${account.id})${suspended}`],
    ['Environment', key.environment],
    ['Created', when(key.createdAt, now)],
    ['Expires', key.expiresAt === null ? 'never' : when(key.expiresAt, now)],
    ...line('Disabled', disabledAt === null ? null : when(disabledAt, now) + (disabledReason === null ? '' : `: ${disabledReason}`)),
    ...line('Deleted', deletedAt === null ? null : when(deletedAt, now)),
    ['Services', key.services.length === 0 ? 'every one' : key.services.join(', ')],
    ['Addresses', key.allowedIps.length === 0 ? 'from anywhere' : key.allowedIps.join(', ')],
    ...line('Note', note),
  ];
}

function traffic({ key, tier, balance, capSpent, now }: KeyDetails): Lines {
  const cap = key.dailyCap === null ? null : `${grouped(capSpent ?? 0)} of ${grouped(key.dailyCap)} spent today`;
  return [
    ['Last used', key.lastUsedAt === null ? 'never' : when(key.lastUsedAt, now)],
    ['Today', `${requests(key.today.requests)}, ${grouped(key.today.credits)} credits`],
    ...line('Daily cap', cap),
    ['Tier', tier],
    ['Credits', `${grouped(remaining(balance))} of ${grouped(balance.granted + balance.adjusted)} left to the account`],
    ['Come back', when(nextReset(now), now)],
  ];
}

function rotation({ key, rotatedFrom, rotatedTo, predecessors, now }: KeyDetails): Lines {
  return [
    ...line('Replaced by', rotatedTo === null ? null : `${fullName(rotatedTo)} (${rotatedTo.id})`),
    ...line('In its grace', key.status === 'active' ? grace(key, now) : null),
    ...line('Still denied', key.status === 'active' ? null : stillDenied(key)),
    ...line('Replaces', rotatedFrom === null ? null : `${fullName(rotatedFrom)} (${rotatedFrom.id}), ${rotatedFrom.status}`),
    ...line('Its grace', rotatedFrom?.status === 'active' ? grace(rotatedFrom, now) : null),
    ...predecessors
      .filter(({ id }) => id !== rotatedFrom?.id)
      .map((older): [string, string] => ['In grace too', `${fullName(older)} (${older.id}), ${grace(older, now) ?? ''}`]),
    ...line('Still denied', rotatedFrom === null || rotatedFrom.status === 'active' ? null : stillDenied(rotatedFrom)),
  ];
}

/** Who still comes with the old key is what its operator wants to know before it ends. */
function grace(old: KeyView, now: Instant): string | null {
  if (old.grace === null) return null;
  const { requestsLastHour, requestsLast24Hours } = old.grace;
  const until = old.expiresAt === null ? 'without end' : `until ${when(old.expiresAt, now)}`;
  const last = old.lastUsedAt === null ? 'never used' : `last used ${relative(old.lastUsedAt, now)}`;
  if (requestsLast24Hours === 0) return `${until}; nobody came with it for 24 hours, ${last}`;
  return `${until}; still ${requests(requestsLastHour)} in the last hour, ${grouped(requestsLast24Hours)} in 24 hours, ${last}`;
}

/** After the grace only the denials tell who has not changed over. */
function stillDenied({ grace: traffic }: KeyView): string | null {
  if (traffic === null || traffic.deniedLast24Hours === 0) return null;
  return `the old key: ${requests(traffic.deniedLastHour)} in the last hour, ${grouped(traffic.deniedLast24Hours)} in 24 hours`;
}

function requests(count: number): string {
  return count === 1 ? '1 request' : `${grouped(count)} requests`;
}

function line(label: string, value: string | null): Lines {
  return value === null ? [] : [[label, value]];
}

function when(at: Instant, now: Instant): string {
  return `${formatInstant(at)} (${relative(at, now)})`;
}
