import type { Balance } from '../../domain/credits.ts';
import type { Ref } from '../../domain/entities.ts';
import type { RunningDay, StoredSpending } from '../../domain/settle.ts';
import type { Adjustment, ClosedDay, CreditWrites, Page } from '../../domain/store.ts';
import type { UtcDay } from '../../domain/utc-day.ts';
import { TIER_ON_DAY } from './accounts.ts';
import { Conditions, type Sql } from './sql.ts';

const BALANCE = 'day, granted, adjusted, spent';
/** Every stored book, from the hot rows and the archive; a (account, day) is in exactly one of them. */
const BOOKS = `(SELECT account_ref, ${BALANCE} FROM running_days UNION ALL SELECT account_ref, ${BALANCE} FROM past_days)`;

interface RunningRow extends Balance {
  readonly arrivals: string;
}

export function runningDay(sql: Sql, accountRef: Ref): RunningDay | null {
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

/** What a change of stored books adds to the sums of their day, where that day is closed already. */
export function correctClosedDay(sql: Sql, day: UtcDay, before: Balance | null, after: Balance): void {
  sql.run(
    'UPDATE closed_days SET accounts = accounts + ?, granted = granted + ?, adjusted = adjusted + ?, spent = spent + ? WHERE day = ?',
    before === null ? 1 : 0,
    after.granted - (before?.granted ?? 0),
    after.adjusted - (before?.adjusted ?? 0),
    after.spent - (before?.spent ?? 0),
    day,
  );
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
    return this.#sql.all<Balance>(`SELECT ${BALANCE} FROM ${BOOKS} WHERE account_ref = ? AND day >= ? ORDER BY day`, accountRef, day);
  }

  async storedDays(from: UtcDay): Promise<readonly UtcDay[]> {
    const rows = this.#sql.all<{ day: UtcDay }>(`SELECT DISTINCT day FROM ${BOOKS} WHERE day >= ? ORDER BY day`, from);
    return rows.map((row) => row.day);
  }

  async booksOf(day: UtcDay, page: Page): Promise<readonly { accountRef: Ref; balance: Balance; used: number }[]> {
    const rows = this.#sql.all<Balance & { accountRef: Ref; used: number }>(
      `SELECT account_ref AS accountRef, ${BALANCE},
         ifnull((SELECT sum(credits) FROM usage_days u WHERE u.day = b.day AND u.account_ref = b.account_ref), 0) AS used
       FROM ${BOOKS} b WHERE day = ? AND account_ref > ? ORDER BY account_ref LIMIT ?`,
      ...[day, page.after, page.limit],
    );
    return rows.map(({ accountRef, used, ...balance }) => ({ accountRef, balance, used }));
  }

  async countOpenedByTier(day: UtcDay): Promise<ReadonlyMap<string, number>> {
    const rows = this.#sql.all<{ tier: string; n: number }>(
      `SELECT ${TIER_ON_DAY} AS tier, count(*) AS n FROM ${BOOKS} b JOIN accounts ON accounts.ref = b.account_ref WHERE b.day = ? GROUP BY 1`,
      ...[day, day],
    );
    return new Map(rows.map((row) => [row.tier, row.n]));
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

  async adjustedIdleAccounts(day: UtcDay): Promise<readonly Ref[]> {
    const rows = this.#sql.all<{ ref: Ref }>(
      `SELECT DISTINCT account_ref AS ref FROM adjustments WHERE day = ? AND account_ref NOT IN (SELECT account_ref FROM ${BOOKS} b WHERE b.day = ?)`,
      ...[day, day],
    );
    return rows.map((row) => row.ref);
  }

  async capSpent(capGroup: Ref, day: UtcDay): Promise<number> {
    return this.#sql.number('SELECT spent AS n FROM cap_spending WHERE cap_group = ? AND day = ?', capGroup, day);
  }

  async closedThrough(): Promise<UtcDay> {
    return this.#sql.number('SELECT closed_through AS n FROM state');
  }

  async closedDays(from: UtcDay): Promise<readonly ClosedDay[]> {
    const columns = 'day, closed_at AS closedAt, accounts, granted, adjusted, spent';
    return this.#sql.all<ClosedDay>(`SELECT ${columns} FROM closed_days WHERE day >= ? ORDER BY day`, from);
  }

  async write(accountRef: Ref, balance: Balance): Promise<void> {
    const before = (await this.balances([accountRef], balance.day)).get(accountRef) ?? null;
    const values = [balance.granted, balance.adjusted, balance.spent];
    const text = 'UPDATE running_days SET granted = ?, adjusted = ?, spent = ? WHERE account_ref = ? AND day = ?';
    if (this.#sql.run(text, ...values, accountRef, balance.day) === 0) {
      // Not in the hot row: the archive takes it, and the next settle of that day fetches it from there.
      this.#sql.run('INSERT OR REPLACE INTO past_days VALUES (?, ?, ?, ?, ?)', balance.day, accountRef, ...values);
    }
    correctClosedDay(this.#sql, balance.day, before, balance);
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

  async closeDay(closed: ClosedDay): Promise<void> {
    const { day, closedAt, accounts, granted, adjusted, spent } = closed;
    this.#sql.run('INSERT OR REPLACE INTO closed_days VALUES (?, ?, ?, ?, ?, ?)', day, closedAt, accounts, granted, adjusted, spent);
    this.#sql.run('UPDATE state SET closed_through = max(closed_through, ?)', day);
  }
}
