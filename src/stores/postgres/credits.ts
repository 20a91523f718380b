import type { Balance } from '../../domain/credits.ts';
import type { Ref } from '../../domain/entities.ts';
import type { StoredSpending } from '../../domain/settle.ts';
import type { AccountBooks, Adjustment, ClosedDay, CreditWrites, DaySums, Page, RefRange, UsedBooks } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import { parseArrivals } from '../arrivals.ts';
import { adjustmentConditions } from '../filters.ts';
import * as sums from './day-sums.ts';
import type { Sql } from './sql.ts';

const BALANCE = 'day, granted, adjusted, spent';

interface RunningRow extends Omit<Balance, 'day'> {
  /** Null before the account's first books. */
  readonly day: UtcDay | null;
  readonly arrivals: string;
}

export class PostgresCredits implements CreditWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async spending(accountRef: Ref, day: UtcDay): Promise<StoredSpending> {
    const row = await this.#sql.get<RunningRow>(`SELECT ${BALANCE}, arrivals FROM running_days WHERE account_ref = ?`, accountRef);
    const running =
      row === undefined || row.day === null
        ? null
        : {
            balance: { day: row.day, granted: row.granted, adjusted: row.adjusted, spent: row.spent },
            arrivals: parseArrivals(row.arrivals),
          };
    if (running?.balance.day === day) return { running, archived: null, adjusted: running.balance.adjusted };
    const archived = await this.#pastDay(accountRef, day);
    const text = 'SELECT sum(amount) FROM adjustments WHERE account_ref = ? AND day = ?';
    return { running, archived, adjusted: archived?.adjusted ?? (await this.#sql.number(text, accountRef, day)) };
  }

  async #pastDay(accountRef: Ref, day: UtcDay): Promise<Balance | null> {
    const text = `SELECT ${BALANCE} FROM past_days WHERE account_ref = ? AND day = ?`;
    return (await this.#sql.get<Balance>(text, accountRef, day)) ?? null;
  }

  async balances(accountRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, Balance>> {
    const rows = await this.#sql.all<Balance & { accountRef: Ref }>(
      `SELECT account_ref, ${BALANCE} FROM running_days WHERE account_ref = ANY(?) AND day = ?
       UNION ALL SELECT account_ref, ${BALANCE} FROM past_days WHERE account_ref = ANY(?) AND day = ?`,
      ...[accountRefs, day, accountRefs, day],
    );
    return new Map(rows.map(({ accountRef, ...balance }) => [accountRef, balance]));
  }

  async balancesFrom(accountRef: Ref, day: UtcDay): Promise<readonly Balance[]> {
    return this.#sql.all<Balance>(
      `SELECT ${BALANCE} FROM past_days WHERE account_ref = ? AND day >= ?
       UNION ALL SELECT ${BALANCE} FROM running_days WHERE account_ref = ? AND day >= ? ORDER BY day`,
      ...[accountRef, day, accountRef, day],
    );
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

  async busiest(day: UtcDay, limit: number, by: 'spent' | 'share' = 'spent'): Promise<readonly AccountBooks[]> {
    return sums.busiest(this.#sql, day, limit, by);
  }

  async countOpenedByTier(day: UtcDay): Promise<ReadonlyMap<string, number>> {
    return sums.countOpenedByTier(this.#sql, day);
  }

  async adjustments(
    accountRef: Ref | null,
    limit: number,
    before: number | null = null,
  ): Promise<readonly (Adjustment & { number: number })[]> {
    const where = adjustmentConditions(accountRef, before);
    const columns = 'number, id, at, account_ref, day, amount, reason, actor';
    return this.#sql.all(`SELECT ${columns} FROM adjustments ${where.text} ORDER BY number DESC LIMIT ?`, ...where.values, limit);
  }

  async adjustedIdle(from: UtcDay, until: UtcDay): Promise<readonly { accountRef: Ref; day: UtcDay }[]> {
    return sums.adjustedIdle(this.#sql, from, until);
  }

  async capSpent(capGroup: Ref, day: UtcDay): Promise<number> {
    // A chain is of one account, that of its first key, which leads the keys of the table.
    const account = 'account_ref = (SELECT account_ref FROM keys WHERE ref = ?)';
    return this.#sql.number(`SELECT spent FROM cap_spending WHERE ${account} AND cap_group = ? AND day = ?`, capGroup, capGroup, day);
  }

  async closedThrough(): Promise<UtcDay> {
    return this.#sql.number('SELECT closed_through FROM state');
  }

  async closedDays(from: UtcDay): Promise<readonly ClosedDay[]> {
    return sums.closedDays(this.#sql, from);
  }

  async countedThrough(day: UtcDay): Promise<Ref> {
    return sums.countedThrough(this.#sql, day);
  }

  async write(accountRef: Ref, balance: Balance): Promise<void> {
    const { day, granted, adjusted, spent } = balance;
    const before = (await this.balances([accountRef], day)).get(accountRef) ?? null;
    const changed = await this.#sql.run(
      'UPDATE running_days SET granted = ?, adjusted = ?, spent = ? WHERE account_ref = ? AND day = ?',
      ...[granted, adjusted, spent, accountRef, day],
    );
    if (changed === 0) {
      // Not in the hot row: the archive takes it, and the next settle of that day fetches it from there.
      await this.#sql.run(
        `INSERT INTO past_days (account_ref, day, granted, adjusted, spent) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (account_ref, day) DO UPDATE SET granted = excluded.granted, adjusted = excluded.adjusted, spent = excluded.spent`,
        ...[accountRef, day, granted, adjusted, spent],
      );
    }
    await sums.correctSums(this.#sql, day, accountRef, before, balance);
  }

  async insertAdjustment({ id, at, accountRef, day, amount, reason, actor }: Adjustment): Promise<void> {
    await this.#sql.run(
      'INSERT INTO adjustments (id, at, account_ref, day, amount, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[id, at, accountRef, day, amount, reason, actor],
    );
  }

  async setCapSpent(capGroup: Ref, day: UtcDay, spent: number): Promise<void> {
    await this.#sql.run(
      `INSERT INTO cap_spending (account_ref, cap_group, day, spent) SELECT account_ref, ref, ?, ? FROM keys WHERE ref = ?
       ON CONFLICT (account_ref, cap_group, day) DO UPDATE SET spent = excluded.spent`,
      ...[day, spent, capGroup],
    );
  }

  async countBooks(day: UtcDay, refs: RefRange): Promise<void> {
    return sums.countBooks(this.#sql, day, refs);
  }

  async closeDay(day: UtcDay, at: Instant): Promise<void> {
    return sums.closeDay(this.#sql, day, at);
  }
}
