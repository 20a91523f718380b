/** One account's books of the day, and the change of tier that waits. */
export interface ModelBalance {
  readonly tier: string;
  readonly pendingTier: string | null;
  readonly granted: number;
  readonly adjusted: number;
  readonly spent: number;
}

interface ModelAccount {
  tier: string;
  pending: string | null;
  granted: number;
  adjusted: number;
  spent: number;
  /** What was given or taken for later days, by day. */
  readonly future: Map<number, number>;
}

interface ModelTier {
  credits: number;
  pending: number | null;
}

/**
 * The rules in the simplest words that they have: every account's books are open from the first instant of a day, changes that wait
 * are applied at midnight, and nothing is stored lazily or looked up in a history.
 */
export class BooksModel {
  day: number;
  readonly accounts = new Map<string, ModelAccount>();
  readonly tiers = new Map<string, ModelTier>();

  constructor(day: number, tiers: Readonly<Record<string, number>>, accounts: Readonly<Record<string, string>>) {
    this.day = day;
    for (const [name, credits] of Object.entries(tiers)) this.tiers.set(name, { credits, pending: null });
    for (const [name, tier] of Object.entries(accounts)) {
      const granted = this.#tier(tier).credits;
      this.accounts.set(name, { tier, pending: null, granted, adjusted: 0, spent: 0, future: new Map() });
    }
  }

  goTo(day: number): void {
    for (; this.day < day; this.day += 1) this.#midnight();
  }

  #midnight(): void {
    for (const tier of this.tiers.values()) {
      tier.credits = tier.pending ?? tier.credits;
      tier.pending = null;
    }
    for (const account of this.accounts.values()) {
      account.tier = account.pending ?? account.tier;
      account.pending = null;
      account.adjusted = account.future.get(this.day + 1) ?? 0;
      account.granted = Math.max(this.#tier(account.tier).credits, -account.adjusted);
      account.spent = 0;
    }
  }

  setTier(name: string, wanted: string, timing: 'by-credits' | 'now' | 'at-reset'): void {
    const account = this.#account(name);
    if (wanted === account.tier) {
      account.pending = null;
      return;
    }
    const [old, fresh] = [this.#tier(account.tier).credits, this.#tier(wanted).credits];
    if (timing === 'at-reset' || (timing === 'by-credits' && fresh < old)) {
      account.pending = wanted;
      return;
    }
    account.tier = wanted;
    account.pending = null;
    if (fresh !== old) regrant(account, fresh);
  }

  editTier(name: string, credits: number, now: boolean): void {
    const tier = this.#tier(name);
    if (!now) {
      tier.pending = credits === tier.credits ? null : credits;
      return;
    }
    if (credits === tier.credits) return;
    tier.credits = credits;
    for (const account of this.accounts.values()) if (account.tier === name) regrant(account, credits);
  }

  /** False where more is taken than remains. */
  credit(name: string, amount: number, daysAhead: number): boolean {
    const account = this.#account(name);
    if (daysAhead === 0) {
      if (account.granted + account.adjusted - account.spent + amount < 0) return false;
      account.adjusted += amount;
      return true;
    }
    const adjusted = account.future.get(this.day + daysAhead) ?? 0;
    const tier = this.#tier(account.pending ?? account.tier);
    const granted = Math.max(tier.pending ?? tier.credits, -adjusted);
    if (granted + adjusted + amount < 0) return false;
    account.future.set(this.day + daysAhead, adjusted + amount);
    return true;
  }

  /** How many of the requests pass, at 100 credits each. */
  charge(name: string, requests: number): number {
    const account = this.#account(name);
    const admitted = Math.min(requests, Math.floor((account.granted + account.adjusted - account.spent) / 100));
    account.spent += admitted * 100;
    return admitted;
  }

  refundToday(name: string): void {
    this.#account(name).spent -= 100;
  }

  balance(name: string): ModelBalance {
    const { tier, pending: pendingTier, granted, adjusted, spent } = this.#account(name);
    return { tier, pendingTier, granted, adjusted, spent };
  }

  /** A change that waits and has come about already is none. */
  tierCredits(): Record<string, ModelTier> {
    return Object.fromEntries(
      [...this.tiers].map(([name, { credits, pending }]) => [name, { credits, pending: pending === credits ? null : pending }]),
    );
  }

  #account(name: string): ModelAccount {
    const account = this.accounts.get(name);
    if (account === undefined) throw new RangeError('no such account in the model');
    return account;
  }

  #tier(name: string): ModelTier {
    const tier = this.tiers.get(name);
    if (tier === undefined) throw new RangeError('no such tier in the model');
    return tier;
  }
}

function regrant(account: ModelAccount, credits: number): void {
  account.granted = Math.max(credits, account.spent - account.adjusted);
}
