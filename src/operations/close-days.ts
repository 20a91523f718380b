import { openBalance } from '../domain/credits.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Store, UsedBooks, WriteTransaction } from '../domain/store.ts';
import { dayOf, formatDay, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { allowanceOn } from './balance-on.ts';
import type { Steps } from './steps.ts';

/** How much one transaction does: small, so that whoever waits for the write lock waits for milliseconds. */
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
  for (;;) {
    const step = await steps.run(() => store.write((tx, now) => closeStep(tx, Math.min(until, dayOf(now)), now)));
    closed.push(...step.closed);
    if (step.done) return closed;
    steps.tell(`closing ${formatDay(step.day)}`);
  }
}

interface CloseStep {
  readonly done: boolean;
  readonly day: UtcDay;
  readonly closed: readonly UtcDay[];
}

async function closeStep(tx: WriteTransaction, until: UtcDay, now: Instant): Promise<CloseStep> {
  const closed: UtcDay[] = [];
  let day = (await tx.credits.closedThrough()) + 1;
  // A proof needs every debit of the day in the usage, those too that a clock stepping back has just put there.
  if ((await tx.usage.fold(DEBITS_PER_STEP)) === DEBITS_PER_STEP) return { done: false, day, closed };
  if (day >= until) return { done: true, day, closed };
  if (until - day > LATE_BY_DAYS && (await tx.credits.countedThrough(day)) === 0) {
    closed.push(...(await closeEmptyDays(tx, day, until, now)));
    if (closed.length > 0) return { done: false, day: day + closed.length, closed };
  }
  const lastRef = await tx.accounts.lastRef();
  for (let left = ACCOUNTS_PER_STEP; left > 0 && day < until;) {
    const after = await tx.credits.countedThrough(day);
    const through = Math.max(after, Math.min(lastRef, after + left));
    for (const books of await tx.credits.booksIn(day, { after, through })) await prove(tx, books);
    await tx.credits.countBooks(day, { after, through });
    left -= through - after + COST_OF_A_DAY;
    if (through < lastRef) continue;
    await tx.credits.closeDay(day, now);
    closed.push(day);
    day += 1;
  }
  return { done: day >= until, day, closed };
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
    await steps.run(() =>
      store.write(async (tx) => {
        for (const { accountRef, day } of some) await openIdle(tx, accountRef, day);
      }),
    );
  }
}

async function openIdle(tx: WriteTransaction, accountRef: number, day: UtcDay): Promise<void> {
  const account = await tx.accounts.byRef(accountRef);
  const { running, archived, adjusted } = await tx.credits.spending(accountRef, day);
  if (account === null || archived !== null || running?.balance.day === day) return;
  await tx.credits.write(accountRef, openBalance(day, await allowanceOn(tx, account, day), adjusted));
}
