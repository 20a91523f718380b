import { parseCredits } from '../../domain/credits.ts';
import { usageError } from '../../domain/error.ts';
import { grouped } from '../../domain/grouped.ts';
import { checkName } from '../../domain/names.ts';
import { createTier } from '../../operations/create-tier.ts';
import { TIER_FIELDS } from '../../operations/describe-tiers.ts';
import { option, text, type CommandModule } from '../call.ts';
import { configureLimits, readLimits } from './limit-options.ts';
import { rateText, showTier } from './show-tier.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void configureLimits(cli.argument('<name>', 'its name').option('--daily-credits <n>', 'the credits that its accounts get every day')),

  run: async (call, args, options) => {
    call.out.checkFields(TIER_FIELDS);
    const name = checkName('tier', text(args, 0));
    const credits = option(options, 'dailyCredits');
    if (credits === undefined)
      throw usageError('--daily-credits is missing: say how many credits its accounts get every day.', 'Give --daily-credits 100000.');
    const wanted = { name, dailyCredits: parseCredits('--daily-credits', credits), limits: readLimits(options) };
    const store = await call.openStore('create');
    const tier = await createTier(store, wanted, call.actor);
    const sentence = `Created the tier ${name}: ${grouped(tier.dailyCredits)} credits a day, ${rateText(tier)}.`;
    showTier(call.out, tier, sentence);
    return undefined;
  },
};
