import { parseAmount } from '../../domain/credits.ts';
import { usageError } from '../../domain/error.ts';
import { grouped } from '../../domain/grouped.ts';
import { formatDay, parseDay, type UtcDay } from '../../domain/utc-day.ts';
import { ADJUSTMENT_FIELDS, adjustmentJson, giveCredit, type GivenCredit } from '../../operations/give-credit.ts';
import { option, text, type CommandModule } from '../call.ts';
import { readReason } from '../reason-option.ts';

const FIELDS = [...ADJUSTMENT_FIELDS, 'remaining'] as const;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<amount>', '+5000 gives, -5000 takes')
      .option('--account <account>', 'whose credits (may be left out while there is one account)')
      .option('--day <date>', 'the UTC day that they belong to, today or later (today unless said)')
      .option('--reason <text>', 'why; kept for ever'),

  run: async (call, args, options) => {
    call.out.checkFields(FIELDS);
    const amount = parseAmount(text(args, 0));
    const day = readDay(option(options, 'day'));
    const reason = await readReason(call, options);
    const store = await call.openStore('write');
    const wanted = { account: option(options, 'account'), amount, day, reason };
    const given = await giveCredit(store, wanted, call.actor, call.context.randomBytes);
    call.out.show({ ...adjustmentJson(given.adjustment, given.account), remaining: given.remaining }, () => sentence(given), FIELDS);
    return undefined;
  },
};

function readDay(date: string | undefined): UtcDay | undefined {
  if (date === undefined) return undefined;
  const day = parseDay(date);
  if (day !== null) return day;
  throw usageError('--day is no date.', 'Write a day that exists, such as 2026-11-22.');
}

function sentence({ adjustment: { amount, day }, account, remaining, isToday }: GivenCredit): string {
  const date = isToday ? 'today' : formatDay(day);
  const did = amount > 0 ? `Gave ${grouped(amount)} credits to ${account}` : `Took ${grouped(-amount)} credits from ${account}`;
  const end = `${amount > 0 ? 'What is not used of them expires' : 'The full allowance comes back'} at the end of that day, ${formatDay(day + 1)} 00:00 UTC.`;
  return `${did} for ${date}: ${grouped(remaining)} remain. ${end}`;
}
