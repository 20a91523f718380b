import type { Balance } from '../../domain/credits.ts';
import { REQUEST_ID_WINDOW_MS, type PriorCharge, type RequestIdRule } from '../../domain/debit.ts';
import type { Request } from '../../domain/decide.ts';
import type { Account, Ref, Service, Tier, VerifiedKey } from '../../domain/entities.ts';
import type { RunningDay, SettlingRows, StoredSpending } from '../../domain/settle.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import { parseArrivals } from '../arrivals.ts';
import type { Connection } from './connection.ts';
import type { Known } from './known.ts';
import { rowsFrom } from './rows-from.ts';
import type { Answer, Statement } from './statements.ts';

const RUNNING =
  'SELECT account_ref, day, granted, adjusted, spent, arrivals FROM running_days WHERE account_ref = ANY($1::bigint[]) ORDER BY account_ref';
const PRIOR = `SELECT r.account_ref, r.request_id, r.debit, r.key_ref, r.service_ref, r.cost, r.expires_at, r.replays_left, r.refunded
  FROM ${rowsFrom(1, { account_ref: 'bigint', request_id: 'text' }, 'w')}
  JOIN request_ids r ON r.account_ref = w.account_ref AND r.request_id = w.request_id`;
const CAPS = `SELECT c.cap_group, c.day, c.spent FROM ${rowsFrom(1, { account_ref: 'bigint', cap_group: 'bigint' }, 'w')}
  JOIN cap_spending c ON c.account_ref = w.account_ref AND c.cap_group = w.cap_group AND c.day BETWEEN $3 AND $4`;
const ARCHIVED = 'SELECT account_ref, day, granted, adjusted, spent FROM past_days WHERE account_ref = ANY($1::bigint[]) AND day = $2';
const ADJUSTED = 'SELECT account_ref, sum(amount) FROM adjustments WHERE account_ref = ANY($1::bigint[]) AND day = $2 GROUP BY account_ref';

/** Whose rows a batch touches. */
export interface Touched {
  /** Ascending: the order in which rows are locked. */
  readonly accounts: readonly Ref[];
  /** Chains of keys with a cap, with their accounts. */
  readonly caps: ReadonlyMap<Ref, Ref>;
  readonly requestIds: readonly (readonly [Ref, string])[];
}

export function touchedBy(requests: readonly Request[], known: Known): Touched {
  const accounts = new Set<Ref>();
  const caps = new Map<Ref, Ref>();
  const requestIds: [Ref, string][] = [];
  for (const { subject, requestId } of requests) {
    let key: VerifiedKey | null = null;
    if (subject.kind === 'digest') key = known.keyByDigest(subject.digest);
    else if (subject.kind === 'key') key = known.key(subject.ref);
    const ref = subject.kind === 'account' ? subject.ref : key?.accountRef;
    if (ref === undefined) continue;
    accounts.add(ref);
    if (key !== null && key.dailyCap !== null) caps.set(key.capGroup, ref);
    if (requestId !== null) requestIds.push([ref, requestId]);
  }
  return { accounts: [...accounts].sort((one, other) => one - other), caps, requestIds };
}

/** The rows that a batch touches, all read before it is decided; on one connection, in its transaction. */
export class BatchRows implements SettlingRows {
  readonly #known: Known;
  readonly #touched: Touched;
  readonly #running = new Map<Ref, RunningDay>();
  readonly #archived = new Map<Ref, Balance>();
  readonly #adjusted = new Map<Ref, number>();
  readonly #caps = new Map<Ref, number>();
  readonly #prior = new Map<string, PriorCharge>();

  constructor(known: Known, touched: Touched) {
    this.#known = known;
    this.#touched = touched;
  }

  /** Asks for what does not depend on the day; `guess` is what day it probably is. The answers are for `take`. */
  statements(guess: UtcDay, lock: boolean): readonly Statement[] {
    const { accounts, requestIds, caps } = this.#touched;
    const values = [bigints(accounts)];
    const asked: Statement[] = [lock ? { text: `${RUNNING} FOR UPDATE`, values, name: 'lock_running' } : { text: RUNNING, values }];
    if (requestIds.length > 0) {
      const wanted = [bigints(requestIds.map(([ref]) => ref)), requestIds.map(([, id]) => id)];
      asked.push({ text: PRIOR, values: wanted, name: 'prior' });
    }
    if (caps.size > 0) asked.push(this.#askCaps(guess - 1, guess + 1));
    return asked;
  }

  #askCaps(from: UtcDay, to: UtcDay): Statement {
    const { caps } = this.#touched;
    return { text: CAPS, values: [bigints([...caps.values()]), bigints([...caps.keys()]), from, to], name: 'caps' };
  }

