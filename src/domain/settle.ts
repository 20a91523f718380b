import { openBalance, type Balance } from './credits.ts';
import { decide, type Change, type Facts, type Request, type Subject } from './decide.ts';
import { REQUEST_ID_REPLAYS, type DebitNumber, type NewDebit, type PriorCharge, type RequestIdRule } from './debit.ts';
import { creditsOn, limitFor, tierOn, type Account, type Ref, type Service, type Tier, type VerifiedKey } from './entities.ts';
import type { ArrivalMicros } from './rate-limit.ts';
import { dayOf, type Instant, type UtcDay } from './utc-day.ts';
import type { Verdict } from './verdict.ts';

/** An account's one hot row: the books of the day it last spent on, and where its rate limits stand, by service. */
export interface RunningDay {
  readonly balance: Balance;
  readonly arrivals: ReadonlyMap<Ref, ArrivalMicros>;
}

/** What a store has about an account's spending: the hot row, and, when that is of another day, what it has of the day asked for. */
export interface StoredSpending {
  readonly running: RunningDay | null;
  /** The archived books of the day, when a clock that ran ahead has already left it. */
  readonly archived: Balance | null;
  /** The sum of the adjustments made for the day. */
  readonly adjusted: number;
}

/** Read access to the rows that a batch touches, under the lock of its transaction. SQLite reads them when asked; PostgreSQL has them ready. */
export interface SettlingRows {
  service(name: string): Service | null;
  keyByDigest(digest: string): VerifiedKey | null;
  key(ref: Ref): VerifiedKey | null;
  account(ref: Ref): Account;
  tier(name: string): Tier;
  spending(accountRef: Ref, day: UtcDay): StoredSpending;
  capSpent(capGroup: Ref, day: UtcDay): number;
  /** The charge under a request id that is still in its window at `now`, or null. */
  priorCharge(accountRef: Ref, requestId: string, now: Instant): PriorCharge | null;
  /** How long a request id is remembered, in milliseconds. */
  requestIdWindow(rule: RequestIdRule): number;
}

/** The account's row as it has to be written, once, and the books that it displaces from the hot row. */
export interface AccountChange {
  readonly accountRef: Ref;
  readonly running: RunningDay;
  readonly displaced: Balance | null;
  /** The books came back from the archive, where they have to be removed. */
  readonly fromArchive: boolean;
  /** Nothing was stored about the account's day before this batch. */
  readonly opened: boolean;
  /** Credits that this batch spent. */
  readonly spent: number;
  /** A rate limit was changed by a refusal: no debit tells of it. */
  readonly cut: boolean;
}

export interface Settlement {
  readonly verdicts: readonly Verdict[];
  readonly accounts: readonly AccountChange[];
  readonly debits: readonly NewDebit[];
  readonly caps: readonly { readonly capGroup: Ref; readonly day: UtcDay; readonly spent: number }[];
  readonly requestIds: readonly { readonly accountRef: Ref; readonly requestId: string; readonly charge: PriorCharge }[];
}

interface OpenAccount {
  readonly account: Account;
  readonly tier: Tier;
  readonly stored: StoredSpending;
  /** Shared with the store's row as long as nothing changes in it. */
  arrivals: ReadonlyMap<Ref, ArrivalMicros>;
  readonly spentBefore: number;
  balance: Balance;
  touched: boolean;
  cut: boolean;
}

/**
 * Decides a batch in order, each request seeing what those before it took, and collects what is to be written:
 * every changed row once. Pure over `rows`; the store calls it inside its transaction and writes the result there.
 * `nextDebit` is the first free debit number.
 */
export function settle(requests: readonly Request[], rows: SettlingRows, now: Instant, nextDebit: DebitNumber): Settlement {
  const batch = new Batch(rows, now, nextDebit);
  const verdicts = requests.map((request) => batch.take(request).verdict);
  return { verdicts, ...batch.changes() };
}

/** What a request would be answered, and the facts that it would be decided on. */
export interface Preview {
  readonly verdict: Verdict;
  readonly facts: Facts;
}

