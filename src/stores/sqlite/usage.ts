import { firstDebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { CountedDenial, Denial, DenialFilter, KeyHour, UsageBucket, UsageQuery, UsageSum, UsageWrites } from '../../domain/store.ts';
import { dayOf, hourOf, type Instant, type UtcDay, type UtcHour } from '../../domain/utc-day.ts';
import type { DenialCode } from '../../domain/verdict.ts';
import { countDenied, deniedPage, deniedSince } from './denials.ts';
import type { Folding } from './folding.ts';
import { keyHours } from './key-hours.ts';
import { Conditions, type Sql } from './sql.ts';
import { UNFOLDED } from './uses.ts';

const REFS = 'account_ref, key_ref, service_ref';

const HOURS = { table: 'usage_hours', denied: 'denied_hours', column: 'hour', ms: 3_600_000, numberOf: hourOf };
const DAYS = { table: 'usage_days', denied: 'denied_days', column: 'day', ms: 86_400_000, numberOf: dayOf };

function bucketColumn(by: UsageBucket, unit: typeof HOURS): string {
  switch (by) {
    case 'hour':
      return unit.column;
    case 'day':
      return unit === HOURS ? 'hour / 24' : 'day';
    case 'account':
      return 'account_ref';
    case 'key':
      return 'key_ref';
    case 'service':
      return 'service_ref';
    case 'code':
      return '0';
  }
}

export class SqliteUsage implements UsageWrites {
  readonly #sql: Sql;
  readonly #folding: Folding;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
  }

  async sums(query: UsageQuery): Promise<readonly UsageSum[]> {
    const unit = query.table === 'hour' ? HOURS : DAYS;
    const bucket = bucketColumn(query.by, unit);
    const where = this.#conditions(query, unit);
    const spent = this.#sql.all<{ bucket: number; requests: number; credits: number }>(
      `SELECT ${bucket} AS bucket, sum(requests) AS requests, sum(credits) AS credits FROM (
         SELECT ${unit.column}, ${REFS}, requests, credits FROM ${unit.table}
         UNION ALL
         SELECT at / ${String(unit.ms)}, account_ref, ifnull(key_ref, 0), service_ref, 1, cost FROM ${UNFOLDED}
       ) ${where.text} GROUP BY 1 ORDER BY 1`,
      ...where.values,
    );
    const denied = this.#sql.all<{ bucket: number; code: DenialCode; requests: number }>(
      `SELECT ${bucket} AS bucket, code, sum(requests) AS requests FROM ${unit.denied} ${where.text} GROUP BY 1, 2 ORDER BY 1, 2`,
      ...where.values,
    );
    return joined(spent, denied);
  }

  #conditions(query: UsageQuery, unit: typeof HOURS): Conditions {
    const where = new Conditions().add(`${unit.column} >= ? AND ${unit.column} < ?`, unit.numberOf(query.from), unit.numberOf(query.to));
    if (query.accountRef !== undefined) where.add('account_ref = ?', query.accountRef);
    if (query.keyRef !== undefined) where.add('key_ref = ?', query.keyRef);
    if (query.service !== undefined) where.add('service_ref IN (SELECT ref FROM services WHERE name = ?)', query.service);
    return where;
  }

  async ofKeys(
    keyRefs: readonly Ref[],
    day: UtcDay,
  ): Promise<ReadonlyMap<Ref, { requests: number; credits: number; lastUsedAt: Instant | null }>> {
    const list = JSON.stringify(keyRefs);
    const rows = this.#sql.all<{ ref: Ref; requests: number; credits: number; lastUsedAt: Instant | null }>(
      `WITH wanted AS MATERIALIZED (SELECT value AS ref FROM json_each(?)),
         recent AS MATERIALIZED (SELECT key_ref, max(at) AS at, sum(at / 86400000 = ?) AS requests,
             sum(CASE WHEN at / 86400000 = ? THEN cost ELSE 0 END) AS credits
           FROM ${UNFOLDED} WHERE key_ref IN (SELECT ref FROM wanted) GROUP BY key_ref),
         folded AS MATERIALIZED (SELECT key_ref, sum(requests) AS requests, sum(credits) AS credits FROM usage_days
           WHERE day = ? AND account_ref IN (SELECT account_ref FROM keys WHERE ref IN (SELECT ref FROM wanted))
             AND key_ref IN (SELECT ref FROM wanted) GROUP BY key_ref)
       SELECT ref, ifnull(f.requests, 0) + ifnull(r.requests, 0) AS requests, ifnull(f.credits, 0) + ifnull(r.credits, 0) AS credits,
         nullif(max(ifnull(a.last_used_at, 0), ifnull(r.at, 0)), 0) AS lastUsedAt
       FROM wanted LEFT JOIN folded f ON f.key_ref = ref LEFT JOIN recent r ON r.key_ref = ref LEFT JOIN key_activity a ON a.key_ref = ref`,
      ...[list, day, day, day],
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

function joined(
  spent: readonly { bucket: number; requests: number; credits: number }[],
  denied: readonly { bucket: number; code: DenialCode; requests: number }[],
): UsageSum[] {
  const sums = new Map<number, { requests: number; credits: number; denied: Partial<Record<DenialCode, number>> }>();
  for (const { bucket, requests, credits } of spent) sums.set(bucket, { requests, credits, denied: {} });
  for (const { bucket, code, requests } of denied) {
    const sum = sums.get(bucket) ?? { requests: 0, credits: 0, denied: {} };
    sum.denied[code] = requests;
    sums.set(bucket, sum);
  }
  return [...sums].map(([bucket, sum]) => ({ bucket, ...sum })).sort((one, other) => one.bucket - other.bucket);
}
