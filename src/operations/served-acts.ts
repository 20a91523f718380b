import type { DebitNumber } from '../domain/debit.ts';
import type { Request } from '../domain/decide.ts';
import type { CountedDenial, Store } from '../domain/store.ts';
import type { Verdict } from '../domain/verdict.ts';
import { refundDebits, type RefundOutcome } from './refund-debit.ts';

/**
 * What the endpoint writes. Each is a transaction that waits for the disk, so that they can run on a thread of their own,
 * where neither an fsync nor somebody else's lock stops the HTTP loop.
 */
export interface ServedActs {
  readonly settle: (requests: readonly Request[]) => Promise<readonly Verdict[]>;
  /** See `refundDebits`. */
  readonly refund: (numbers: readonly DebitNumber[]) => Promise<readonly RefundOutcome[]>;
  readonly addDenials: (denials: readonly CountedDenial[]) => Promise<void>;
  /** Folds at most `limit` debits into usage, and returns how many there were. */
  readonly fold: (limit: number) => Promise<number>;
}

/** The acts on a store, on the thread of the caller. */
export function servedActs(store: Store): ServedActs {
  return {
    settle: (requests) => store.settle(requests),
    refund: (numbers) => refundDebits(store, numbers),
    addDenials: (denials) => store.write((tx) => tx.usage.addDenials(denials)),
    fold: (limit) => store.write((tx) => tx.usage.fold(limit)),
  };
}
