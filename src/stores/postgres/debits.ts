import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import type { Debit, DebitFilter, DebitPace, DebitWrites } from '../../domain/store.ts';
import { dayOf, hourOf, type Instant } from '../../domain/utc-day.ts';
import type { Conditions } from '../clauses.ts';
import { paceOf, type PaceRow } from '../debit-pace.ts';
import { debitConditions } from '../filters.ts';
import { rolledUp } from './daily-usage.ts';
import type { Horizon } from './horizon.ts';
import type { Sql } from './sql.ts';

/** Debits with the names that go with them, each looked up by itself: a join may walk through all accounts and keys for it. */
function described(debits: string): string {
  return `SELECT d.number, d.at, d.account_ref, (SELECT name FROM accounts WHERE ref = d.account_ref) AS account, d.key_ref,
      (SELECT id FROM keys WHERE ref = d.key_ref) AS key_id, (SELECT name FROM keys WHERE ref = d.key_ref) AS key_name,
      (SELECT name FROM services WHERE ref = d.service_ref) AS service, d.service_ref, d.cost, d.balance_after, d.request_id, d.refunded_at
    FROM (${debits}) d`;
}

export class PostgresDebits implements DebitWrites {
  readonly #sql: Sql;
  readonly #horizon: Horizon;

  constructor(sql: Sql, horizon: Horizon) {
    this.#sql = sql;
    this.#horizon = horizon;
  }

  async byNumber(number: DebitNumber): Promise<Debit | null> {
    return (await this.#sql.get<Debit>(described('SELECT * FROM debits WHERE number = ?'), number)) ?? null;
  }

  page(filter: DebitFilter, before: DebitNumber | null, limit: number): Promise<readonly Debit[]> {
    const where = conditions(filter);
    if (before !== null) where.add('d.number < ?', before);
    const debits = described(`SELECT * FROM debits d ${where.text} ORDER BY d.number DESC LIMIT ?`);
    return this.#sql.all<Debit>(`${debits} ORDER BY d.number DESC`, ...where.values, limit);
  }

  since(filter: DebitFilter, after: DebitNumber, limit: number): Promise<readonly Debit[]> {
    // Whoever follows does not come back for a debit of a lower number that another node commits later.
    const where = conditions(filter).add('d.number > ? AND d.number <= ?', after, this.#horizon.settledThrough());
    const debits = described(`SELECT * FROM debits d ${where.text} ORDER BY d.number LIMIT ?`);
    return this.#sql.all<Debit>(`${debits} ORDER BY d.number`, ...where.values, limit);
  }

  count(filter: DebitFilter, most: number): Promise<number> {
    const where = conditions(filter);
    return this.#sql.number(`SELECT count(*) FROM (SELECT 1 FROM debits d ${where.text} LIMIT ?) d`, ...where.values, most);
  }

  async newestAt(): Promise<Instant | null> {
    return (await this.#sql.get<{ at: Instant }>('SELECT at FROM debits ORDER BY number DESC LIMIT 1'))?.at ?? null;
  }

  async pace(since: Instant, most: number, keys: number): Promise<DebitPace> {
    // The newest are the end of an index: what is older is not looked at, however much of it there is.
    const newest = 'SELECT at, account_ref, key_ref, cost FROM debits WHERE number >= ? ORDER BY number DESC LIMIT ?';
    const rows = await this.#sql.all<PaceRow>(
      `SELECT account_ref, key_ref, count(*) AS requests, sum(cost) AS credits, min(at) AS since
       FROM (${newest}) d WHERE at >= ? GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 NULLS FIRST`,
      ...[firstDebitNumber(since), most, since],
    );
    return paceOf(rows, keys);
  }

  async refund(debit: Debit, at: Instant): Promise<void> {
    const { number, accountRef, requestId, cost } = debit;
    await this.#sql.run('UPDATE debits SET refunded_at = ? WHERE account_ref = ? AND number = ?', at, accountRef, number);
    if (requestId !== null) {
      const text = 'UPDATE request_ids SET refunded = true WHERE account_ref = ? AND request_id = ? AND debit = ?';
      await this.#sql.run(text, accountRef, requestId, number);
    }
    // Usage counts every debit in full and takes refunds out; a debit that is still to be counted finds its refund there.
    const [hour, day] = [hourOf(debit.at), dayOf(debit.at)];
    const refs = [debit.keyRef ?? 0, debit.serviceRef];
    if (number > (await this.#sql.number('SELECT folded_through FROM state'))) await this.#addUsage(accountRef, hour, day, refs);
    const key = 'account_ref = ? AND key_ref = ? AND service_ref = ?';
    await this.#sql.run(`UPDATE usage_hours SET credits = credits - ? WHERE hour = ? AND ${key}`, cost, hour, accountRef, ...refs);
    await this.#sql.run(`UPDATE usage_days SET credits = credits - ? WHERE day = ? AND ${key}`, cost, day, accountRef, ...refs);
  }

  async #addUsage(accountRef: number, hour: number, day: number, refs: readonly number[]): Promise<void> {
    await this.#sql.run('INSERT INTO usage_hours VALUES (?, ?, ?, ?, 0, 0, 0) ON CONFLICT DO NOTHING', accountRef, hour, ...refs);
    await this.#sql.run(
      `INSERT INTO usage_days SELECT ?, ?, ?, ?, 0, 0 WHERE ${rolledUp('?::bigint', '?::bigint')} ON CONFLICT DO NOTHING`,
      ...[accountRef, day, ...refs, day, day, accountRef],
    );
  }
}

function conditions(filter: DebitFilter): Conditions {
  const where = debitConditions(filter);
  if (filter.accountRef !== undefined) where.add('d.account_ref = ?', filter.accountRef);
  // The account leads the keys of the table, for which that of a key is looked up first.
  else if (filter.keyRef !== undefined) where.add('d.account_ref = (SELECT account_ref FROM keys WHERE ref = ?)', filter.keyRef);
  if (filter.keyRef !== undefined) where.add('d.key_ref = ?', filter.keyRef);
  return where;
}