/**
 * Decides a batch as `settle` would, each request seeing what those before it would have taken (a dry run takes nothing), for a caller
 * who writes nothing. No verdict has the id of a debit, unless it replays one that exists.
 */
export function preview(requests: readonly Request[], rows: SettlingRows, now: Instant, nextDebit: DebitNumber): readonly Preview[] {
  const batch = new Batch(rows, now, nextDebit);
  return requests.map((request) => {
    const { verdict, facts } = batch.take(request);
    const repeatsOne = verdict.replayed && facts.prior !== null && facts.prior.number < nextDebit;
    return { facts, verdict: repeatsOne ? verdict : { ...verdict, debitId: null } };
  });
}

/** An arrival time that has passed says the same as none: leaving it out keeps the hot row small. */
function stillAhead(arrivals: ReadonlyMap<Ref, ArrivalMicros>, now: Instant): ReadonlyMap<Ref, ArrivalMicros> {
  if (arrivals.size === 0) return arrivals;
  return new Map([...arrivals].filter(([, arrival]) => arrival > now * 1_000));
}

const NO_ARRIVALS: ReadonlyMap<Ref, ArrivalMicros> = new Map();

function arrive(open: OpenAccount, serviceRef: Ref, arrival: ArrivalMicros): void {
  open.arrivals = new Map(open.arrivals).set(serviceRef, arrival);
}

class Batch {
  readonly #rows: SettlingRows;
  readonly #now: Instant;
  readonly #day: UtcDay;
  #nextDebit: DebitNumber;
  readonly #accounts = new Map<Ref, OpenAccount>();
  readonly #caps = new Map<Ref, number>();
  readonly #cappedSpending = new Map<Ref, number>();
  readonly #requestIds = new Map<string, { accountRef: Ref; requestId: string; charge: PriorCharge }>();
  readonly #debits: NewDebit[] = [];

  constructor(rows: SettlingRows, now: Instant, nextDebit: DebitNumber) {
    this.#rows = rows;
    this.#now = now;
    this.#day = dayOf(now);
    this.#nextDebit = nextDebit;
  }

