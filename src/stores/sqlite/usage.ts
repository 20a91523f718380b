import { firstDebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { CountedDenial, Denial, DenialFilter, KeyHour, UsageQuery, UsageSum, UsageWrites } from '../../domain/store.ts';
import { HOURS_PER_DAY, type Instant, type UtcDay, type UtcHour } from '../../domain/utc-day.ts';
import { Conditions } from '../clauses.ts';
import { bucketColumn, DAYS, HOURS, joined, type DeniedSum, type SpentSum } from '../usage-sums.ts';
import { countDenied, deniedPage, deniedSince } from './denials.ts';
import type { Folding } from './folding.ts';
import { keyHours } from './key-hours.ts';
import { NOT_ROLLED_UP, OPEN_HOURS } from './daily-usage.ts';
import type { Sql } from './sql.ts';
import { UNFOLDED } from './uses.ts';

const REFS = 'account_ref, key_ref, service_ref';

export class SqliteUsage implements UsageWrites {
  readonly #sql: Sql;
  readonly #folding: Folding;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
  }

  async sums(query: UsageQuery): Promise<readonly UsageSum[]> {
    const unit = query.table === 'hour' ? HOURS : DAYS;
    const [from, to] = [unit.numberOf(query.from), unit.numberOf(query.to)];
    const bucket = bucketColumn(query.by, unit);
    const parts = [
      { table: unit.table, where: conditions(query, unit.column, from, to) },
      ...(unit === DAYS ? [this.#hoursOfDays(query, from, to)] : []),
      { table: unfoldedUsage(unit), where: conditions(query, unit.column, from, to) },
    ];
    const columns = `${unit.column}, ${REFS}, requests, credits`;
    const spent = this.#sql.all<SpentSum>(
      `SELECT ${bucket} AS bucket, sum(requests) AS requests, sum(credits) AS credits
       FROM (${parts.map(({ table, where }) => `SELECT ${columns} FROM ${table} ${where.text}`).join(' UNION ALL ')}) GROUP BY 1 ORDER BY 1`,
      ...parts.flatMap(({ where }) => where.values),
    );
    const where = conditions(query, unit.column, from, to);
    const denied = this.#sql.all<DeniedSum>(
      `SELECT ${bucket} AS bucket, code, sum(requests) AS requests FROM ${unit.denied} ${where.text} GROUP BY 1, 2 ORDER BY 1, 2`,
      ...where.values,
    );
    return joined(spent, denied);
  }

  /** What the hours say of days that are not rolled up yet. */
  #hoursOfDays(query: UsageQuery, from: UtcDay, to: UtcDay): { table: string; where: Conditions } {
    const first = Math.max(from, this.#sql.number('SELECT closed_through + 1 AS n FROM state'));
    return {
      table: `(SELECT *, hour / ${String(HOURS_PER_DAY)} AS day FROM ${NOT_ROLLED_UP})`,
      where: conditions(query, 'hour', first * HOURS_PER_DAY, Math.max(first, to) * HOURS_PER_DAY),
    };
  }

  async ofKeys(
    keyRefs: readonly Ref[],
    day: UtcDay,
  ): Promise<ReadonlyMap<Ref, { requests: number; credits: number; lastUsedAt: Instant | null }>> {
    const rows = this.#sql.all<{ ref: Ref; requests: number; credits: number; lastUsedAt: Instant | null }>(
      `WITH RECURSIVE wanted AS MATERIALIZED (SELECT k.ref, k.account_ref FROM json_each(?) l CROSS JOIN keys k ON k.ref = l.value),
         hours (hour) AS (${OPEN_HOURS}),
         used AS (
           SELECT u.key_ref, u.day, u.requests, u.credits, 0 AS at FROM wanted w CROSS JOIN usage_days u
             ON u.day = ? AND u.account_ref = w.account_ref AND u.key_ref = w.ref
           UNION ALL SELECT u.key_ref, u.hour / 24, u.requests, u.credits, u.last_at FROM wanted w CROSS JOIN hours CROSS JOIN ${NOT_ROLLED_UP} u
             ON u.hour = hours.hour AND u.account_ref = w.account_ref AND u.key_ref = w.ref
           UNION ALL SELECT key_ref, at / 86400000, 1, cost, at FROM ${UNFOLDED} WHERE key_ref IN (SELECT ref FROM wanted)
           UNION ALL SELECT key_ref, -1, 0, 0, last_used_at FROM key_activity WHERE key_ref IN (SELECT ref FROM wanted))
       SELECT ref, sum(CASE WHEN day = ? THEN requests ELSE 0 END) AS requests, sum(CASE WHEN day = ? THEN credits ELSE 0 END) AS credits,
         nullif(max(ifnull(at, 0)), 0) AS lastUsedAt
       FROM wanted LEFT JOIN used ON used.key_ref = ref GROUP BY ref`,
      ...[JSON.stringify(keyRefs), day, day, day],
    );
    return new Map(rows.map(({ ref, ...usage }) => [ref, usage]));
  }

  async ofKeysByHour(keyRefs: readonly Ref[], from: UtcHour, until: UtcHour): Promise<readonly KeyHour[]> {
    return keyHours(this.#sql, keyRefs, from, until);
  }

  async denials(filter: DenialFilter, limit: number, before: Pick<Denial, 'at' | 'number'> | null = null): Promise<readonly Denial[]> {
    return deniedPage(this.#sql, filter, limit, before);
  }

  async denialsSince(filter: DenialFilter, after: number, limit: number): Promise<readonly Denial[]> {
    return deniedSince(this.#sql, filter, after, limit);
  }

  async countDenials(filter: DenialFilter, most: number): Promise<number> {
    return countDenied(this.#sql, filter, most);
  }

  async fold(limit: number): Promise<number> {
    this.#folding.follow();
    return this.#folding.foldNext(limit);
  }

  async foldOn(rows: number): Promise<number> {
    this.#folding.follow();
    return this.#folding.foldOn(rows);
  }

  async unfoldedBefore(at: Instant): Promise<boolean> {
    // The number says a debit's time, but for what the clock stepped back.
    const first = this.#sql.get<{ earliest: number | null }>(
      'SELECT (SELECT min(number) FROM debits WHERE number > folded_through) - ahead_micros AS earliest FROM state',
    );
    return typeof first?.earliest === 'number' && first.earliest < firstDebitNumber(at);
  }

  async addDenials(denials: readonly CountedDenial[]): Promise<void> {
    for (const denial of denials) this.#addDenial(denial);
  }

  #addDenial({ at, keyId, account, service, code, ip, requestId, count }: CountedDenial): void {
    const keyRef = keyId === null ? null : (this.#sql.get<{ ref: Ref }>('SELECT ref FROM keys WHERE id = ?', keyId)?.ref ?? null);
    const accountRef =
      account === null ? null : (this.#sql.get<{ ref: Ref }>('SELECT ref FROM accounts WHERE name = ?', account)?.ref ?? null);
    const ofName = 'SELECT ref FROM services WHERE name = ? ORDER BY deleted_at IS NULL DESC, ref DESC LIMIT 1';
    const serviceRef = service === null ? null : (this.#sql.get<{ ref: Ref }>(ofName, service)?.ref ?? null);
    for (const { denied, column, numberOf } of [HOURS, DAYS]) {
      this.#sql.run(
        `INSERT INTO ${denied} VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (${column}, ${REFS}, code) DO UPDATE SET requests = requests + excluded.requests`,
        ...[numberOf(at), accountRef ?? 0, keyRef ?? 0, serviceRef ?? 0, code, count],
      );
    }
    this.#sql.run(
      'INSERT INTO denials (at, account_ref, key_ref, service_ref, code, ip, request_id, requests) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ...[at, accountRef, keyRef, serviceRef, code, ip, requestId, count],
    );
  }
}

/** The tables lie by hour or day and then by account, so that for one account each of them is looked up by itself. */
function conditions({ accountRef, keyRef, service }: UsageQuery, column: string, from: number, to: number): Conditions {
  const where = new Conditions();
  if (accountRef === undefined && keyRef === undefined) where.add(`${column} >= ? AND ${column} < ?`, from, to);
  else where.add(`${column} IN (SELECT value FROM json_each(?))`, numbersAsJson(from, to));
  if (accountRef !== undefined) where.add('account_ref = ?', accountRef);
  else if (keyRef !== undefined) where.add('account_ref = (SELECT account_ref FROM keys WHERE ref = ?)', keyRef);
  if (keyRef !== undefined) where.add('key_ref = ?', keyRef);
  if (service !== undefined) where.add('service_ref IN (SELECT ref FROM services WHERE name = ?)', service);
  return where;
}

function numbersAsJson(from: number, to: number): string {
  return JSON.stringify(Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index));
}

function unfoldedUsage(unit: typeof HOURS): string {
  return `(SELECT at / ${String(unit.ms)} AS ${unit.column}, account_ref, ifnull(key_ref, 0) AS key_ref, service_ref, 1 AS requests,
    cost AS credits FROM ${UNFOLDED})`;
}
