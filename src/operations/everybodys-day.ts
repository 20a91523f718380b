import { remaining } from '../domain/credits.ts';
import { creditsOn } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { startOfDay, type UtcDay } from '../domain/utc-day.ts';
import { allowanceOn, balanceOn, tierNamed } from './balance-on.ts';

/** What all accounts together were granted on a day and have left of it. */
export interface EverybodysDay {
  readonly granted: number;
  readonly remaining: number;
}

/** Sums a day up over all accounts that existed on it: the stored books, and those of idle accounts as they would be opened. */
export async function everybodysDay(tx: ReadTransaction, day: UtcDay): Promise<EverybodysDay> {
  const stored = await tx.credits.sumsOf(day);
  let granted = stored.granted;
  let left = stored.granted + stored.adjusted - stored.spent;
  const opened = await tx.credits.countOpenedByTier(day);
  for (const [name, count] of await tx.accounts.countByTier(day)) {
    // An account may have spent on a day before the one that it was created on, when the clock stepped back.
    const idle = Math.max(0, count - (opened.get(name) ?? 0));
    const allowance = creditsOn(await tierNamed(tx, name), day);
    granted += idle * allowance;
    left += idle * allowance;
  }
  for (const { accountRef } of await tx.credits.adjustedIdle(day, day + 1)) {
    const account = await tx.accounts.byRef(accountRef);
    // A clock that stepped back comes to days before the account was made, and may have been given credits for them.
    if (account === null || account.createdAt >= startOfDay(day + 1)) continue;
    const allowance = await allowanceOn(tx, account, day);
    const balance = await balanceOn(tx, account, day);
    granted += balance.granted - allowance;
    left += remaining(balance) - allowance;
  }
  return { granted, remaining: left };
}
