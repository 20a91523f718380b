import type { DayFacts, DaySums, ReadTransaction, Snapshots } from '../domain/store.ts';
import { dayOf, formatDay, startOfDay, type UtcDay } from '../domain/utc-day.ts';
import type { ToldFindings } from './told-findings.ts';
import type { WholeFrom } from './what-is-kept.ts';

const KEEP_A_COPY = 'Keep a copy of the store, and look at what changed since that day was closed: keyctl audit --since';

/** A day's books summed up exactly: a million balances can come to more than a number holds. */
export class SummedBooks {
  #accounts = 0;
  #granted = 0n;
  #adjusted = 0n;
  #spent = 0n;

  add(facts: readonly DayFacts[]): void {
    for (const { books } of facts) {
      for (const { granted, adjusted, spent } of books) {
        if (![granted, adjusted, spent].every(Number.isSafeInteger)) continue;
        this.#accounts += 1;
        this.#granted += BigInt(granted);
        this.#adjusted += BigInt(adjusted);
        this.#spent += BigInt(spent);
      }
    }
  }

  /** As a store tells the sums, which are rounded where they are as large as that. */
  get sums(): DaySums {
    return { accounts: this.#accounts, granted: Number(this.#granted), adjusted: Number(this.#adjusted), spent: Number(this.#spent) };
  }
}

function equal(one: DaySums, other: DaySums): boolean {
  return (['accounts', 'granted', 'adjusted', 'spent'] as const).every((name) => one[name] === other[name]);
}

/** A closed day's stored sums are those of its accounts' books, and of its usage. `summed` was added up in several snapshots. */
export async function proveClosedDay(store: Snapshots, told: ToldFindings, day: UtcDay, summed: DaySums, whole: WholeFrom): Promise<void> {
  await store.read(async (tx) => {
    const closed = (await tx.credits.closedDays(day)).find((candidate) => candidate.day === day);
    if (closed === undefined || day < whole.days) return;
    const fail = (what: string): void => {
      told.fault('closed_days', `${formatDay(day)}, which is closed: ${what}.`, `${KEEP_A_COPY} ${formatDay(day)}`, { day });
    };
    if (!equal(closed, summed)) {
      // Something may have been refunded since: one snapshot has both.
      const now = await tx.credits.sumsOf(day);
      if (!equal(closed, now)) fail(`the stored sums are ${described(closed)}, but the books come to ${described(now)}`);
    }
    // The hours of younger days are compared account by account, those without books too.
    if (day >= whole.hours) return;
    const used = await tx.usage.sums({ from: startOfDay(day), to: startOfDay(day + 1), table: 'day', by: 'day' });
    const credits = used.reduce((sum, { credits }) => sum + credits, 0);
    if (credits !== closed.spent)
      fail(`${String(closed.spent)} credits were spent, but the usage of all accounts comes to ${String(credits)}`);
  });
}

function described({ accounts, granted, adjusted, spent }: DaySums): string {
  return `${String(granted)} granted, ${String(adjusted)} adjusted and ${String(spent)} spent by ${String(accounts)} accounts`;
}

/** Every day up to the last one that is closed is closed, as far as they are kept. */
export async function proveDaysAreClosed(tx: ReadTransaction, told: ToldFindings, whole: WholeFrom): Promise<void> {
  const through = await tx.credits.closedThrough();
  const closed = (await tx.credits.closedDays(whole.days)).map(({ day }) => day).filter((day) => day <= through);
  const [first] = closed;
  const [oldest] = await tx.accounts.page({}, { after: 0, limit: 1 });
  if (first === undefined || oldest === undefined) return;
  const present = new Set(closed);
  // The first account came with the store. A day of before has sums only if a clock that stepped back spent on it.
  for (let day = Math.max(first, dayOf(oldest.createdAt)); day <= through; day += 1) {
    if (present.has(day)) continue;
    told.fault('closed_days', `${formatDay(day)} counts as closed, but its sums are not there.`, `${KEEP_A_COPY} ${formatDay(day)}`, {
      day,
    });
  }
}