  /** Takes what came, then fetches what depends on the day that it turned out to be. */
  async take(answers: readonly Answer[], connection: Connection, guess: UtcDay, day: UtcDay): Promise<void> {
    const [running, ...others] = answers;
    this.#takeRunning(running?.rows ?? []);
    if (this.#touched.requestIds.length > 0) this.#takePrior(others.shift()?.rows ?? []);
    const more: Statement[] = [];
    const elsewhere = this.#touched.accounts.filter((ref) => this.#running.get(ref)?.balance.day !== day);
    if (this.#touched.caps.size > 0) {
      if (Math.abs(day - guess) <= 1) this.#takeCaps(others.shift()?.rows ?? [], day);
      else more.push(this.#askCaps(day, day));
    }
    const askedCaps = more.length > 0;
    if (elsewhere.length > 0) {
      more.push(
        { text: ARCHIVED, values: [bigints(elsewhere), day], name: 'archived' },
        { text: ADJUSTED, values: [bigints(elsewhere), day], name: 'adjusted' },
      );
    }
    if (more.length === 0) return;
    const fetched = [...(await connection.together(more))];
    if (askedCaps) this.#takeCaps(fetched.shift()?.rows ?? [], day);
    for (const [ref, at, granted, adjusted, spent] of (fetched[0]?.rows ?? []) as [Ref, UtcDay, number, number, number][])
      this.#archived.set(ref, { day: at, granted, adjusted, spent });
    for (const [ref, sum] of (fetched[1]?.rows ?? []) as [Ref, number][]) this.#adjusted.set(ref, sum);
  }

  #takeRunning(rows: readonly (readonly unknown[])[]): void {
    for (const [ref, day, granted, adjusted, spent, arrivals] of rows as [Ref, UtcDay | null, number, number, number, string][]) {
      // Of an account that never spent there is the row alone.
      if (day !== null) this.#running.set(ref, { balance: { day, granted, adjusted, spent }, arrivals: parseArrivals(arrivals) });
    }
  }

  #takePrior(rows: readonly (readonly unknown[])[]): void {
    type Columns = [Ref, string, number, Ref | null, Ref, number, Instant, number | null, boolean];
    for (const [ref, id, number, keyRef, serviceRef, cost, expiresAt, replaysLeft, refunded] of rows as Columns[])
      this.#prior.set(`${String(ref)} ${id}`, { number, keyRef, serviceRef, cost, expiresAt, replaysLeft, refunded });
  }

  #takeCaps(rows: readonly (readonly unknown[])[], day: UtcDay): void {
    for (const [capGroup, at, spent] of rows as [Ref, UtcDay, number][]) if (at === day) this.#caps.set(capGroup, spent);
  }

  service(name: string): Service | null {
    return this.#known.service(name);
  }

  keyByDigest(digest: string): VerifiedKey | null {
    return this.#known.keyByDigest(digest);
  }

  key(ref: Ref): VerifiedKey | null {
    return this.#known.key(ref);
  }

  account(ref: Ref): Account {
    return this.#known.account(ref);
  }

  tier(name: string): Tier {
    return this.#known.tier(name);
  }

  spending(accountRef: Ref, day: UtcDay): StoredSpending {
    const running = this.#running.get(accountRef) ?? null;
    if (running?.balance.day === day) return { running, archived: null, adjusted: running.balance.adjusted };
    const archived = this.#archived.get(accountRef) ?? null;
    return { running, archived, adjusted: archived?.adjusted ?? this.#adjusted.get(accountRef) ?? 0 };
  }

  capSpent(capGroup: Ref): number {
    return this.#caps.get(capGroup) ?? 0;
  }

  /** The account in whose key a chain's cap counts. */
  accountOfCap(capGroup: Ref): Ref {
    const ref = this.#touched.caps.get(capGroup);
    if (ref === undefined) throw new RangeError('a cap that the batch does not touch');
    return ref;
  }

  priorCharge(accountRef: Ref, requestId: string, now: Instant): PriorCharge | null {
    const found = this.#prior.get(`${String(accountRef)} ${requestId}`);
    return found !== undefined && found.expiresAt > now ? found : null;
  }

  requestIdWindow(rule: RequestIdRule): number {
    return rule === 'json' ? this.#known.jsonWindow : REQUEST_ID_WINDOW_MS.header;
  }
}

/** An array as PostgreSQL reads it; the driver would look at each of its members twice. */
export function bigints(numbers: readonly (number | null)[]): string {
  return `{${numbers.map((number) => number ?? 'NULL').join()}}`;
}
