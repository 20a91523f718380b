import {
  firstDebitNumber,
  REQUEST_ID_WINDOW_MS,
  type DebitNumber,
  type NewDebit,
  type PriorCharge,
  type RequestIdRule,
} from '../../domain/debit.ts';
import type { Request } from '../../domain/decide.ts';
import type { Account, Ref, Service, Tier, VerifiedKey } from '../../domain/entities.ts';
import {
  preview,
  settle,
  type AccountChange,
  type Preview,
  type Settlement,
  type SettlingRows,
  type StoredSpending,
} from '../../domain/settle.ts';
import { settingDuration } from '../../domain/settings.ts';
import { dayOf, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Identity } from '../identity-rows.ts';
import { accountByRef } from './accounts.ts';
import { liveServices } from './catalogue.ts';
import { storedSpending } from './credits.ts';
import { correctSums } from './day-sums.ts';
import type { Folding } from './folding.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { Identities } from './identities.ts';
import { keyByRef } from './keys.ts';
import { RowsInsert } from './rows-insert.ts';
import type { JournalState } from './running-rows.ts';
import type { Sql } from './sql.ts';
import { tierByName } from './tiers.ts';
import { checkStillUsable } from './usable.ts';

interface State extends JournalState {
  readonly generation: number;
  readonly aheadMicros: number;
  readonly closedThrough: UtcDay;
  /** The day whose books are being counted, or 0. */
  readonly countingDay: UtcDay;
}

/** How many rows a settle folds when it is time to: enough to keep up with batches of other accounts each. */
const ROWS_PER_SETTLE = 100;
const ROWS_PER_DEBIT = 2;

/** How many keys and accounts are remembered; beyond it everything is read again, which is correct and only slower. */
const MOST_CACHED = 24_000;

const DEBITS = new RowsInsert('debits', '(?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)');

function nextDebit({ newest, foldedThrough }: JournalState, now: Instant): DebitNumber {
  return Math.max(newest + 1, foldedThrough + 1, firstDebitNumber(now));
}

