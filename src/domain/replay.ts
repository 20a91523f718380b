import { openBalance, type Balance } from './credits.ts';
import { debitOf, firstFailing, type Facts, type Request } from './decide.ts';
import type { Account, Ref, Service } from './entities.ts';
import type { ArrivalMicros, RateLimit } from './rate-limit.ts';
import { dayOf, type Instant, type UtcDay } from './utc-day.ts';
import type { DenialCode } from './verdict.ts';

/** One request of the past, or several that came in one instant. */
export interface Demand {
  readonly at: Instant;
  readonly accountRef: Ref;
  readonly service: Service;
  /** Credits of each of them. */
  readonly cost: number;
  readonly count: number;
  /** A charge from the shell, or requests of which nobody knows how close together they came: no rate limit is asked. */
  readonly atNoRate: boolean;
}

/** The denials that another tier could have admitted. Whoever was disabled or mistyped a key would be denied on every tier. */
export const TIER_DENIALS = ['insufficient_credits', 'request_limit_reached'] as const;
export type TierDenial = (typeof TIER_DENIALS)[number];

/** A demand with what became of it then: the code of a denial, or null. */
export interface PastDemand extends Demand {
  readonly deniedThen: TierDenial | null;
}

/** What an account would have had on every day. */
export interface Terms {
  readonly tier: string;
  readonly dailyCredits: number;
  readonly limit: (service: Service) => RateLimit | null;
}

/** Terms that are tried: those of one tier, or numbers beside an account's own ones. */
export interface Plan {
  readonly name: string;
  readonly termsOf: (account: Account) => Terms;
}

export type DeniedCounts = Readonly<Partial<Record<DenialCode, number>>>;

/** What a plan would have answered on one day. */
export interface ReplayedDay {
  readonly day: UtcDay;
  readonly requests: number;
  readonly denied: DeniedCounts;
  /** How many accounts would have had a request denied. */
  readonly accountsDenied: number;
  /** When the first account would have run out of credits, or null. */
  readonly exhaustedAt: Instant | null;
}

/** What an account asked for, and what each plan, in their order, would have denied of it. */
export interface ReplayedAccount {
  readonly account: Account;
  readonly requests: number;
  /** Credits asked for on its busiest day. */
  readonly busiestDay: number;
  readonly deniedBy: readonly number[];
}

interface Seat {
  readonly terms: Terms;
  readonly facts: { -readonly [Field in keyof Facts]: Facts[Field] };
  readonly arrivals: Map<Ref, ArrivalMicros>;
  denied: number;
  deniedToday: number;
}

interface Replaying {
  readonly account: Account;
  readonly seats: readonly Seat[];
  at: Instant;
  day: UtcDay;
  requests: number;
  askedToday: number;
  busiestDay: number;
}

type CountedDay = { -readonly [Field in keyof ReplayedDay]: ReplayedDay[Field] } & { denied: Partial<Record<DenialCode, number>> };

/**
 * Asks the rules that `serve` follows about requests of the past, one by one, as if the accounts had been on other plans. Pure: nothing is
 * stored. Each account's requests have to come in the order of their times; where a clock stepped back it is taken to have stood still.
 * It keeps a few numbers for each account, day and plan, and nothing for a request.
 */
export class Replay {
  readonly #plans: readonly Plan[];
  readonly #accounts = new Map<Ref, Replaying>();
  readonly #days: readonly Map<UtcDay, CountedDay>[];

  constructor(plans: readonly Plan[]) {
    this.#plans = plans;
    this.#days = plans.map(() => new Map<UtcDay, CountedDay>());
  }

  /** Whether the account has been met; who has not has to be given to `meet` before its first request. */
  knows(ref: Ref): boolean {
    return this.#accounts.has(ref);
  }

