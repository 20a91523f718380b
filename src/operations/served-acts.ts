import type { DebitNumber } from '../domain/debit.ts';
import type { Request } from '../domain/decide.ts';
import type { CountedDenial, Store } from '../domain/store.ts';
import type { Verdict } from '../domain/verdict.ts';
import { refundDebits, type RefundOutcome } from './refund-debit.ts';
import { forgetServer, signServer, type ServerIdentity } from './server-signs.ts';

/** How much to fold: at most about so many rows, and nothing while every debit is younger than `waitedMs`; see `UsageWrites.foldOn`. */
export interface FoldOrder {
  readonly rows: number;
  readonly waitedMs: number;
}

/**
 * What the endpoint writes. Each is a transaction that waits for the disk, so that they can run on a thread of their own,
 * where neither an fsync nor somebody else's lock stops the HTTP loop.
 */
export interface ServedActs {
  readonly settle: (requests: readonly Request[]) => Promise<readonly Verdict[]>;
  /** See `refundDebits`. */
  readonly refund: (numbers: readonly DebitNumber[]) => Promise<readonly RefundOutcome[]>;
  readonly addDenials: (denials: readonly CountedDenial[]) => Promise<void>;
  /** See `signServer`. */
  readonly sign: (server: ServerIdentity) => Promise<void>;
  /** See `forgetServer`. */
  readonly leave: (id: string) => Promise<void>;
  /** Folds debits into balances and usage, and returns about how many rows it wrote: fewer than it may mean that nothing is left. */
  readonly fold: (order: FoldOrder) => Promise<number>;
}

/** The acts on a store, on the thread of the caller. */
export function servedActs(store: Store): ServedActs {
  return {
    settle: (requests) => store.settle(requests),
    refund: (numbers) => refundDebits(store, numbers),
    addDenials: (denials) => store.writeBeside((tx) => tx.usage.addDenials(denials)),
    sign: (server) => signServer(store, server),
    leave: (id) => forgetServer(store, id),
    fold: async ({ rows, waitedMs }) => {
      const waits = waitedMs === 0 || (await store.read((tx, now) => tx.usage.unfoldedBefore(now - waitedMs)));
      return waits ? store.writeBeside((tx) => tx.usage.foldOn(rows)) : 0;
    },
  };
}
