import { regrant, remaining, type Balance } from '../domain/credits.ts';
import { creditsOn, tierOn, type Account, type Tier } from '../domain/entities.ts';
import type { ReadTransaction, WriteTransaction } from '../domain/store.ts';
import { formatDay, type UtcDay } from '../domain/utc-day.ts';
import { balanceOn } from './balance-on.ts';

/** How many stored books one step of a long act reads, so that memory stays flat however many accounts there are. */
const PAGE = 500;

/** What a change of tiers would do to one account. */
export interface Touched {
  readonly account: string;
  /** Spent today. */
  readonly used: number;
  /** Credits that remain on the day `from`, without the change and with it. */
  readonly oldRemaining: number;
  readonly newRemaining: number;
  readonly from: UtcDay;
}

export const TOUCHED_FIELDS = ['account', 'used', 'oldRemaining', 'newRemaining', 'from'] as const;

export function touchedJson({ account, used, oldRemaining, newRemaining, from }: Touched): Record<string, unknown> {
  return { account, used, oldRemaining, newRemaining, from: formatDay(from) };
}

/** An account's allowance on one day, without a change and with it. Where they are equal the books stay as they are. */
export interface Allowances {
  readonly before: number;
  readonly after: number;
}

function regranted(balance: Balance, { before, after }: Allowances): Balance {
  return before === after ? balance : regrant(balance, after);
}

/** What other allowances of the day `from` do to an account's books of it. */
export async function touch(
  tx: ReadTransaction,
  account: Account,
  days: { readonly today: UtcDay; readonly from: UtcDay },
  allowances: Allowances,
): Promise<Touched> {
  const { spent: used } = await balanceOn(tx, account, days.today);
  const balance = await balanceOn(tx, account, days.from);
  const newRemaining = remaining(regranted(balance, allowances));
  return { account: account.name, used, oldRemaining: remaining(balance), newRemaining, from: days.from };
}

/**
 * Grants an account anew what its changed history of tiers gives it on the day `from` and later ones, where books are stored: today's, and
 * those of days that a clock ahead has opened. A day on which the allowance is the same keeps what it has. Idle days need nothing.
 */
export async function regrantAccount(
  tx: WriteTransaction,
  account: Account,
  from: UtcDay,
  allowances: (day: UtcDay) => Promise<Allowances>,
): Promise<void> {
  for (const balance of await tx.credits.balancesFrom(account.ref, from)) {
    const changed = regranted(balance, await allowances(balance.day));
    if (changed !== balance) await tx.credits.write(account.ref, changed);
  }
}

/**
 * The same for every account that has the tier on a day from `from` on. `before` and `after` are the tier with its old and its new
 * history of credits. Returns how many books were granted anew.
 */
export async function regrantTier(tx: WriteTransaction, before: Tier, after: Tier, from: UtcDay): Promise<number> {
  let count = 0;
  for (const day of await tx.credits.storedDays(from)) {
    const allowance = creditsOn(after, day);
    if (allowance === creditsOn(before, day)) continue;
    for await (const { accountRef, balance } of booksOf(tx, day)) {
      const account = await tx.accounts.byRef(accountRef);
      if (account === null || tierOn(account, day) !== after.name) continue;
      await tx.credits.write(accountRef, regrant(balance, allowance));
      count += 1;
    }
  }
  return count;
}

async function* booksOf(tx: ReadTransaction, day: UtcDay): AsyncGenerator<{ readonly accountRef: number; readonly balance: Balance }> {
  let after = 0;
  for (;;) {
    const page = await tx.credits.booksOf(day, { after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.accountRef;
  }
}
