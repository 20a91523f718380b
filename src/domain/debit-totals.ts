import type { Ref } from './entities.ts';
import type { DebitSum } from './proof.ts';

/** How many refs share one page of memory. */
const PAGE = 4_096;
/** Debits, their mark, their cost, and what was refunded of it. */
const NUMBERS = 4;

/**
 * Debits summed up by account or by chain of keys, in memory: 32 bytes for each, however many debits there are, and pages only where refs
 * are, so that a damaged ref costs a page and no more.
 */
export class DebitTotals {
  readonly #pages = new Map<number, Float64Array>();
  /** The highest ref that there is a sum for. */
  last: Ref = 0;

  add(sums: readonly DebitSum[]): void {
    for (const { ref, debits, mark, cost, refunded } of sums) {
      const page = this.#page(Math.floor(ref / PAGE));
      const place = this.#place(ref);
      page[place] = (page[place] ?? 0) + debits;
      page[place + 1] = (page[place + 1] ?? 0) + mark;
      page[place + 2] = (page[place + 2] ?? 0) + cost;
      page[place + 3] = (page[place + 3] ?? 0) + refunded;
      this.last = Math.max(this.last, ref);
    }
  }

  /** Forgets all sums and keeps the memory for others. */
  clear(): void {
    for (const page of this.#pages.values()) page.fill(0);
    this.last = 0;
  }

  of(ref: Ref): DebitSum {
    const page = this.#pages.get(Math.floor(ref / PAGE));
    const place = this.#place(ref);
    const at = (offset: number): number => page?.[place + offset] ?? 0;
    return { ref, debits: at(0), mark: at(1), cost: at(2), refunded: at(3) };
  }

  /** Those with debits whose refs are after one, through another; ascending. */
  *between(after: Ref, through: Ref): Generator<DebitSum> {
    const pages = [...this.#pages.keys()].filter((page) => page >= Math.floor((after + 1) / PAGE) && page <= Math.floor(through / PAGE));
    for (const page of pages.sort((one, other) => one - other)) {
      for (let ref = page * PAGE; ref < (page + 1) * PAGE; ref += 1) {
        const sum = this.of(ref);
        if (sum.debits > 0 && ref > after && ref <= through) yield sum;
      }
    }
  }

  #page(number: number): Float64Array {
    let page = this.#pages.get(number);
    if (page === undefined) this.#pages.set(number, (page = new Float64Array(PAGE * NUMBERS)));
    return page;
  }

  #place(ref: Ref): number {
    return (ref - Math.floor(ref / PAGE) * PAGE) * NUMBERS;
  }
}
