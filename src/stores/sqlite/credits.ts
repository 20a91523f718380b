import type { Balance } from '../../domain/credits.ts';
import type { Ref } from '../../domain/entities.ts';
import type { StoredSpending } from '../../domain/settle.ts';
import type { AccountBooks, Adjustment, ClosedDay, CreditWrites, DaySums, Page, RefRange, UsedBooks } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import { adjustmentConditions } from '../filters.ts';
import { CurrentDays } from './current-days.ts';
import * as sums from './day-sums.ts';
import type { Folding } from './folding.ts';
import type { RunningRows } from './running-rows.ts';
import type { Sql } from './sql.ts';

const BALANCE = 'day, granted, adjusted, spent';

/** What is known of an account's spending; only after the rows have followed the journal. */
export function storedSpending(sql: Sql, rows: RunningRows, accountRef: Ref, day: UtcDay): StoredSpending {
  const running = rows.get(accountRef);
  if (running?.balance.day === day) return { running, archived: null, adjusted: running.balance.adjusted };
  const archived = pastDay(sql, accountRef, day) ?? null;
  const adjusted =
    archived?.adjusted ?? sql.number('SELECT sum(amount) AS n FROM adjustments WHERE account_ref = ? AND day = ?', accountRef, day);
  return { running, archived, adjusted };
}

function pastDay(sql: Sql, accountRef: Ref, day: UtcDay): Balance | undefined {
  return sql.get<Balance>(`SELECT ${BALANCE} FROM past_days WHERE day = ? AND account_ref = ?`, day, accountRef);
}

export class SqliteCredits implements CreditWrites {
  readonly #sql: Sql;
  readonly #folding: Folding;
  readonly #current: CurrentDays;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
    this.#current = new CurrentDays(sql, folding);
  }

  /** After a rollback. */
  forget(): void {
    this.#current.forget();
  }

  /** Before anything reads the view of the running days. */
  ready(): void {
    this.#current.ready();
  }

  #rows(): RunningRows {
    this.#folding.follow();
    return this.#folding.rows;
  }

  /** For queries over all accounts, or those of a range, which read the view of the running days. */
  #books(refs: RefRange | null = null): Sql {
    this.#current.ready(refs);
    return this.#sql;
  }

  async spending(accountRef: Ref, day: UtcDay): Promise<StoredSpending> {
    return storedSpending(this.#sql, this.#rows(), accountRef, day);
  }

  async balances(accountRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, Balance>> {
    const rows = this.#rows();
    const found = new Map<Ref, Balance>();
    for (const ref of accountRefs) {
      const running = rows.get(ref);
      const balance = running?.balance.day === day ? running.balance : pastDay(this.#sql, ref, day);
      if (balance !== undefined) found.set(ref, balance);
    }
    return found;
  }

  async balancesFrom(accountRef: Ref, day: UtcDay): Promise<readonly Balance[]> {
    const running = this.#rows().get(accountRef);
    const past = this.#sql.all<Balance>(
      `SELECT ${BALANCE} FROM past_days WHERE account_ref = ? AND day >= ? ORDER BY day`,
      accountRef,
      day,
    );
    if (running === null || running.balance.day < day) return past;
    return [...past, running.balance].sort((one, other) => one.day - other.day);
  }

  async storedDays(from: UtcDay): Promise<readonly UtcDay[]> {
    return sums.storedDays(this.#books(), from);
  }

  async booksOf(day: UtcDay, page: Page): Promise<readonly UsedBooks[]> {
    return sums.booksOf(this.#books(), day, page);
  }

  async booksIn(day: UtcDay, refs: RefRange): Promise<readonly UsedBooks[]> {
    return sums.booksIn(this.#books(refs), day, refs);
  }

  async sumsOf(day: UtcDay): Promise<DaySums> {
    return sums.sumsOf(this.#books(), day);
  }

  async busiest(day: UtcDay, limit: number, by: 'spent' | 'share' = 'spent'): Promise<readonly AccountBooks[]> {
    return sums.busiest(this.#books(), day, limit, by);
  }

  async countOpenedByTier(day: UtcDay): Promise<ReadonlyMap<string, number>> {
    return sums.countOpenedByTier(this.#books(), day);
  }

  async adjustments(
    accountRef: Ref | null,
    limit: number,
    before: number | null = null,
  ): Promise<readonly (Adjustment & { number: number })[]> {
    const where = adjustmentConditions(accountRef, before);
    const columns = 'number, id, at, account_ref AS accountRef, day, amount, reason, actor';
    return this.#sql.all(`SELECT ${columns} FROM adjustments ${where.text} ORDER BY number DESC LIMIT ?`, ...where.values, limit);
  }

  async adjustedIdle(from: UtcDay, until: UtcDay): Promise<readonly { accountRef: Ref; day: UtcDay }[]> {
    return sums.adjustedIdle(this.#books(), from, until);
  }

  async capSpent(capGroup: Ref, day: UtcDay): Promise<number> {
    return this.#sql.number('SELECT spent AS n FROM cap_spending WHERE cap_group = ? AND day = ?', capGroup, day);
  }

  async closedThrough(): Promise<UtcDay> {
    return this.#sql.number('SELECT closed_through AS n FROM state');
  }

  async closedDays(from: UtcDay): Promise<readonly ClosedDay[]> {
    return sums.closedDays(this.#sql, from);
  }

  async countedThrough(day: UtcDay): Promise<Ref> {
    return sums.countedThrough(this.#sql, day);
  }

  async write(accountRef: Ref, balance: Balance): Promise<void> {
    const rows = this.#rows();
    const running = rows.get(accountRef);
    let before: Balance | null;
    if (running?.balance.day === balance.day) {
      before = running.balance;
      this.#current.storing(accountRef, () => {
        rows.store(accountRef, { ...running, balance }, rows.seen);
      });
      rows.announce(accountRef);
    } else {
      // Not in the hot row: the archive takes it, and the next settle of that day fetches it from there.
      before = pastDay(this.#sql, accountRef, balance.day) ?? null;
      const values = [balance.granted, balance.adjusted, balance.spent];
      this.#sql.run('INSERT OR REPLACE INTO past_days VALUES (?, ?, ?, ?, ?)', balance.day, accountRef, ...values);
    }
    sums.correctSums(this.#sql, balance.day, accountRef, before, balance);
  }

  async insertAdjustment(adjustment: Adjustment): Promise<void> {
    const { id, at, accountRef, day, amount, reason, actor } = adjustment;
    // What a day's first debit tells of its grant holds for the adjustments that were there before it.
    this.#rows().book([accountRef]);
    this.#sql.run(
      'INSERT INTO adjustments (id, at, account_ref, day, amount, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[id, at, accountRef, day, amount, reason, actor],
    );
  }

  async setCapSpent(capGroup: Ref, day: UtcDay, spent: number): Promise<void> {
    this.#sql.run('INSERT OR REPLACE INTO cap_spending VALUES (?, ?, ?)', capGroup, day, spent);
  }

  async countBooks(day: UtcDay, refs: RefRange): Promise<void> {
    sums.countBooks(this.#books(refs), day, refs);
  }

  async closeDay(day: UtcDay, at: Instant): Promise<void> {
    sums.closeDay(this.#sql, day, at);
  }
}