/** Settles batches on one connection. Its caches live exactly as long as the store's generation stands still. */
export class SqliteSettling implements SettlingRows {
  readonly #sql: Sql;
  readonly #folding: Folding;
  #generation = -1;
  readonly #services = new Map<string, Service>();
  readonly #identities: Identities;
  readonly #doorkeeper = new Doorkeeper();
  readonly #byDigest = new Map<string, Identity>();
  readonly #accounts = new Map<Ref, Account>();
  /** That of the key that was just asked for, which is what is asked for next. */
  #latest: Account | null = null;
  readonly #tiers = new Map<string, Tier>();
  #jsonWindow = REQUEST_ID_WINDOW_MS.json;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
    this.#identities = new Identities(sql);
  }

  /** Runs inside a transaction that already holds the write lock. */
  settle(requests: readonly Request[], now: Instant): readonly Verdict[] {
    const state = this.#freshState();
    const settlement = settle(requests, this, now, nextDebit(state, now));
    this.#write(settlement, state, now);
    return settlement.verdicts;
  }

  /** Runs inside any transaction and writes nothing. */
  preview(requests: readonly Request[], now: Instant): readonly Preview[] {
    return preview(requests, this, now, nextDebit(this.#freshState(), now));
  }

  #freshState(): State {
    const state = this.#state();
    this.#folding.followTo(state);
    if (state.generation !== this.#generation || this.#byDigest.size + this.#accounts.size > MOST_CACHED) this.#forget(state.generation);
    return state;
  }

  /** After a failure nobody knows what was committed; the next batch reads everything again. Asks the store nothing: it may be what failed. */
  forget(): void {
    this.#generation = -1;
  }

  #state(): State {
    const columns = 'generation, books, folds, folded_through, ahead_micros, closed_through, counting_day';
    const row = this.#sql.row<[number, number, number, number, number, number, number, number | null]>(
      `SELECT ${columns}, (SELECT max(number) FROM debits) FROM state`,
    );
    if (row === undefined) throw new RangeError('a store without its state row');
    const [generation, books, folds, foldedThrough, aheadMicros, closedThrough, countingDay, newest] = row;
    return { generation, books, folds, foldedThrough, aheadMicros, closedThrough, countingDay, newest: newest ?? 0 };
  }

  #forget(generation: number): void {
    checkStillUsable(this.#sql);
    this.#services.clear();
    this.#byDigest.clear();
    this.#accounts.clear();
    this.#latest = null;
    this.#tiers.clear();
    this.#identities.forget();
    for (const service of liveServices(this.#sql)) this.#services.set(service.name, service);
    const config = this.#sql.all<{ name: string; value: string }>('SELECT name, value FROM config');
    this.#jsonWindow = settingDuration(new Map(config.map(({ name, value }) => [name, value])), 'keep-request-ids');
    this.#generation = generation;
  }

  #write(settlement: Settlement, state: State, now: Instant): void {
    this.#appendDebits(settlement.debits);
    const { rows } = this.#folding;
    const through = settlement.debits.at(-1)?.number ?? rows.seen;
    for (const change of settlement.accounts) this.#takeOver(change, through);
    for (const debit of settlement.debits) this.#folding.count(debit);
    rows.reached(through);
    for (const { capGroup, day, spent } of settlement.caps) {
      this.#sql.run(
        'INSERT INTO cap_spending VALUES (?, ?, ?) ON CONFLICT (day, cap_group) DO UPDATE SET spent = excluded.spent',
        capGroup,
        day,
        spent,
      );
    }
    for (const { accountRef, requestId, charge } of settlement.requestIds) this.#writeRequestId(accountRef, requestId, charge);
    const ahead = (settlement.debits.at(-1)?.number ?? 0) - firstDebitNumber(now);
    if (ahead > state.aheadMicros) this.#sql.run('UPDATE state SET ahead_micros = ?', ahead);
    const day = dayOf(now);
    if (day <= state.closedThrough || day === state.countingDay) this.#correctClosedDay(settlement.accounts, day);
    if (this.#folding.isDue(now)) this.#folding.foldOn(Math.max(ROWS_PER_SETTLE, ROWS_PER_DEBIT * settlement.debits.length));
  }

  /** The debits tell what became of an account, unless they displaced the books of another day, or a refusal changed a rate limit. */
  #takeOver({ accountRef, running, displaced, fromArchive, cut }: AccountChange, through: DebitNumber): void {
    const { rows } = this.#folding;
    if (displaced === null && !fromArchive && !cut) {
      rows.settled(accountRef, running, through);
      return;
    }
    if (displaced !== null) {
      const values = [displaced.day, accountRef, displaced.granted, displaced.adjusted, displaced.spent];
      this.#sql.run('INSERT OR REPLACE INTO past_days VALUES (?, ?, ?, ?, ?)', ...values);
    }
    if (fromArchive) this.#sql.run('DELETE FROM past_days WHERE day = ? AND account_ref = ?', running.balance.day, accountRef);
    rows.store(accountRef, running, through);
    if (cut) rows.announce(accountRef);
  }

  #appendDebits(debits: readonly NewDebit[]): void {
    const values: (number | string | null)[] = [];
    for (const { number, at, accountRef, keyRef, serviceRef, cost, balanceAfter, requestId, arrival } of debits)
      values.push(number, at, accountRef, keyRef, serviceRef, cost, balanceAfter, requestId, arrival);
    DEBITS.run(this.#sql, values);
  }

  #writeRequestId(accountRef: Ref, requestId: string, charge: PriorCharge): void {
    this.#sql.run(
      'INSERT OR REPLACE INTO request_ids VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[accountRef, requestId, charge.number, charge.keyRef, charge.serviceRef, charge.cost],
      ...[charge.expiresAt, charge.replaysLeft, charge.refunded ? 1 : 0],
    );
  }

  /** A clock that ran ahead closed this day too early: what is spent on it now belongs to its sums. */
  #correctClosedDay(changes: readonly AccountChange[], day: UtcDay): void {
    for (const { accountRef, running, opened, spent } of changes) {
      const { balance } = running;
      correctSums(this.#sql, day, accountRef, opened ? null : { ...balance, spent: balance.spent - spent }, balance);
    }
  }

  service(name: string): Service | null {
    return this.#services.get(name) ?? null;
  }

  keyByDigest(digest: string): VerifiedKey | null {
    let identity = this.#byDigest.get(digest);
    if (identity === undefined) {
      const found = this.#identities.find(digest);
      if (found === null) return null;
      // Keys of one account share it.
      identity = { key: found.key, account: this.#accounts.get(found.account.ref) ?? found.account };
      if (this.#doorkeeper.cameBefore(digest)) {
        this.#accounts.set(identity.account.ref, identity.account);
        this.#byDigest.set(digest, identity);
      }
    }
    this.#latest = identity.account;
    return identity.key;
  }

  key(ref: Ref): VerifiedKey | null {
    return keyByRef(this.#sql, ref);
  }

  account(ref: Ref): Account {
    if (this.#latest?.ref === ref) return this.#latest;
    const known = this.#accounts.get(ref) ?? accountByRef(this.#sql, ref);
    if (known === null) throw new RangeError('a key without its account');
    this.#accounts.set(ref, known);
    return known;
  }

  tier(name: string): Tier {
    const known = this.#tiers.get(name) ?? tierByName(this.#sql, name);
    if (known === null) throw new RangeError('an account without its tier');
    this.#tiers.set(name, known);
    return known;
  }

  spending(accountRef: Ref, day: UtcDay): StoredSpending {
    return storedSpending(this.#sql, this.#folding.rows, accountRef, day);
  }

  capSpent(capGroup: Ref, day: UtcDay): number {
    return this.#sql.number('SELECT spent AS n FROM cap_spending WHERE cap_group = ? AND day = ?', capGroup, day);
  }

  priorCharge(accountRef: Ref, requestId: string, now: Instant): PriorCharge | null {
    const row = this.#sql.get<Omit<PriorCharge, 'refunded'> & { refunded: number }>(
      `SELECT debit AS number, key_ref AS keyRef, service_ref AS serviceRef, cost, expires_at AS expiresAt, replays_left AS replaysLeft, refunded
       FROM request_ids WHERE account_ref = ? AND request_id = ? AND expires_at > ?`,
      ...[accountRef, requestId, now],
    );
    return row === undefined ? null : { ...row, refunded: row.refunded === 1 };
  }

  requestIdWindow(rule: RequestIdRule): number {
    return rule === 'json' ? this.#jsonWindow : REQUEST_ID_WINDOW_MS.header;
  }
}