  take(request: Request): Preview {
    const facts = this.#facts(request);
    const { verdict, change } = decide(request, facts, this.#now);
    if (change !== null) this.#apply(change, request, facts);
    return { verdict, facts };
  }

  changes(): Omit<Settlement, 'verdicts'> {
    const accounts: AccountChange[] = [];
    for (const open of this.#accounts.values()) {
      if (!open.touched) continue;
      const before = open.stored.running;
      const displaced = before !== null && before.balance.day !== this.#day ? before.balance : null;
      accounts.push({
        accountRef: open.account.ref,
        running: { balance: open.balance, arrivals: stillAhead(open.arrivals, this.#now) },
        displaced,
        fromArchive: open.stored.archived !== null,
        opened: open.stored.archived === null && before?.balance.day !== this.#day,
        spent: open.balance.spent - open.spentBefore,
        cut: open.cut,
      });
    }
    const caps = [...this.#cappedSpending].map(([capGroup, spent]) => ({ capGroup, day: this.#day, spent }));
    return { accounts, caps, debits: this.#debits, requestIds: [...this.#requestIds.values()] };
  }

  #facts(request: Request): Facts {
    const service = this.#rows.service(request.service);
    const key = this.#key(request.subject);
    const accountRef = request.subject.kind === 'account' ? request.subject.ref : (key?.accountRef ?? null);
    if (accountRef === null) {
      return {
        service,
        key: null,
        account: null,
        tier: null,
        limit: null,
        balance: null,
        capSpent: 0,
        arrival: 0,
        prior: null,
        nextDebit: this.#nextDebit,
      };
    }
    const open = this.#open(accountRef);
    return {
      service,
      key,
      account: open.account,
      tier: open.tier.name,
      limit: service === null ? null : limitFor(open.tier, service.name),
      balance: open.balance,
      capSpent: key === null || key.dailyCap === null ? 0 : this.#capSpent(key.capGroup),
      arrival: service === null ? 0 : (open.arrivals.get(service.ref) ?? 0),
      prior: request.requestId === null ? null : this.#prior(accountRef, request.requestId),
      nextDebit: this.#nextDebit,
    };
  }

  #key(subject: Subject): VerifiedKey | null {
    if (subject.kind === 'digest') return this.#rows.keyByDigest(subject.digest);
    return subject.kind === 'key' ? this.#rows.key(subject.ref) : null;
  }

  #open(ref: Ref): OpenAccount {
    const known = this.#accounts.get(ref);
    if (known !== undefined) return known;
    const account = this.#rows.account(ref);
    const tier = this.#rows.tier(tierOn(account, this.#day));
    const stored = this.#rows.spending(ref, this.#day);
    const { running } = stored;
    const balance =
      running?.balance.day === this.#day
        ? running.balance
        : (stored.archived ?? openBalance(this.#day, creditsOn(tier, this.#day), stored.adjusted));
    const open = {
      account,
      tier,
      stored,
      balance,
      spentBefore: balance.spent,
      arrivals: running?.arrivals ?? NO_ARRIVALS,
      touched: false,
      cut: false,
    };
    this.#accounts.set(ref, open);
    return open;
  }

  #capSpent(capGroup: Ref): number {
    let spent = this.#caps.get(capGroup);
    if (spent === undefined) {
      spent = this.#rows.capSpent(capGroup, this.#day);
      this.#caps.set(capGroup, spent);
    }
    return spent;
  }

  #prior(accountRef: Ref, requestId: string): PriorCharge | null {
    const taken = this.#requestIds.get(`${String(accountRef)} ${requestId}`);
    return taken?.charge ?? this.#rows.priorCharge(accountRef, requestId, this.#now);
  }

  #apply(change: Change, request: Request, facts: Facts): void {
    const { account, service, key, prior } = facts;
    if (account === null || service === null) throw new RangeError('a change without an account');
    if (change.kind === 'replay') {
      if (prior !== null && prior.replaysLeft !== null)
        this.#remember(account.ref, request, { ...prior, replaysLeft: prior.replaysLeft - 1 });
      return;
    }
    const open = this.#open(account.ref);
    open.touched = true;
    if (change.kind === 'cut') {
      open.cut = true;
      arrive(open, service.ref, change.arrival);
      return;
    }
    open.balance = change.balance;
    if (change.arrival !== null) arrive(open, service.ref, change.arrival);
    if (key !== null && key.dailyCap !== null) {
      this.#caps.set(key.capGroup, change.capSpent);
      this.#cappedSpending.set(key.capGroup, change.capSpent);
    }
    this.#append(change, request, { accountRef: account.ref, keyRef: key?.ref ?? null, serviceRef: service.ref });
  }

  #append(change: Change & { kind: 'debit' }, request: Request, refs: { accountRef: Ref; keyRef: Ref | null; serviceRef: Ref }): void {
    const number = this.#nextDebit;
    this.#nextDebit += 1;
    const { balance, cost, arrival } = change;
    const balanceAfter = balance.granted + balance.adjusted - balance.spent;
    this.#debits.push({ number, at: this.#now, ...refs, cost, balanceAfter, requestId: request.requestId, arrival });
    const rule = request.requestIdRule;
    this.#remember(refs.accountRef, request, {
      number,
      keyRef: refs.keyRef,
      serviceRef: refs.serviceRef,
      cost,
      expiresAt: this.#now + this.#rows.requestIdWindow(rule),
      replaysLeft: REQUEST_ID_REPLAYS[rule],
      refunded: false,
    });
  }

  #remember(accountRef: Ref, request: Request, charge: PriorCharge): void {
    if (request.requestId === null) return;
    this.#requestIds.set(`${String(accountRef)} ${request.requestId}`, { accountRef, requestId: request.requestId, charge });
  }
}
