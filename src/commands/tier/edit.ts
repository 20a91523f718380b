import { parseCredits } from '../../domain/credits.ts';
import { grouped } from '../../domain/grouped.ts';
import { formatDay } from '../../domain/utc-day.ts';
import { TIER_FIELDS } from '../../operations/describe-tiers.ts';
import { editTier, type EditTier, type TierEdited } from '../../operations/edit-tier.ts';
import { previewTierEdit } from '../../operations/preview-tier-edit.ts';
import { flag, option, text, type Call, type CommandModule } from '../call.ts';
import { configureLimits, readLimits } from './limit-options.ts';
import { checkPreviewFields, showPreview } from './show-preview.ts';
import { rateText, showTier } from './show-tier.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void configureLimits(cli.argument('<tier>', 'its name').option('--daily-credits <n>', 'from the next 00:00 UTC, unless --now'))
      .option('--now', 'the daily credits hold at once, for everybody on the tier; limits always do')
      .option('--dry-run', 'show every account touched, and change nothing'),

  run: async (call, args, options) => {
    const credits = option(options, 'dailyCredits');
    const wanted: EditTier = {
      name: text(args, 0),
      dailyCredits: credits === undefined ? undefined : parseCredits('--daily-credits', credits),
      limits: readLimits(options),
      now: flag(options, 'now'),
    };
    if (flag(options, 'dryRun')) {
      await preview(call, wanted);
      return undefined;
    }
    call.out.checkFields(TIER_FIELDS);
    const store = await call.openStore('write');
    const edited = await editTier(store, wanted, call.actor);
    showTier(call.out, edited.tier, sentence(edited));
    noteWaiting(call, edited);
    return undefined;
  },
};

async function preview(call: Call, wanted: EditTier): Promise<void> {
  checkPreviewFields(call.out);
  const store = await call.openStore('read');
  const { tier, from, accounts } = await previewTierEdit(store, wanted);
  await showPreview(call.out, { tier, from, accounts, none: from === null ? 'It would change nothing.' : 'No account would be touched.' });
}

function sentence({ tier, changed, cancelled, creditsFrom }: TierEdited): string {
  if (!changed) return `${tier.name} is so already; nothing changed.`;
  const waits = tier.pendingDailyCredits;
  const said = [`Changed ${tier.name}: ${grouped(tier.dailyCredits)} credits a day, ${rateText(tier)}.`];
  if (waits !== null && waits.from === creditsFrom) {
    said.push(`From ${formatDay(waits.from)}, 00:00 UTC, it gives ${grouped(waits.credits)} credits a day; --now would do it at once.`);
  }
  if (cancelled !== null) said.push(`The change to ${grouped(cancelled.credits)} that waited for ${formatDay(cancelled.from)} is dropped.`);
  return said.join(' ');
}

/** A change that waits and is not this one: it stays, and whoever did not expect it learns how to cancel it. */
function noteWaiting(call: Call, { tier, creditsFrom }: TierEdited): void {
  const waits = tier.pendingDailyCredits;
  if (call.out.json || waits === null || waits.from === creditsFrom) return;
  const cancel = `keyctl tier edit ${tier.name} --daily-credits ${String(tier.dailyCredits)}`;
  call.out.note(
    `The change to ${grouped(waits.credits)} credits a day from ${formatDay(waits.from)} still waits; cancel it with: ${cancel}`,
  );
}
