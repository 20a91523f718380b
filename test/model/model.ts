import { MS_PER_DAY, type Instant, type UtcDay } from '../../src/domain/utc-day.ts';

// The contract of DESIGN in the simplest words that it has: nothing is cached, folded, displaced or looked up by an index. What an
// account has spent on a day is the sum of its debits, whatever the clock, the other accounts or a reset did in between.

export interface ModelRate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface ModelService {
  readonly ref: number;
  readonly name: string;
  cost: number;
  environment: string | null;
  deleted: boolean;
}

export interface ModelTier {
  readonly name: string;
  /** The daily credits from a day on. */
  credits: readonly { readonly from: UtcDay; readonly credits: number }[];
  limits: ReadonlyMap<string, ModelRate>;
  deleted: boolean;
}

export interface ModelAccount {
  readonly ref: number;
  readonly name: string;
  readonly createdAt: Instant;
  suspended: boolean;
  tiers: readonly { readonly from: UtcDay; readonly tier: string; readonly decidedAt: Instant }[];
  /** What was granted for the days whose books have begun. */
  readonly opened: Map<UtcDay, number>;
  /** The theoretical arrival times of its rate limits, in microseconds, by the service's ref. */
  readonly arrivals: Map<number, number>;
  readonly requestIds: Map<string, ModelCharge>;
}

/** Keys that followed one another by rotation share one cap. */
export interface ModelChain {
  cap: number | null;
}

export interface ModelKey {
  readonly ref: number;
  readonly id: string;
  readonly account: ModelAccount;
  readonly environment: string;
  readonly createdAt: Instant;
  readonly chain: ModelChain;
  readonly rotatedFrom: ModelKey | null;
  name: string;
  rotatedTo: ModelKey | null;
  expiresAt: Instant | null;
  disabledAt: Instant | null;
  deletedAt: Instant | null;
  services: readonly string[];
  allowedIps: readonly string[];
}

export interface ModelDebit {
  readonly number: number;
  readonly at: Instant;
  readonly account: ModelAccount;
  readonly key: ModelKey | null;
  readonly service: ModelService;
  readonly cost: number;
  readonly balanceAfter: number;
  readonly requestId: string | null;
  refundedAt: Instant | null;
  /** No longer kept: it can be neither listed nor refunded, but it was spent. */
  pruned: boolean;
}

/** What a request id stands for. */
export interface ModelCharge {
  readonly debit: ModelDebit;
  readonly expiresAt: Instant;
  replaysLeft: number;
}

export interface ModelBooks {
  readonly day: UtcDay;
  readonly granted: number;
  readonly adjusted: number;
  readonly spent: number;
}

export const dayAt = (at: Instant): UtcDay => Math.floor(at / MS_PER_DAY);

/** The latest entry that is not after the day. */
export function holding<Entry extends { readonly from: UtcDay }>(history: readonly Entry[], day: UtcDay): Entry {
  const found = history.filter(({ from }) => from <= day).at(-1);
  if (found === undefined) throw new RangeError('a history holds from the beginning of time');
  return found;
}

export function isLive(key: ModelKey): boolean {
  return key.deletedAt === null;
}

export function statusAt(key: ModelKey, now: Instant): 'active' | 'disabled' | 'expired' | 'deleted' {
  if (key.deletedAt !== null) return 'deleted';
  if (key.disabledAt !== null) return 'disabled';
  return key.expiresAt !== null && now >= key.expiresAt ? 'expired' : 'active';
}

/** Everything that the contract speaks of, and the questions about it that have one answer. */
export class Model {
  now: Instant;
  /** Every day up to this one is closed. */
  closedThrough: UtcDay;
  readonly madeAt: Instant;
  /** When a reset closed a day. */
  readonly closedAt = new Map<UtcDay, Instant>();
  readonly services: ModelService[] = [];
  readonly tiers: ModelTier[] = [];
  readonly accounts: ModelAccount[] = [];
  readonly keys: ModelKey[] = [];
  readonly debits: ModelDebit[] = [];
  /** No new debit has a lower number. A store of several nodes may skip numbers, which it tells; none comes twice, and they rise. */
  nextNumber = 0;
  readonly adjustments: { readonly account: ModelAccount; readonly day: UtcDay; readonly amount: number }[] = [];
  readonly denials: {
    readonly at: Instant;
    readonly account: string | null;
    readonly keyId: string | null;
    readonly service: string | null;
    readonly code: string;
  }[] = [];

  constructor(now: Instant) {
    this.now = now;
    this.closedThrough = dayAt(now) - 1;
    this.madeAt = now;
  }

  get today(): UtcDay {
    return dayAt(this.now);
  }

  service(name: string): ModelService | undefined {
    return this.services.find((service) => service.name === name && !service.deleted);
  }

  /** Also one that is deleted: a day on which an account had it still needs its credits. */
  tier(name: string): ModelTier {
    const found = this.tiers.find((tier) => tier.name === name);
    if (found === undefined) throw new RangeError('an account is always on a tier');
    return found;
  }

  tierOn(account: ModelAccount, day: UtcDay): ModelTier {
    return this.tier(holding(account.tiers, day).tier);
  }

  allowance(account: ModelAccount, day: UtcDay): number {
    return holding(this.tierOn(account, day).credits, day).credits;
  }

  adjusted(account: ModelAccount, day: UtcDay): number {
    return sum(this.adjustments.filter((given) => given.account === account && given.day === day).map(({ amount }) => amount));
  }

  /** What was debited on the day and not given back, by those debits that the question is about. */
  spent(day: UtcDay, which: (debit: ModelDebit) => boolean): number {
    return sum(this.debits.filter((debit) => debit.refundedAt === null && dayAt(debit.at) === day && which(debit)).map(({ cost }) => cost));
  }

  books(account: ModelAccount, day: UtcDay): ModelBooks {
    const adjusted = this.adjusted(account, day);
    // A day cannot begin below zero, even where more was taken from it in advance than its tier now gives.
    const granted = account.opened.get(day) ?? Math.max(this.allowance(account, day), -adjusted);
    return { day, granted, adjusted, spent: this.spent(day, (debit) => debit.account === account) };
  }

  remaining(account: ModelAccount, day: UtcDay): number {
    const { granted, adjusted, spent } = this.books(account, day);
    return granted + adjusted - spent;
  }

  /** From now on the day's grant is what it is, until a change of tier holds at once. */
  open(account: ModelAccount, day: UtcDay): void {
    account.opened.set(day, this.books(account, day).granted);
  }

  /** Changes a history. Books that have begun, of today or of a day that a clock ahead has been on, follow at once, and never below zero. */
  regranting(change: () => void): void {
    const begun = this.accounts.flatMap((account) =>
      [...account.opened.keys()].filter((day) => day >= this.today).map((day) => ({ account, day, before: this.allowance(account, day) })),
    );
    change();
    for (const { account, day, before } of begun) {
      const after = this.allowance(account, day);
      const { adjusted, spent } = this.books(account, day);
      if (after !== before) account.opened.set(day, Math.max(after, spent - adjusted));
    }
  }

  capSpent(chain: ModelChain, day: UtcDay): number {
    return this.spent(day, (debit) => debit.key?.chain === chain);
  }

  /** Accounts that were there before the day was over, and those that a clock stepping back has brought to it. */
  accountsOn(day: UtcDay): readonly ModelAccount[] {
    return this.accounts.filter((account) => dayAt(account.createdAt) <= day || account.opened.has(day));
  }
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