  /** An account that was suspended since then was none in those days. */
  meet(account: Account): void {
    const seats = this.#plans.map((plan): Seat => {
      const terms = plan.termsOf(account);
      const facts = {
        ...{ service: null, key: null, account: { ...account, suspendedAt: null }, tier: terms.tier, limit: null, balance: null },
        ...{ capSpent: 0, arrival: 0, prior: null, nextDebit: 0 },
      };
      return { terms, facts, arrivals: new Map(), denied: 0, deniedToday: 0 };
    });
    this.#accounts.set(account.ref, { account, seats, at: 0, day: -1, requests: 0, askedToday: 0, busiestDay: 0 });
  }

  take(demand: Demand): void {
    const replaying = this.#accounts.get(demand.accountRef);
    if (replaying === undefined) throw new RangeError('an account that was not met');
    replaying.at = Math.max(replaying.at, demand.at);
    const day = dayOf(replaying.at);
    if (day !== replaying.day) openDay(replaying, day);
    replaying.requests += demand.count;
    replaying.askedToday += demand.count * demand.cost;
    replaying.busiestDay = Math.max(replaying.busiestDay, replaying.askedToday);
    const request: Request = {
      ...{ subject: { kind: 'account', ref: demand.accountRef }, service: demand.service.name, environment: null, cost: demand.cost },
      ...{ ip: null, requestId: null, requestIdRule: 'json', dryRun: false, fromShell: demand.atNoRate },
    };
    replaying.seats.forEach((seat, place) => {
      this.#ask(seat, request, demand, replaying.at, this.#dayOf(place, day));
    });
  }

  days(plan: number): readonly ReplayedDay[] {
    return [...(this.#days[plan]?.values() ?? [])].sort((one, other) => one.day - other.day);
  }

  accounts(): readonly ReplayedAccount[] {
    return [...this.#accounts.values()].map(({ account, requests, busiestDay, seats }) => ({
      ...{ account, requests, busiestDay },
      deniedBy: seats.map(({ denied }) => denied),
    }));
  }

  #dayOf(plan: number, day: UtcDay): CountedDay {
    const days = this.#days[plan];
    const known = days?.get(day);
    if (known !== undefined) return known;
    const opened: CountedDay = { day, requests: 0, denied: {}, accountsDenied: 0, exhaustedAt: null };
    days?.set(day, opened);
    return opened;
  }

  #ask(seat: Seat, request: Request, { service, count }: Demand, now: Instant, counted: CountedDay): void {
    const { facts, arrivals, terms } = seat;
    facts.service = service;
    facts.limit = terms.limit(service);
    facts.arrival = arrivals.get(service.ref) ?? 0;
    counted.requests += count;
    for (let left = count; left > 0; left -= 1) {
      const code = firstFailing(request, facts, now);
      if (code !== null) {
        // A denial changes nothing, so that those of the same instant are denied alike.
        deny(seat, counted, code, left, now);
        return;
      }
      const { balance, arrival } = debitOf(request, facts, now);
      facts.balance = balance;
      if (arrival === null) continue;
      facts.arrival = arrival;
      arrivals.set(service.ref, arrival);
    }
  }
}

/** The balance of a day belongs to that day; what an operator gave or took then is no part of a plan. */
function openDay(replaying: Replaying, day: UtcDay): void {
  replaying.day = day;
  replaying.askedToday = 0;
  for (const seat of replaying.seats) {
    const balance: Balance = openBalance(day, seat.terms.dailyCredits, 0);
    seat.facts.balance = balance;
    seat.deniedToday = 0;
  }
}

function deny(seat: Seat, counted: CountedDay, code: DenialCode, count: number, now: Instant): void {
  counted.denied[code] = (counted.denied[code] ?? 0) + count;
  if (seat.deniedToday === 0) counted.accountsDenied += 1;
  seat.deniedToday += count;
  seat.denied += count;
  if (code === 'insufficient_credits') counted.exhaustedAt = Math.min(counted.exhaustedAt ?? now, now);
}
