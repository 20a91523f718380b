import { MAX_CREDITS, openBalance, remaining, type Balance } from '../domain/credits.ts';
import type { Account } from '../domain/entities.ts';
import { KeyctlError, usageError } from '../domain/error.ts';
import { newId, type RandomBytes } from '../domain/random.ts';
import type { Actor, Adjustment, Store, WriteTransaction } from '../domain/store.ts';
import { dayOf, formatDay, formatInstant, type UtcDay } from '../domain/utc-day.ts';
import { actorName } from './actor-name.ts';
import { allowanceOn, balanceOn } from './balance-on.ts';
import { findAccountOrOnly } from './find-account.ts';
import { rearmThresholds } from './rearm-thresholds.ts';

export interface GiveCredit {
  /** A name or id; undefined for the only account. */
  readonly account: string | undefined;
  /** Credits to give, or, below zero, to take. */
  readonly amount: number;
  /** Undefined for today. */
  readonly day: UtcDay | undefined;
  readonly reason: string;
}

export interface GivenCredit {
  readonly adjustment: Adjustment;
  /** The account's name. */
  readonly account: string;
  /** What remains of that day with the adjustment in it. */
  readonly remaining: number;
  readonly isToday: boolean;
}

/**
 * Gives credits to an account for one day, or takes them; they expire with the day. Throws `usage` for a day that is over, `not_found`,
 * and `conflict` when more is taken than remains, or more given than a balance can hold; then nothing changes.
 */
export function giveCredit(store: Store, wanted: GiveCredit, actor: Actor, randomBytes: RandomBytes): Promise<GivenCredit> {
  return store.write(async (tx, now) => {
    const today = dayOf(now);
    const day = wanted.day ?? today;
    if (day < today) throw usageError('--day is over.', `Credits belong to today (${formatDay(today)}, UTC) or a later day.`);
    const account = await findAccountOrOnly(tx, wanted.account);
    const before = await balanceOn(tx, account, day);
    checkAmount(before, wanted.amount);
    const { amount, reason } = wanted;
    const id = newId('adj', randomBytes);
    const adjustment: Adjustment = { id, at: now, accountRef: account.ref, day, amount, reason, actor: actorName(actor) };
    const after = await adjust(tx, account, before, amount, today);
    await tx.credits.insertAdjustment(adjustment);
    await tx.audit.append({
      ...{ at: now, actor, action: amount > 0 ? 'credit.give' : 'credit.take' },
      ...{ targetKind: 'account', targetId: account.id, targetName: account.name },
      before: { day: formatDay(day), adjusted: before.adjusted, remaining: remaining(before) },
      after: { day: formatDay(day), adjusted: after.adjusted, remaining: remaining(after), amount, reason, adjustment: id },
    });
    return { adjustment, account: account.name, remaining: remaining(after), isToday: day === today };
  });
}

function checkAmount(before: Balance, amount: number): void {
  const left = remaining(before);
  if (left + amount < 0) {
    throw new KeyctlError('conflict', `Only ${String(left)} credits remain on ${formatDay(before.day)}; nothing was taken.`, {
      hint: 'Take at most what remains. What is spent stays spent.',
    });
  }
  if (before.granted + before.adjusted + amount > MAX_CREDITS) {
    throw new KeyctlError('conflict', `The day would hold more than ${String(MAX_CREDITS)} credits; nothing was given.`);
  }
}

/** Today's books are stored from now on. Those of a later day open when it comes, with the tier that it then has and all adjustments. */
async function adjust(tx: WriteTransaction, account: Account, before: Balance, amount: number, today: UtcDay): Promise<Balance> {
  const adjusted = before.adjusted + amount;
  const isStored = (await tx.credits.balances([account.ref], before.day)).has(account.ref);
  if (before.day > today && !isStored) return openBalance(before.day, await allowanceOn(tx, account, before.day), adjusted);
  const after = { ...before, adjusted };
  await tx.credits.write(account.ref, after);
  await rearmThresholds(tx, account.ref, after);
  return after;
}

export const ADJUSTMENT_FIELDS = ['id', 'at', 'account', 'day', 'amount', 'reason', 'actor'] as const;

/** An adjustment as JSON shows it; `account` is the account's name. */
export function adjustmentJson(adjustment: Adjustment, account: string): Record<string, unknown> {
  const { id, at, day, amount, reason, actor } = adjustment;
  return { id, at: formatInstant(at), account, day: formatDay(day), amount, reason, actor };
}
