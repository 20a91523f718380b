import { openBalance, regrant, remaining, type Balance } from '../domain/credits.ts';
import { creditsOn, type Account, type Ref, type Tier } from '../domain/entities.ts';
import type { AccountBooks, Page, ReadTransaction, WriteTransaction } from '../domain/store.ts';
import { formatDay, type UtcDay } from '../domain/utc-day.ts';
import { rearmThresholds } from './rearm-thresholds.ts';

/** How many rows one step of a long act reads, so that memory stays flat however many accounts there are. */
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

/** What other allowances of the day `from` do to the books that accounts have of it. All the accounts have these allowances. */
export async function touch(
  tx: ReadTransaction,
  accounts: readonly Account[],
  { today, from }: { readonly today: UtcDay; readonly from: UtcDay },
  allowances: Allowances,
): Promise<readonly Touched[]> {
  const refs = accounts.map(({ ref }) => ref);
  const spentToday = await tx.credits.balances(refs, today);
  const stored = from === today ? spentToday : await tx.credits.balances(refs, from);
  const touched: Touched[] = [];
  for (const { ref, name } of accounts) {
    const balance = stored.get(ref) ?? openBalance(from, allowances.before, (await tx.credits.spending(ref, from)).adjusted);
    const newRemaining = remaining(regranted(balance, allowances));
    touched.push({ account: name, used: spentToday.get(ref)?.spent ?? 0, oldRemaining: remaining(balance), newRemaining, from });
  }
  return touched;
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
    if (changed === balance) continue;
    await tx.credits.write(account.ref, changed);
    await rearmThresholds(tx, account.ref, changed);
  }
}

/**
 * The same for every account that has the tier on a day from `from` on. `before` and `after` are the tier with its old and its new
 * history of credits. Returns how many books were granted anew.
 */
export async function regrantTier(tx: WriteTransaction, before: Tier, after: Tier, from: UtcDay): Promise<number> {
  let count = 0;
  for (const day of await tx.credits.storedDays(from)) {
    const allowances = { before: creditsOn(before, day), after: creditsOn(after, day) };
    if (allowances.before === allowances.after) continue;
    for await (const { accountRef, balance } of booksOnTier(tx, after.name, day)) {
      const changed = regranted(balance, allowances);
      await tx.credits.write(accountRef, changed);
      await rearmThresholds(tx, accountRef, changed);
      count += 1;
    }
  }
  return count;
}

/**
 * The stored books of a day of the accounts that have a tier on it. Books and accounts are both walked in the order of the accounts, each
 * leaping to where the other is, so that a tier of few accounts costs little among a million books.
 */
async function* booksOnTier(tx: ReadTransaction, name: string, day: UtcDay): AsyncGenerator<AccountBooks> {
  const books = new Walk(
    (page) => tx.credits.booksOf(day, page),
    (book) => book.accountRef,
  );
  const holders = new Walk(
    (page) => tx.accounts.page({ tier: { name, day } }, page),
    (holder) => holder.ref,
  );
  for (let ref = 1; ;) {
    const book = await books.from(ref);
    const holder = book === undefined ? undefined : await holders.from(book.accountRef);
    if (book === undefined || holder === undefined) return;
    if (holder.ref === book.accountRef) yield book;
    ref = Math.max(holder.ref, book.accountRef + 1);
  }
}

/** Rows in the order of their refs, read page by page. */
class Walk<Row> {
  readonly #read: (page: Page) => Promise<readonly Row[]>;
  readonly #refOf: (row: Row) => Ref;
  #page: readonly Row[] = [];
  #index = 0;

  constructor(read: (page: Page) => Promise<readonly Row[]>, refOf: (row: Row) => Ref) {
    this.#read = read;
    this.#refOf = refOf;
  }

  /** The first row at or after the ref, which never goes back. */
  async from(ref: Ref): Promise<Row | undefined> {
    for (; this.#index < this.#page.length; this.#index += 1) {
      const row = this.#page[this.#index];
      if (row !== undefined && this.#refOf(row) >= ref) return row;
    }
    this.#page = await this.#read({ after: ref - 1, limit: PAGE });
    this.#index = 0;
    return this.#page[0];
  }
}
