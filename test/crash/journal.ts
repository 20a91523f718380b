import { debitId } from '../../src/domain/debit.ts';
import type { Debit } from '../../src/domain/store.ts';

/** A charge as a client asked for it. */
export interface Sent {
  readonly account: string;
  readonly requestId: string | null;
  readonly requests: number;
}

/**
 * What clients have heard, as they would prove it to the operator: every charge that was acknowledged, and every one that got no answer,
 * which may have been made or not.
 */
export class Journal {
  readonly #acked = new Map<string, string>();
  readonly #counted = new Map<string, number>();
  readonly #refunded = new Set<string>();
  readonly #asked = new Set<string>();
  #unknown: Sent[] = [];

  get acknowledged(): readonly string[] {
    return [...this.#acked.keys()];
  }

  get size(): number {
    return this.#acked.size;
  }

  /** Charges with a request id that got no answer: whoever repeats one of them is charged once. */
  get repeatable(): readonly Sent[] {
    return this.#unknown.filter(({ requestId }) => requestId !== null);
  }

  charged(debit: string, { account }: Sent): void {
    this.#acked.set(debit, account);
  }

  /** The shell says how many it has charged, and not which debits those are. */
  chargedMany(account: string, requests: number): void {
    this.#counted.set(account, (this.#counted.get(account) ?? 0) + requests);
  }

  unanswered(sent: Sent): void {
    this.#unknown.push(sent);
  }

  /** A repeated charge was answered at last. */
  answered(sent: Sent, debit: string): void {
    this.#unknown = this.#unknown.filter((one) => one !== sent);
    this.charged(debit, sent);
  }

  refunding(debit: string): void {
    this.#asked.add(debit);
  }

  refunded(debit: string): void {
    this.#refunded.add(debit);
  }

  /** What the store's debits say against the journal, one sentence each. */
  faults(debits: readonly Debit[]): string[] {
    const faults: string[] = [];
    const stored = new Map(debits.map((debit) => [debitId(debit.number), debit]));
    for (const [id, account] of this.#acked) if (stored.get(id)?.account !== account) faults.push(`${id} was acknowledged and is lost`);
    for (const id of this.#refunded) if (stored.get(id)?.refundedAt === null) faults.push(`${id} was given back and is not`);
    for (const [id, { refundedAt }] of stored)
      if (refundedAt !== null && !this.#asked.has(id)) faults.push(`${id} was given back by nobody`);
    for (const account of new Set([...stored.values()].map((debit) => debit.account))) {
      const made = debits.filter((debit) => debit.account === account).length;
      const acked = [...this.#acked.values()].filter((of) => of === account).length + (this.#counted.get(account) ?? 0);
      const unknown = this.#unknown.filter((sent) => sent.account === account).reduce((sum, { requests }) => sum + requests, 0);
      if (made < acked || made > acked + unknown) {
        faults.push(`${account}: ${String(acked)} acknowledged, ${String(unknown)} unknown, but ${String(made)} debited`);
      }
    }
    const ids = debits.flatMap(({ requestId, account }) => (requestId === null ? [] : [`${account} ${requestId}`]));
    if (new Set(ids).size !== ids.length) faults.push('a request id was charged twice');
    return faults;
  }
}
