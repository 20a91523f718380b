import { remaining } from '../../domain/credits.ts';
import { usageError } from '../../domain/error.ts';
import { grouped } from '../../domain/grouped.ts';
import { formatDay } from '../../domain/utc-day.ts';
import { ACCOUNT_FIELDS, type AccountView } from '../../operations/describe-accounts.ts';
import { previewSetTier, setTier, type SetTier, type TierChange, type TierTiming } from '../../operations/set-tier.ts';
import { showAccount } from '../account/show-account.ts';
import { flag, option, text, type Call, type CommandModule } from '../call.ts';
import { checkPreviewFields, showPreview } from './show-preview.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<tier>', 'the tier that the account is to have')
      .option('--account <account>', 'whose tier (may be left out while there is one account)')
      .option('--now', 'at once, although it gives fewer credits')
      .option('--at-reset', 'from the next 00:00 UTC, although it gives as many credits or more')
      .option('--dry-run', 'show what it would do to the credits, and change nothing'),

  run: async (call, args, options) => {
    const wanted = { account: option(options, 'account'), tier: text(args, 0), timing: readTiming(options) };
    if (flag(options, 'dryRun')) {
      await preview(call, wanted);
      return undefined;
    }
    call.out.checkFields(ACCOUNT_FIELDS);
    const store = await call.openStore('write');
    const { account, previous, change } = await setTier(store, wanted, call.actor);
    showAccount(call.out, account, sentence(account, previous, change));
    return undefined;
  },
};

function readTiming(options: Readonly<Record<string, unknown>>): TierTiming {
  const [now, atReset] = [flag(options, 'now'), flag(options, 'atReset')];
  if (now && atReset)
    throw usageError('--now and --at-reset exclude each other.', 'Give one, or neither: more credits come at once, fewer at 00:00 UTC.');
  if (now) return 'now';
  return atReset ? 'at-reset' : 'by-credits';
}

async function preview(call: Call, wanted: SetTier): Promise<void> {
  checkPreviewFields(call.out);
  const store = await call.openStore('read');
  const { tier, change, touched } = await previewSetTier(store, wanted);
  const waits = change.kind === 'none' && change.waiting !== null;
  await showPreview(call.out, {
    tier,
    from: touched?.from ?? null,
    accounts: touched === null ? [] : [touched],
    none: waits ? 'That very change waits already; it would change nothing.' : 'The account has that tier; it would change nothing.',
  });
}

function sentence(account: AccountView, previous: string, change: TierChange): string {
  const { name, tier, credits } = account;
  switch (change.kind) {
    case 'none':
      return change.waiting === null
        ? `${name} is on ${tier} already; nothing changed.`
        : `${name} goes to ${change.waiting.tier} on ${formatDay(change.waiting.from)} already; nothing changed.`;
    case 'cancelled':
      return `${name} stays on ${tier}: the change to ${change.dropped.tier} from ${formatDay(change.dropped.from)} is cancelled.`;
    case 'set': {
      const dropped =
        change.dropped === null ? '' : ` The change to ${change.dropped.tier} from ${formatDay(change.dropped.from)} is dropped.`;
      if (change.from > credits.day) {
        const to = account.pendingTier?.tier ?? tier;
        return `${name} stays on ${previous} today and goes to ${to} on ${formatDay(change.from)}, 00:00 UTC.${dropped}`;
      }
      return `${name} is on ${tier} from now on: ${grouped(remaining(credits))} credits remain today.${dropped}`;
    }
  }
}
