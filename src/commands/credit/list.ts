import { grouped } from '../../domain/grouped.ts';
import type { Adjustment, Store } from '../../domain/store.ts';
import { formatDay, formatInstant, type Instant } from '../../domain/utc-day.ts';
import { findAccount } from '../../operations/find-account.ts';
import { ADJUSTMENT_FIELDS, adjustmentJson } from '../../operations/give-credit.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import { relative } from '../../terminal/style.ts';
import { option, wholeNumber, type CommandModule } from '../call.ts';

const PAGE = 500;

interface Row {
  readonly adjustment: Adjustment;
  readonly account: string;
}

export const command: CommandModule = {
  configure: (cli) => void cli.option('--account <account>', 'only those of this account').option('--limit <n>', 'at most so many'),

  run: async (call, _, options) => {
    const limit = option(options, 'limit');
    const most = limit === undefined ? Infinity : wholeNumber('--limit', limit, 1, 1_000_000_000);
    const account = option(options, 'account');
    const store = await call.openStore('read');
    const accountRef = account === undefined ? null : (await store.read((tx) => findAccount(tx, account))).ref;
    await showListing(call.out, {
      rows: pages(store, accountRef, most),
      json: (row) => adjustmentJson(row.adjustment, row.account),
      fields: ADJUSTMENT_FIELDS,
      columns: columns(call.context.clock()),
      empty: 'Nothing was given or taken. Give credits with: keyctl credit +5000 --reason "..."',
    });
    return undefined;
  },
};

/** Newest first, page by page. */
async function* pages(store: Store, accountRef: number | null, most: number): AsyncGenerator<Row> {
  let before: number | null = null;
  let left = most;
  while (left > 0) {
    const limit = Math.min(PAGE, left);
    const page: Page = await pageBefore(store, accountRef, before, limit);
    yield* page.rows;
    if (page.last === undefined || page.rows.length < limit) return;
    before = page.last;
    left -= limit;
  }
}

interface Page {
  readonly rows: readonly Row[];
  readonly last: number | undefined;
}

function pageBefore(store: Store, accountRef: number | null, before: number | null, limit: number): Promise<Page> {
  return store.read(async (tx) => {
    const adjustments = await tx.credits.adjustments(accountRef, limit, before);
    const rows: Row[] = [];
    for (const adjustment of adjustments) {
      rows.push({ adjustment, account: (await tx.accounts.byRef(adjustment.accountRef))?.name ?? '' });
    }
    return { rows, last: adjustments.at(-1)?.number };
  });
}

function columns(now: Instant): readonly Column<Row>[] {
  const signed = (amount: number, digits: string): string => (amount > 0 ? `+${digits}` : digits);
  return [
    { header: 'DAY', person: (row) => formatDay(row.adjustment.day), script: (row) => formatDay(row.adjustment.day) },
    { header: 'ACCOUNT', person: (row) => row.account, script: (row) => row.account },
    {
      header: 'AMOUNT',
      align: 'right',
      person: ({ adjustment: { amount } }) => signed(amount, grouped(amount)),
      script: ({ adjustment: { amount } }) => signed(amount, String(amount)),
    },
    { header: 'REASON', person: (row) => row.adjustment.reason, script: (row) => row.adjustment.reason },
    { header: 'BY', person: (row) => row.adjustment.actor, script: (row) => row.adjustment.actor },
    { header: 'WHEN', person: (row) => relative(row.adjustment.at, now), script: (row) => formatInstant(row.adjustment.at) },
    { header: 'ID', person: (row) => row.adjustment.id.slice(0, 12), script: (row) => row.adjustment.id },
  ];
}
