import { usageError } from '../domain/error.ts';
import { KEY_STATUSES } from '../domain/entities.ts';
import { grouped } from '../domain/grouped.ts';
import type { KeyFilter, Store } from '../domain/store.ts';
import { formatInstant, parseDuration, type Instant } from '../domain/utc-day.ts';
import { describeKeys, KEY_FIELDS, keyJson, type KeyView } from '../operations/describe-keys.ts';
import { findAccount } from '../operations/find-account.ts';
import { findEnvironment } from '../operations/find-environment.ts';
import { shownMask } from '../terminal/glyphs.ts';
import { showListing, type Column } from '../terminal/listing.ts';
import { relative, statusColor } from '../terminal/style.ts';
import { option, wholeNumber, type CommandModule } from './call.ts';

const PAGE = 500;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--account <account>', 'only the keys of this account')
      .option('--env <environment>', 'only this environment')
      .option('--status <status>', `${KEY_STATUSES.join(', ')} or all; without it every one but the deleted`)
      .option('--search <text>', 'only keys with this in the name, the note or the mask')
      .option('--unused-since <length>', 'only keys older than this and not used since, such as 90d')
      .option('--limit <n>', 'at most so many'),

  run: async (call, _, options) => {
    const now = call.context.clock();
    const status = readStatus(option(options, 'status'));
    const unusedSince = readUnusedSince(option(options, 'unusedSince'), now);
    const search = option(options, 'search');
    const limit = option(options, 'limit');
    const most = limit === undefined ? Infinity : wholeNumber('--limit', limit, 1, 1_000_000_000);
    const isNarrowed =
      (status !== 'not-deleted' && status !== undefined) ||
      ['account', 'env', 'search', 'unusedSince'].some((name) => option(options, name) !== undefined);
    const store = await call.openStore('read');
    const filter = await store.read(async (tx): Promise<KeyFilter> => {
      const account = option(options, 'account');
      const environment = option(options, 'env');
      return {
        now,
        ...(status === undefined ? {} : { status }),
        ...(search === undefined ? {} : { search }),
        ...(unusedSince === undefined ? {} : { unusedSince }),
        ...(account === undefined ? {} : { accountRef: (await findAccount(tx, account)).ref }),
        ...(environment === undefined ? {} : { environment: (await findEnvironment(tx, environment)).name }),
      };
    });
    await showListing(call.out, {
      rows: pages(store, filter, most),
      json: keyJson,
      fields: KEY_FIELDS,
      columns: columns(now),
      total: async () => Math.min(most, await store.read((tx) => tx.keys.count(filter))),
      empty: isNarrowed
        ? 'No key is like that. See all with: keyctl list --status all'
        : 'No keys. Create one with: keyctl create --name prod',
    });
    return undefined;
  },
};

/** Page by page, so that a million keys take no more memory than five hundred, and no long reader holds back the log. */
async function* pages(store: Store, filter: KeyFilter, most: number): AsyncGenerator<KeyView> {
  let after = 0;
  let left = most;
  while (left > 0) {
    const limit = Math.min(PAGE, left);
    const page = await store.read(async (tx, now) => {
      const keys = await tx.keys.page(filter, { after, limit });
      return { views: await describeKeys(tx, keys, now), last: keys.at(-1)?.ref };
    });
    yield* page.views;
    if (page.last === undefined || page.views.length < limit) return;
    after = page.last;
    left -= page.views.length;
  }
}

function readStatus(text: string | undefined): KeyFilter['status'] {
  if (text === undefined) return 'not-deleted';
  if (text === 'all') return undefined;
  const status = KEY_STATUSES.find((candidate) => candidate === text);
  if (status !== undefined) return status;
  throw usageError('--status is none of the statuses.', `Write ${KEY_STATUSES.join(', ')} or all.`);
}

function readUnusedSince(text: string | undefined, now: Instant): Instant | undefined {
  if (text === undefined) return undefined;
  const length = parseDuration(text);
  if (length === null) throw usageError('--unused-since cannot be read.', 'Write a length of time such as 90d.');
  return now - length;
}

const isoOrNothing = (at: Instant | null): string => (at === null ? '' : formatInstant(at));

function columns(now: Instant): readonly Column<KeyView>[] {
  return [
    { header: 'ID', person: (key) => key.id.slice(0, 12), script: (key) => key.id },
    { header: 'ACCOUNT', person: (key) => key.account, script: (key) => key.account },
    { header: 'NAME', person: (key) => key.name, script: (key) => key.name },
    { header: 'ENV', person: (key) => key.environment, script: (key) => key.environment },
    { header: 'STATUS', person: (key, paint) => statusColor(key.status, paint), script: (key) => key.status },
    { header: 'KEY', spare: true, person: (key, _, marks) => shownMask(key.mask, marks), script: (key) => key.mask },
    { header: 'TODAY', align: 'right', person: (key) => grouped(key.today.credits), script: (key) => String(key.today.credits) },
    { header: 'LAST USED', person: (key) => relative(key.lastUsedAt, now), script: (key) => isoOrNothing(key.lastUsedAt) },
    { header: 'EXPIRES', person: (key) => relative(key.expiresAt, now), script: (key) => isoOrNothing(key.expiresAt) },
    { header: 'IN GRACE', whenFilled: true, person: remainingTraffic, script: ({ grace }) => String(grace?.requestsLast24Hours ?? '') },
  ];
}

/** Who still comes with a key that was replaced; once it is over, who is still turned away. */
function remainingTraffic({ grace, status }: KeyView): string {
  if (grace === null) return '';
  if (status === 'active') return `${grouped(grace.requestsLast24Hours)} in 24 h`;
  return grace.deniedLast24Hours === 0 ? 'over' : `${grouped(grace.deniedLast24Hours)} denied in 24 h`;
}
