import type { Balance } from '../../domain/credits.ts';
import type { Ref } from '../../domain/entities.ts';
import type { RunningDay, StoredSpending } from '../../domain/settle.ts';
import type { AccountBooks, Adjustment, ClosedDay, CreditWrites, DaySums, Page, RefRange, UsedBooks } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import * as sums from './day-sums.ts';
import { Conditions, type Sql } from './sql.ts';

const BALANCE = 'day, granted, adjusted, spent';

interface RunningRow extends Balance {
  readonly arrivals: string;
}

function runningDay(sql: Sql, accountRef: Ref): RunningDay | null {
  const row = sql.get<RunningRow>(`SELECT ${BALANCE}, arrivals FROM running_days WHERE account_ref = ?`, accountRef);
  if (row === undefined) return null;
  const { arrivals, ...balance } = row;
  return { balance, arrivals: parseArrivals(arrivals) };
}

/** Arrival times as JSON `{"<service ref>": microseconds}`; most accounts have none ahead of now, or one. */
function parseArrivals(text: string): Map<Ref, number> {
  if (text === '{}') return new Map();
  const entries = Object.entries(JSON.parse(text) as Record<string, number>);
  return new Map(entries.map(([ref, arrival]) => [Number(ref), arrival]));
}

export function arrivalsText(arrivals: ReadonlyMap<Ref, number>): string {
  return arrivals.size === 0 ? '{}' : JSON.stringify(Object.fromEntries(arrivals));
}

export function storedSpending(sql: Sql, accountRef: Ref, day: UtcDay): StoredSpending {
  const running = runningDay(sql, accountRef);
  if (running?.balance.day === day) return { running, archived: null, adjusted: running.balance.adjusted };
  const archived = sql.get<Balance>(`SELECT ${BALANCE} FROM past_days WHERE day = ? AND account_ref = ?`, day, accountRef) ?? null;
  const adjusted =
    archived?.adjusted ?? sql.number('SELECT sum(amount) AS n FROM adjustments WHERE account_ref = ? AND day = ?', accountRef, day);
  return { running, archived, adjusted };
}

export class SqliteCredits implements CreditWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async spending(accountRef: Ref, day: UtcDay): Promise<StoredSpending> {
    return storedSpending(this.#sql, accountRef, day);
  }

  async balances(accountRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, Balance>> {
    const list = JSON.stringify(accountRefs);
    const rows = this.#sql.all<Balance & { account_ref: Ref }>(
      `SELECT account_ref, ${BALANCE} FROM running_days WHERE account_ref IN (SELECT value FROM json_each(?)) AND day = ?
       UNION ALL SELECT account_ref, ${BALANCE} FROM past_days WHERE day = ? AND account_ref IN (SELECT value FROM json_each(?))`,
      ...[list, day, day, list],
    );
    return new Map(rows.map(({ account_ref: ref, ...balance }) => [ref, balance]));
  }

  async balancesFrom(accountRef: Ref, day: UtcDay): Promise<readonly Balance[]> {
    return this.#sql.all<Balance>(`SELECT ${BALANCE} FROM ${sums.BOOKS} WHERE account_ref = ? AND day >= ? ORDER BY day`, accountRef, day);
  }

  async storedDays(from: UtcDay): Promise<readonly UtcDay[]> {
    return sums.storedDays(this.#sql, from);
  }

  async booksOf(day: UtcDay, page: Page): Promise<readonly UsedBooks[]> {
    return sums.booksOf(this.#sql, day, page);
  }

  async booksIn(day: UtcDay, refs: RefRange): Promise<readonly UsedBooks[]> {
    return sums.booksIn(this.#sql, day, refs);
  }

  async sumsOf(day: UtcDay): Promise<DaySums> {
    return sums.sumsOf(this.#sql, day);
  }

  async busiest(day: UtcDay, limit: number): Promise<readonly AccountBooks[]> {
    return sums.busiest(this.#sql, day, limit);
  }

  async countOpenedByTier(day: UtcDay): Promise<ReadonlyMap<string, number>> {
    return sums.countOpenedByTier(this.#sql, day);
  }

  async adjustments(
    accountRef: Ref | null,
    limit: number,
    before: number | null = null,
  ): Promise<readonly (Adjustment & { number: number })[]> {
    const where = new Conditions();
    if (accountRef !== null) where.add('account_ref = ?', accountRef);
    if (before !== null) where.add('number < ?', before);
    const columns = 'number, id, at, account_ref AS accountRef, day, amount, reason, actor';
    return this.#sql.all(`SELECT ${columns} FROM adjustments ${where.text} ORDER BY number DESC LIMIT ?`, ...where.values, limit);
  }

  async adjustedIdle(from: UtcDay, until: UtcDay): Promise<readonly { accountRef: Ref; day: UtcDay }[]> {
    return sums.adjustedIdle(this.#sql, from, until);
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
    const before = (await this.balances([accountRef], balance.day)).get(accountRef) ?? null;
    const values = [balance.granted, balance.adjusted, balance.spent];
    const text = 'UPDATE running_days SET granted = ?, adjusted = ?, spent = ? WHERE account_ref = ? AND day = ?';
    if (this.#sql.run(text, ...values, accountRef, balance.day) === 0) {
      // Not in the hot row: the archive takes it, and the next settle of that day fetches it from there.
      this.#sql.run('INSERT OR REPLACE INTO past_days VALUES (?, ?, ?, ?, ?)', balance.day, accountRef, ...values);
    }
    sums.correctSums(this.#sql, balance.day, accountRef, before, balance);
  }

  async insertAdjustment(adjustment: Adjustment): Promise<void> {
    const { id, at, accountRef, day, amount, reason, actor } = adjustment;
    this.#sql.run(
      'INSERT INTO adjustments (id, at, account_ref, day, amount, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[id, at, accountRef, day, amount, reason, actor],
    );
  }

  async setCapSpent(capGroup: Ref, day: UtcDay, spent: number): Promise<void> {
    this.#sql.run('INSERT OR REPLACE INTO cap_spending VALUES (?, ?, ?)', capGroup, day, spent);
  }

  async countBooks(day: UtcDay, refs: RefRange): Promise<void> {
    sums.countBooks(this.#sql, day, refs);
  }

  async closeDay(day: UtcDay, at: Instant): Promise<void> {
    sums.closeDay(this.#sql, day, at);
  }
}
