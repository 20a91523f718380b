import { openBalance, regrant, remaining, type Balance } from '../../../src/domain/credits.ts';
import { rateState } from '../../../src/domain/rate-limit.ts';

const TIERS: Readonly<Record<string, { credits: number; rate: number }>> = {
  free: { credits: 100_000, rate: 5 },
  standard: { credits: 300_000, rate: 10 },
};

/** One account as the rules have it, in plain memory: what every store and every process has to agree with. */
export class ModelAccount {
  readonly books = new Map<number, Balance>();
  readonly adjustments = new Map<number, number>();
  #tiers: { from: number; tier: string }[] = [{ from: 0, tier: 'free' }];
  #arrival = 0;

  #tierOn(day: number): { credits: number; rate: number } {
    const tier = TIERS[this.#tiers.filter(({ from }) => from <= day).at(-1)?.tier ?? ''];
    if (tier === undefined) throw new RangeError('a model without that tier');
    return tier;
  }

  balance(day: number): Balance {
    return this.books.get(day) ?? openBalance(day, this.#tierOn(day).credits, this.adjustments.get(day) ?? 0);
  }

  /** One request: its code. Shell charges do not count towards the rate. */
  take(cost: number, fromShell: boolean, now: number): string {
    const day = Math.floor(now / 86_400_000);
    const balance = this.balance(day);
    if (cost > remaining(balance)) return 'insufficient_credits';
    const { rate } = this.#tierOn(day);
    const state = rateState({ requestsPerSecond: rate, burst: rate }, this.#arrival, now * 1_000);
    if (!fromShell && !state.admitted) {
      if (state.cut === null) return 'request_limit_reached';
      this.#arrival = state.cut;
      this.books.set(day, balance);
      return 'request_limit_reached';
    }
    this.#arrival = fromShell ? (this.#arrival > now * 1_000 ? this.#arrival : 0) : state.next;
    this.books.set(day, { ...balance, spent: balance.spent + cost });
    return 'ok';
  }

  refund(day: number, cost: number): void {
    const balance = this.balance(day);
    this.books.set(day, { ...balance, spent: balance.spent - cost });
  }

  adjust(day: number, amount: number): void {
    const balance = this.balance(day);
    this.adjustments.set(day, (this.adjustments.get(day) ?? 0) + amount);
    this.books.set(day, { ...balance, adjusted: balance.adjusted + amount });
  }

  /** The tier from today on, instead of any that waits; null when only that changes. */
  setTier(tier: string | null, today: number): void {
    const before = new Map([...this.books.keys()].map((day) => [day, this.#tierOn(day).credits]));
    if (tier === null) this.#tiers = this.#tiers.filter(({ from }) => from <= today);
    else this.#tiers = [...this.#tiers.filter(({ from }) => from < today), { from: today, tier }];
    for (const [day, balance] of this.books) {
      const { credits } = this.#tierOn(day);
      if (day >= today && credits !== before.get(day)) this.books.set(day, regrant(balance, credits));
    }
  }
}
