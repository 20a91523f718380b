import { remaining, type Balance } from './credits.ts';
import { decide, rateOf, type Change, type Facts, type Request } from './decide.ts';
import type { Account, Service } from './entities.ts';
import type { ArrivalMicros, RateLimit } from './rate-limit.ts';
import { dayOf, nextReset, type Instant, type UtcDay } from './utc-day.ts';
import type { DenialCode, VerdictCode } from './verdict.ts';

/** What holds on one day: the tier's name and limit, and the account's books as they are when the simulation comes to that day. */
export interface SimulatedDay {
  readonly tier: string;
  readonly limit: RateLimit | null;
  readonly balance: Balance;
}

/** An even stream of requests: `count` of them in every `perMs` milliseconds. */
export interface Arrivals {
  readonly count: number;
  readonly perMs: number;
}

export interface Scenario {
  readonly account: Account;
  readonly service: Service;
  /** Where the account's rate limit for the service stands at the start. */
  readonly arrival: ArrivalMicros;
  readonly day: (day: UtcDay) => SimulatedDay;
  readonly start: Instant;
  readonly requests: number;
  /** Null: they come as fast as the rate limit admits, all at once where there is none. */
  readonly arrivals: Arrivals | null;
}

export interface Simulation {
  readonly accepted: number;
  readonly denied: Readonly<Partial<Record<DenialCode, number>>>;
  /** Credits that would be taken. */
  readonly cost: number;
  /** Credits left on the day of the last request. */
  readonly remaining: number;
  /** When the first request would be denied for want of credits, or null. */
  readonly exhaustedAt: Instant | null;
  /** When the last request would come. */
  readonly endsAt: Instant;
}

/** What to do with requests, decided one by one by the rules that `serve` follows. Pure: nothing is stored and nobody is charged. */
export function simulate(scenario: Scenario): Simulation {
  return new Run(scenario).result();
}

class Run {
  readonly #scenario: Scenario;
  readonly #request: Request;
  /** One object, changed in place: ten million copies would take longer than ten million decisions. */
  readonly #facts: { -readonly [Field in keyof Facts]: Facts[Field] };
  readonly #denied: Partial<Record<DenialCode, number>> = {};
  #accepted = 0;
  #cost = 0;
  #exhaustedAt: Instant | null = null;
  #now: Instant;
  #reset: Instant;

  constructor(scenario: Scenario) {
    const { account, service, arrival, start } = scenario;
    this.#scenario = scenario;
    this.#request = {
      ...{ subject: { kind: 'account', ref: account.ref }, service: service.name, environment: null, cost: null, ip: null },
      ...{ requestId: null, requestIdRule: 'json', dryRun: false, fromShell: false },
    };
    this.#now = start;
    this.#reset = nextReset(start);
    const { tier, limit, balance } = scenario.day(dayOf(start));
    this.#facts = { service, key: null, account, tier, limit, balance, capSpent: 0, arrival, prior: null, nextDebit: 0 };
  }

  result(): Simulation {
    const { requests, arrivals } = this.#scenario;
    for (let index = 0; index < requests;) {
      this.#advance(index);
      const { verdict, change } = decide(this.#request, this.#facts, this.#now);
      if (change?.kind === 'debit') index = this.#admit(index, change);
      else index += this.#deny(index, verdict.code, change);
    }
    if (arrivals !== null && requests > 0) this.#advance(requests - 1);
    const left = this.#facts.balance === null ? 0 : remaining(this.#facts.balance);
    return {
      ...{ accepted: this.#accepted, denied: this.#denied, cost: this.#cost, remaining: left },
      ...{ exhaustedAt: this.#exhaustedAt, endsAt: this.#now },
    };
  }

  /**
   * Takes an admitted request, and those after it on the same day as long as they are admitted too; returns the first that is left.
   * Of all the checks that one account's requests pass, only those of credits and of rate look at what an admission or the time changes,
   * so that only these two are made again; `decide` says what becomes of the first that fails one.
   */
  #admit(first: number, { cost, balance, arrival }: Change & { readonly kind: 'debit' }): number {
    const { requests } = this.#scenario;
    const reset = this.#reset;
    let left = remaining(balance);
    this.#facts.arrival = arrival ?? this.#facts.arrival;
    let index = first + 1;
    for (; index < requests && left >= cost; index += 1) {
      this.#advance(index);
      // The next day has other books, which #advance has opened already.
      if (this.#reset !== reset) break;
      const rate = rateOf(this.#facts, this.#now);
      if (rate?.admitted === false) break;
      if (rate !== null) this.#facts.arrival = rate.next;
      left -= cost;
    }
    const spent = balance.granted + balance.adjusted - left;
    if (this.#reset === reset) this.#facts.balance = { ...balance, spent };
    this.#accepted += index - first;
    this.#cost += (index - first) * cost;
    return index;
  }

  /** Counts a denied request and those that are denied like it; returns how many they are. */
  #deny(index: number, code: VerdictCode, change: Change | null): number {
    if (code === 'ok') throw new RangeError('an admission that changes nothing');
    if (change?.kind === 'cut') this.#facts.arrival = change.arrival;
    if (code === 'insufficient_credits') this.#exhaustedAt ??= this.#now;
    const alike = this.#alike(index, code);
    this.#denied[code] = (this.#denied[code] ?? 0) + alike;
    return alike;
  }

  /**
   * How many requests from this denied one on are denied alike. A denial changes nothing that the next one does not find; the rate
   * refuses until its wait is over, and whatever else denied it holds until the books change at midnight, for the other checks of an
   * account do not look at the clock.
   */
  #alike(index: number, code: DenialCode): number {
    const { arrivals, requests, start } = this.#scenario;
    if (arrivals === null) return requests - index;
    const wait = code === 'request_limit_reached' ? (rateOf(this.#facts, this.#now)?.waitMicros ?? 0) : Infinity;
    const until = Math.min(this.#reset, this.#now + Math.ceil(wait / 1_000));
    // The request i comes floor(i x perMs / count) after the start, so before an instant exactly if i < (instant - start) x count / perMs.
    const before = Math.ceil(((until - start) * arrivals.count) / arrivals.perMs);
    return Math.max(1, Math.min(requests, before) - index);
  }

  /** Moves on to the request number `index`. */
  #advance(index: number): void {
    const { arrivals, start } = this.#scenario;
    if (arrivals !== null) {
      this.#moveTo(start + Math.floor((index * arrivals.perMs) / arrivals.count));
      return;
    }
    for (;;) {
      const wait = rateOf(this.#facts, this.#now)?.waitMicros ?? 0;
      if (wait === 0) return;
      const next = this.#now + Math.ceil(wait / 1_000);
      // At midnight another tier's limit may hold: whoever waits for it looks again then.
      this.#moveTo(Math.min(next, this.#reset));
    }
  }

  #moveTo(now: Instant): void {
    this.#now = now;
    if (now < this.#reset) return;
    this.#reset = nextReset(now);
    const { tier, limit, balance } = this.#scenario.day(dayOf(now));
    this.#facts.tier = tier;
    this.#facts.limit = limit;
    this.#facts.balance = balance;
  }
}
