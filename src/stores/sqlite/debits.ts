import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import type { Debit, DebitFilter, DebitPace, DebitWrites } from '../../domain/store.ts';
import { hourOf, dayOf, type Instant } from '../../domain/utc-day.ts';
import type { Conditions } from '../clauses.ts';
import { paceOf, type PaceRow } from '../debit-pace.ts';
import { debitConditions } from '../filters.ts';
import { rolledUpNow } from './daily-usage.ts';
import type { Sql } from './sql.ts';

const SELECT = `SELECT d.number, d.at, d.account_ref AS accountRef, a.name AS account, d.key_ref AS keyRef, k.id AS keyId, k.name AS keyName,
  s.name AS service, d.service_ref AS serviceRef, d.cost, d.balance_after AS balanceAfter, d.request_id AS requestId, d.refunded_at AS refundedAt
  FROM debits d JOIN accounts a ON a.ref = d.account_ref JOIN services s ON s.ref = d.service_ref LEFT JOIN keys k ON k.ref = d.key_ref`;

export class SqliteDebits implements DebitWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byNumber(number: DebitNumber): Promise<Debit | null> {
    return this.#sql.get<Debit>(`${SELECT} WHERE d.number = ?`, number) ?? null;
  }

  async page(filter: DebitFilter, before: DebitNumber | null, limit: number): Promise<readonly Debit[]> {
    const where = conditions(filter);
    if (before !== null) where.add('d.number < ?', before);
    return this.#sql.all<Debit>(`${SELECT} ${where.text} ORDER BY d.number DESC LIMIT ?`, ...where.values, limit);
  }

  async since(filter: DebitFilter, after: DebitNumber, limit: number): Promise<readonly Debit[]> {
    const where = conditions(filter).add('d.number > ?', after);
    return this.#sql.all<Debit>(`${SELECT} ${where.text} ORDER BY d.number LIMIT ?`, ...where.values, limit);
  }

  async count(filter: DebitFilter, most: number): Promise<number> {
    const where = conditions(filter);
    return this.#sql.number(`SELECT count(*) AS n FROM (SELECT 1 FROM debits d ${where.text} LIMIT ?)`, ...where.values, most);
  }

  async newestAt(): Promise<Instant | null> {
    return this.#sql.get<{ at: Instant }>('SELECT at FROM debits ORDER BY number DESC LIMIT 1')?.at ?? null;
  }

  async pace(since: Instant, most: number, keys: number): Promise<DebitPace> {
    // The newest are the end of the table: what is older is not looked at, however much of it there is.
    const newest = 'SELECT at, account_ref, key_ref, cost FROM debits WHERE number >= ? ORDER BY number DESC LIMIT ?';
    const rows = this.#sql.all<PaceRow>(
      `SELECT account_ref AS accountRef, key_ref AS keyRef, count(*) AS requests, sum(cost) AS credits, min(at) AS since
       FROM (${newest}) WHERE at >= ? GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`,
      ...[firstDebitNumber(since), most, since],
    );
    return paceOf(rows, keys);
  }

  async refund(debit: Debit, at: Instant): Promise<void> {
    this.#sql.run('UPDATE debits SET refunded_at = ? WHERE number = ?', at, debit.number);
    if (debit.requestId !== null) {
      const text = 'UPDATE request_ids SET refunded = 1 WHERE account_ref = ? AND request_id = ? AND debit = ?';
      this.#sql.run(text, debit.accountRef, debit.requestId, debit.number);
    }
    // Usage counts every debit in full and takes refunds out; a debit that is still to be counted finds its refund there.
    const waits = debit.number > this.#sql.number('SELECT folded_through AS n FROM state');
    const refs = [debit.accountRef, debit.keyRef ?? 0, debit.serviceRef];
    if (waits) this.#addUsage(debit, refs);
    const key = 'account_ref = ? AND key_ref = ? AND service_ref = ?';
    this.#sql.run(`UPDATE usage_hours SET credits = credits - ? WHERE hour = ? AND ${key}`, debit.cost, hourOf(debit.at), ...refs);
    this.#sql.run(`UPDATE usage_days SET credits = credits - ? WHERE day = ? AND ${key}`, debit.cost, dayOf(debit.at), ...refs);
  }

  #addUsage({ at, accountRef }: Debit, refs: readonly number[]): void {
    this.#sql.run('INSERT OR IGNORE INTO usage_hours VALUES (?, ?, ?, ?, 0, 0, 0, 0)', hourOf(at), ...refs);
    if (!rolledUpNow(this.#sql)(dayOf(at), accountRef)) return;
    this.#sql.run('INSERT OR IGNORE INTO usage_days VALUES (?, ?, ?, ?, 0, 0)', dayOf(at), ...refs);
  }
}

function conditions(filter: DebitFilter): Conditions {
  const where = debitConditions(filter);
  if (filter.accountRef !== undefined) where.add('d.account_ref = ?', filter.accountRef);
  if (filter.keyRef !== undefined) where.add('d.key_ref = ?', filter.keyRef);
  return where;
}
