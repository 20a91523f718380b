import { grouped } from '../../domain/grouped.ts';
import { describeTiers, TIER_FIELDS, tierJson, type TierView } from '../../operations/describe-tiers.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import type { CommandModule } from '../call.ts';
import { limitsText, waitingText } from './show-tier.ts';

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    const store = await call.openStore('read');
    const rows = await store.read(async (tx, now) => describeTiers(tx, await tx.tiers.all(), now));
    await showListing(call.out, {
      rows,
      json: tierJson,
      fields: TIER_FIELDS,
      columns: COLUMNS,
      total: () => Promise.resolve(rows.length),
      empty: 'No tiers. Create one with: keyctl tier create basic --daily-credits 100000 --rate 10/s',
    });
    return undefined;
  },
};

const COLUMNS: readonly Column<TierView>[] = [
  { header: 'TIER', person: (tier) => tier.name, script: (tier) => tier.name },
  { header: 'DAILY CREDITS', align: 'right', person: (tier) => grouped(tier.dailyCredits), script: (tier) => String(tier.dailyCredits) },
  { header: 'WAITS', person: (tier) => waitingText(tier) || '-', script: (tier) => waitingText(tier).replaceAll(',', '') },
  { header: 'LIMITS', person: limitsText, script: limitsText },
  { header: 'ACCOUNTS', align: 'right', person: (tier) => grouped(tier.accounts), script: (tier) => String(tier.accounts) },
];
