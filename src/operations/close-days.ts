import { openBalance } from '../domain/credits.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Store, UsedBooks, WriteTransaction } from '../domain/store.ts';
import { dayOf, formatDay, startOfDay, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { allowanceOn } from './balance-on.ts';
import type { Steps } from './steps.ts';

/** How much one transaction does, if its stint does not say otherwise: whoever waits for the write lock waits for milliseconds. */
const DEBITS_PER_STEP = 2_000;
const ACCOUNTS_PER_STEP = 500;
const IDLE_PER_STEP = 100;
/** What a day costs beside its accounts, in accounts. */
const COST_OF_A_DAY = 20;
/** So late, days are looked at together first: between the last debit and a clock that jumped ahead by years nearly all are empty. */
const LATE_BY_DAYS = 31;
const EMPTY_DAYS_PER_STEP = 500;

/**
 * Folds debits into usage and closes every day that is past and open, in order: proves that every account's spending is what its usage
 * says, and stores the day's sums. Each step is a transaction of its own and leaves its place behind, so that another `reset` may go on
 * from there, at the same time too. Returns the days that this call closed.
 * Throws `failed` for books that do not balance; that day and those after it stay open.
 */
export async function closeDays(store: Store, until: UtcDay, steps: Steps): Promise<readonly UtcDay[]> {
  const closed: UtcDay[] = [];
  // What is debited from now on is for `serve` and the next reset to fold: beside a running load there is no end to it.
  const { begun, first } = await store.read(async (tx, now) => ({ begun: now, first: (await tx.credits.closedThrough()) + 1 }));
  for (;;) {
    const step = await steps.run((stint) =>
      store.write((tx, now) => stint.work(() => closeStep(tx, { until: Math.min(until, dayOf(now)), now, begun, portion: stint.portion }))),
    );
    closed.push(...step.closed);
    if (step.done) return closed;
    const { day, counted, accounts } = step;
    const total = Math.max(1, until - first) * accounts;
    steps.tell({ text: `closing ${formatDay(day)}`, done: Math.min(total, (day - first) * accounts + counted), total });
  }
}

interface CloseStep {
  readonly done: boolean;
  /** The day that the next step goes on with, and how many of its accounts are counted. */
  readonly day: UtcDay;
  readonly counted: number;
  readonly accounts: number;
  readonly closed: readonly UtcDay[];
}

interface CloseStint {
  readonly until: UtcDay;
  readonly now: Instant;
  /** When the first step was. */
  readonly begun: Instant;
  readonly portion: number;
}

async function closeStep(tx: WriteTransaction, { until, now, begun, portion }: CloseStint): Promise<CloseStep> {
  const closed: UtcDay[] = [];
  const accounts = await tx.accounts.lastRef();
  let day = (await tx.credits.closedThrough()) + 1;
  const after = (done: boolean, counted = 0): CloseStep => ({ done, day, counted, accounts, closed });
  // A proof needs every debit of the days in the usage, those too that a clock stepping back has just put there.
  const folded = day < until ? startOfDay(until) : begun + 1;
  const debits = Math.ceil(DEBITS_PER_STEP * portion);
  if ((await tx.usage.unfoldedBefore(folded)) && (await tx.usage.fold(debits)) === debits) return after(false);
  if (day >= until) return after(true);
  if (until - day > LATE_BY_DAYS && (await tx.credits.countedThrough(day)) === 0) {
    closed.push(...(await closeEmptyDays(tx, day, until, now)));
    day += closed.length;
    if (closed.length > 0) return after(false);
  }
  let counted = 0;
  for (let left = Math.ceil(ACCOUNTS_PER_STEP * portion); left > 0 && day < until;) {
    const from = await tx.credits.countedThrough(day);
    counted = Math.max(from, Math.min(accounts, from + left));
    await tx.credits.countBooks(day, { after: from, through: counted });
    for (const books of await tx.credits.booksIn(day, { after: from, through: counted })) await prove(tx, books);
    left -= counted - from + COST_OF_A_DAY;
    if (counted < accounts) continue;
    await tx.credits.closeDay(day, now);
    closed.push(day);
    day += 1;
    counted = 0;
  }
  return after(day >= until, counted);
}

/** Closes the days up to the first with books, at most so many; looked up and closed in one transaction, nothing comes between. */
async function closeEmptyDays(tx: WriteTransaction, from: UtcDay, until: UtcDay, now: Instant): Promise<readonly UtcDay[]> {
  const [first = until] = await tx.credits.storedDays(from);
  const closed: UtcDay[] = [];
  for (let day = from; day < Math.min(first, until, from + EMPTY_DAYS_PER_STEP); day += 1) {
    await tx.credits.closeDay(day, now);
    closed.push(day);
  }
  return closed;
}

async function prove(tx: WriteTransaction, { accountRef, balance, used }: UsedBooks): Promise<void> {
  if (balance.spent === used) return;
  const account = await tx.accounts.byRef(accountRef);
  const day = formatDay(balance.day);
  throw new KeyctlError(
    'failed',
    `The books of ${account?.name ?? 'an account'} on ${day} do not balance: ${String(balance.spent)} credits spent, ${String(used)} in its usage.`,
    { hint: `${day} stays open, and nothing of it is lost. Compare: keyctl debits --account ${account?.name ?? 'NAME'} --since ${day}` },
  );
}

/**
 * Opens the books of accounts that were given or taken credits for a past day but did not spend on it, so that the day's sums hold them.
 * It does not matter whether the day is closed: the sums follow.
 */
export async function openAdjustedBooks(store: Store, from: UtcDay, until: UtcDay, steps: Steps): Promise<void> {
  const idle = await store.read((tx) => tx.credits.adjustedIdle(from, until));
  for (let begin = 0; begin < idle.length; begin += IDLE_PER_STEP) {
    const some = idle.slice(begin, begin + IDLE_PER_STEP);
    await steps.run((stint) =>
      store.write((tx) =>
        stint.work(async () => {
          for (const { accountRef, day } of some) await openIdle(tx, accountRef, day);
        }),
      ),
    );
  }
}

async function openIdle(tx: WriteTransaction, accountRef: number, day: UtcDay): Promise<void> {
  const account = await tx.accounts.byRef(accountRef);
  const { running, archived, adjusted } = await tx.credits.spending(accountRef, day);
  if (account === null || archived !== null || running?.balance.day === day) return;
  await tx.credits.write(accountRef, openBalance(day, await allowanceOn(tx, account, day), adjusted));
}
