import type { DebitNumber } from '../domain/debit.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Refunded } from '../operations/refund-debit.ts';
import type { ServedActs } from '../operations/served-acts.ts';

/** Small enough that verification, which shares the store's thread, waits only a moment for it. */
const LARGEST_BATCH = 64;
const MOST_WAITING = 4_096;

interface Waiting {
  readonly number: DebitNumber;
  readonly resolve: (refunded: Refunded) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit for refunds. An API that fails gives back every charge it took: a transaction for each would keep
 * all verification waiting behind them. One batch at a time goes to the store.
 */
export class RefundQueue {
  readonly #refund: ServedActs['refund'];
  #waiting: Waiting[] = [];
  #running = false;

  constructor(refund: ServedActs['refund']) {
    this.#refund = refund;
  }

  /** The debit as it stands after the refund, and what is left then. Throws what `refundDebit` throws, and `store_busy` when too many wait already. */
  submit(number: DebitNumber): Promise<Refunded> {
    if (this.#waiting.length >= MOST_WAITING) {
      return Promise.reject(new KeyctlError('store_busy', 'Too many refunds are waiting.', { hint: 'Try again in a moment.' }));
    }
    const result = new Promise<Refunded>((resolve, reject) => this.#waiting.push({ number, resolve, reject }));
    if (!this.#running) {
      this.#running = true;
      setImmediate(() => void this.#run());
    }
    return result;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0, LARGEST_BATCH));
    this.#running = false;
  }

  async #settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#refund(batch.map(({ number }) => number));
      batch.forEach(({ resolve, reject }, place) => {
        const outcome = outcomes[place];
        if (outcome === undefined) reject(new RangeError('the store answered another number of refunds'));
        else if (outcome.debit === null) reject(new KeyctlError(outcome.code, outcome.message));
        else resolve(outcome);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
