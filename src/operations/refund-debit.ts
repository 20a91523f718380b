import { REFUND_WINDOW_MS, debitId, type DebitNumber } from '../domain/debit.ts';
import { KeyctlError, type ErrorCode } from '../domain/error.ts';
import type { Actor, Debit, Store, WriteTransaction } from '../domain/store.ts';
import { dayOf, formatInstant, type Instant } from '../domain/utc-day.ts';
import { standingOf, type Standing } from './standing.ts';

/** Over HTTP a refund is traffic, bound to a window; from the shell it is an operator's act, audited, for as long as the debit is kept. */
export type RefundBy = { readonly kind: 'http' } | { readonly kind: 'shell'; readonly actor: Actor; readonly reason: string };

export interface Refund {
  /** The debit as it stands now; `refundedAt` is never null. */
  readonly debit: Debit;
  /** It was refunded before, and nothing changed. */
  readonly alreadyRefunded: boolean;
}

/**
 * Gives a debit back, once, on the debit's own day: the account's spending, the key's cap and the usage there go down by its cost.
 * Throws `not_found`, or over HTTP `refund_window_closed` when the debit is older than 24 hours.
 */
export function refundDebit(store: Store, number: DebitNumber, by: RefundBy): Promise<Refund> {
  return store.write((tx, now) => refund(tx, now, number, by));
}

/** A debit that was given back, its key's environment, and what its account may spend after it. */
export interface Refunded {
  readonly debit: Debit;
  readonly environment: string | null;
  readonly standing: Standing;
}

/** What became of one refund among several: the debit as it stands now, or why it was refused. */
export type RefundOutcome = Refunded | { readonly debit: null; readonly code: ErrorCode; readonly message: string };

/** Gives debits back as traffic, in one transaction, each as if it were alone; the outcomes come in the order of the numbers. */
export function refundDebits(store: Store, numbers: readonly DebitNumber[]): Promise<readonly RefundOutcome[]> {
  return store.write(async (tx, now) => {
    const outcomes: RefundOutcome[] = [];
    for (const number of numbers) outcomes.push(await outcomeOf(tx, now, number));
    return outcomes;
  });
}

/** A refund that is refused has written nothing; any other failure is the transaction's. */
async function outcomeOf(tx: WriteTransaction, now: Instant, number: DebitNumber): Promise<RefundOutcome> {
  try {
    const { debit } = await refund(tx, now, number, { kind: 'http' });
    const account = await tx.accounts.byRef(debit.accountRef);
    if (account === null) throw new RangeError('a debit without its account');
    const key = debit.keyRef === null ? null : await tx.keys.byRef(debit.keyRef);
    return { debit, environment: key?.environment ?? null, standing: await standingOf(tx, account, key, now) };
  } catch (error) {
    if (!(error instanceof KeyctlError)) throw error;
    return { debit: null, code: error.code, message: error.message };
  }
}

async function refund(tx: WriteTransaction, now: Instant, number: DebitNumber, by: RefundBy): Promise<Refund> {
  const debit = await tx.debits.byNumber(number);
  if (debit === null) {
    throw new KeyctlError('not_found', 'There is no such debit.', {
      hint: 'Debits are kept for 35 days unless configured; see: keyctl debits',
    });
  }
  if (debit.refundedAt !== null) return { debit, alreadyRefunded: true };
  if (by.kind === 'http' && now - debit.at > REFUND_WINDOW_MS) {
    throw new KeyctlError('refund_window_closed', 'The debit is older than 24 hours.', {
      hint: 'An operator can still run: keyctl refund',
    });
  }
  await lowerSpending(tx, debit);
  await lowerCapSpending(tx, debit);
  await tx.debits.refund(debit, now);
  if (by.kind === 'shell') await audit(tx, debit, by, now);
  return { debit: { ...debit, refundedAt: now }, alreadyRefunded: false };
}

/** The debit as JSON shows it, here and in `keyctl debits`: `account` is its name, `key` the key's id or null for a charge from the shell. */
export function debitJson(debit: Debit): Record<string, unknown> {
  const { number, at, account, keyId, keyName, service, cost, balanceAfter, requestId, refundedAt } = debit;
  return {
    id: debitId(number),
    at: formatInstant(at),
    account,
    key: keyId,
    keyName,
    service,
    cost,
    balanceAfter,
    requestId,
    refundedAt: refundedAt === null ? null : formatInstant(refundedAt),
  };
}

async function lowerSpending(tx: WriteTransaction, debit: Debit): Promise<void> {
  const day = dayOf(debit.at);
  const { running, archived } = await tx.credits.spending(debit.accountRef, day);
  const balance = running?.balance.day === day ? running.balance : archived;
  if (balance === null || balance.spent < debit.cost) {
    throw new KeyctlError('store_damaged', 'The books of that day do not hold the debit.', {
      hint: 'Keep a copy of the store, and put back a backup.',
    });
  }
  await tx.credits.write(debit.accountRef, { ...balance, spent: balance.spent - debit.cost });
}

/** Only a key that has a cap counts towards one. A cap set after the debit never counted it, so that the sum stops at zero. */
async function lowerCapSpending(tx: WriteTransaction, debit: Debit): Promise<void> {
  const key = debit.keyRef === null ? null : await tx.keys.byRef(debit.keyRef);
  if (key === null || key.dailyCap === null) return;
  const day = dayOf(debit.at);
  const spent = await tx.credits.capSpent(key.capGroup, day);
  if (spent > 0) await tx.credits.setCapSpent(key.capGroup, day, Math.max(0, spent - debit.cost));
}

async function audit(tx: WriteTransaction, debit: Debit, by: RefundBy & { kind: 'shell' }, now: Instant): Promise<void> {
  const id = debitId(debit.number);
  await tx.audit.append({
    at: now,
    actor: by.actor,
    action: 'debit.refund',
    targetKind: 'debit',
    targetId: id,
    targetName: debit.account,
    before: { refundedAt: null },
    after: { refundedAt: formatInstant(now), account: debit.account, cost: debit.cost, reason: by.reason },
  });
}
