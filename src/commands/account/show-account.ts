import { remaining } from '../../domain/credits.ts';
import { grouped } from '../../domain/grouped.ts';
import { formatDay, formatInstant, nextReset, startOfDay, type Instant } from '../../domain/utc-day.ts';
import { ACCOUNT_FIELDS, accountJson, type AccountView } from '../../operations/describe-accounts.ts';
import type { Output } from '../../terminal/output.ts';
import { painter } from '../../terminal/painter.ts';
import { facts, relative, statusColor } from '../../terminal/style.ts';

/** What a command did to an account: the account in JSON, a sentence otherwise. */
export function showAccount(out: Output, account: AccountView, sentence: string): void {
  out.show(accountJson(account), () => sentence, ACCOUNT_FIELDS);
}

/** Everything about one account. */
export function showAccountFacts(out: Output, account: AccountView, now: Instant): void {
  showAccount(out, account, out.json ? '' : describe(account, now, out));
}

function describe(account: AccountView, now: Instant, { color, places }: Pick<Output, 'color' | 'places'>): string {
  const paint = painter(color);
  const { credits, pendingTier: pending } = account;
  const adjusted = credits.adjusted === 0 ? '' : ` (${credits.adjusted > 0 ? '+' : ''}${grouped(credits.adjusted)} by operators)`;
  const lines: (readonly [string, string])[] = [
    ['Account', paint.bold(account.name)],
    ['Id', account.id],
    ['External id', account.externalId ?? '-'],
    ['Status', statusColor(account.status, paint)],
    [
      'Tier',
      account.tier +
        (pending === null ? '' : `, ${pending.tier} from ${formatDay(pending.from)} (${relative(startOfDay(pending.from), now)})`),
    ],
    ['Credits', `${grouped(remaining(credits))} of ${grouped(credits.granted + credits.adjusted)} left today${adjusted}`],
    ['Spent', grouped(credits.spent)],
    ['Come back', `${formatInstant(nextReset(now))} (${relative(nextReset(now), now)})`],
    ['Created', `${formatInstant(account.createdAt)} (${relative(account.createdAt, now)})`],
  ];
  return facts(lines, paint, places);
}
