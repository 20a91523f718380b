import { describeTier, TIER_FIELDS } from '../../operations/describe-tiers.ts';
import { findTier } from '../../operations/find-tier.ts';
import { text, type CommandModule } from '../call.ts';
import { showTierFacts } from './show-tier.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<tier>', 'its name'),

  run: async (call, args) => {
    call.out.checkFields(TIER_FIELDS);
    const store = await call.openStore('read');
    showTierFacts(call.out, await store.read(async (tx, now) => describeTier(tx, await findTier(tx, text(args, 0)), now)));
    return undefined;
  },
};
