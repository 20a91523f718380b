import type { DebitNumber } from '../../domain/debit.ts';

/** Thrown to have the transaction begun again, with the horizon known; see `Horizon`. */
export class HorizonWanted extends Error {
  constructor() {
    super('the transaction has to know through which number everything is settled');
    this.name = 'HorizonWanted';
  }
}

/**
 * Through which number every debit is there or never will be. Debits of other nodes may become visible after later ones; whoever goes
 * through them in the order of their numbers, once, must not go past what this says. It has to be known before the transaction's snapshot is
 * taken: asked for the first time in a transaction that did not know, it has that one begun again.
 */
export class Horizon {
  #known: DebitNumber | null = null;

  /** To be called before each transaction. */
  begin(known: DebitNumber | null): void {
    this.#known = known;
  }

  settledThrough(): DebitNumber {
    if (this.#known === null) throw new HorizonWanted();
    return this.#known;
  }
}
