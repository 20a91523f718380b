import { remaining } from '../../domain/credits.ts';
import { grouped } from '../../domain/grouped.ts';
import type { AccountFilter, Store } from '../../domain/store.ts';
import { dayOf, formatDay, formatInstant, type Instant } from '../../domain/utc-day.ts';
import { ACCOUNT_FIELDS, accountJson, describeAccounts, type AccountView } from '../../operations/describe-accounts.ts';
import { findTier } from '../../operations/find-tier.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import { relative, statusColor } from '../../terminal/style.ts';
import { option, wholeNumber, type CommandModule } from '../call.ts';

const PAGE = 500;

export const command: CommandModule = {
  configure: (cli) => void cli.option('--tier <tier>', 'only accounts that have this tier today').option('--limit <n>', 'at most so many'),

  run: async (call, _, options) => {
    const limit = option(options, 'limit');
    const most = limit === undefined ? Infinity : wholeNumber('--limit', limit, 1, 1_000_000_000);
    const tier = option(options, 'tier');
    const store = await call.openStore('read');
    const filter = await store.read(async (tx, now): Promise<AccountFilter> => {
      return tier === undefined ? {} : { tier: { name: (await findTier(tx, tier)).name, day: dayOf(now) } };
    });
    await showListing(call.out, {
      rows: pages(store, filter, most),
      json: accountJson,
      fields: ACCOUNT_FIELDS,
      columns: columns(call.context.clock()),
      total: async () => Math.min(most, await store.read((tx) => tx.accounts.count(filter))),
      empty: 'No accounts. Create one with: keyctl account create acme',
    });
    return undefined;
  },
};

/** Page by page, so that memory stays flat and no long reader holds back the log. */
async function* pages(store: Store, filter: AccountFilter, most: number): AsyncGenerator<AccountView> {
  let after = 0;
  let left = most;
  while (left > 0) {
    const limit = Math.min(PAGE, left);
    const page = await store.read(async (tx, now) => {
      const accounts = await tx.accounts.page(filter, { after, limit });
      return { views: await describeAccounts(tx, accounts, now), last: accounts.at(-1)?.ref };
    });
    yield* page.views;
    if (page.last === undefined || page.views.length < limit) return;
    after = page.last;
    left -= limit;
  }
}

function waiting({ pendingTier: pending }: AccountView): string {
  return pending === null ? '' : `${pending.tier} from ${formatDay(pending.from)}`;
}

function columns(now: Instant): readonly Column<AccountView>[] {
  const left = ({ credits }: AccountView): number => remaining(credits);
  return [
    { header: 'ID', person: (account) => account.id.slice(0, 13), script: (account) => account.id },
    { header: 'NAME', person: (account) => account.name, script: (account) => account.name },
    { header: 'EXTERNAL ID', person: (account) => account.externalId ?? '-', script: (account) => account.externalId ?? '' },
    { header: 'TIER', person: (account) => account.tier, script: (account) => account.tier },
    { header: 'WAITS', person: (account) => waiting(account) || '-', script: waiting },
    { header: 'STATUS', person: (account, paint) => statusColor(account.status, paint), script: (account) => account.status },
    { header: 'SPENT', align: 'right', person: ({ credits }) => grouped(credits.spent), script: ({ credits }) => String(credits.spent) },
    { header: 'REMAINING', align: 'right', person: (account) => grouped(left(account)), script: (account) => String(left(account)) },
    { header: 'CREATED', person: (account) => relative(account.createdAt, now), script: (account) => formatInstant(account.createdAt) },
  ];
}
