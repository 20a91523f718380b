import { firstDebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type {
  CountedDenial,
  Denial,
  DenialFilter,
  KeyHour,
  KeyUse,
  UsageBucket,
  UsageQuery,
  UsageSum,
  UsageWrites,
} from '../../domain/store.ts';
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
const UNUSED: KeyUse = { requests: 0, credits: 0, lastUsedAt: null };

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
      { table: unit.table, order: unit.column, where: conditions(query, unit.column, from, to) },
      ...(unit === DAYS ? [this.#hoursOfDays(query, from, to)] : []),
      { table: unfoldedUsage(unit), order: unit.column, where: conditions(query, unit.column, from, to) },
    ];
    const spent = this.#sql.all<SpentSum>(
      `SELECT ${bucket} AS bucket, sum(requests) AS requests, sum(credits) AS credits
       FROM (${parts.map((part) => summed(part, query.by, unit)).join(' UNION ALL ')}) GROUP BY 1 ORDER BY 1`,
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
  #hoursOfDays(query: UsageQuery, from: UtcDay, to: UtcDay): Part {
    const first = Math.max(from, this.#sql.number('SELECT closed_through + 1 AS n FROM state'));
    return {
      table: `(SELECT *, hour / ${String(HOURS_PER_DAY)} AS day FROM ${NOT_ROLLED_UP})`,
      order: 'hour',
      where: conditions(query, 'hour', first * HOURS_PER_DAY, Math.max(first, to) * HOURS_PER_DAY),
    };
  }

  async ofKeys(keyRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, KeyUse>> {
    const rows = this.#sql.all<KeyUse & { ref: Ref }>(
      `WITH RECURSIVE wanted AS MATERIALIZED (SELECT k.ref, k.account_ref FROM json_each(?) l CROSS JOIN keys k ON k.ref = l.value),
         hours (hour) AS MATERIALIZED (${OPEN_HOURS}),
         used AS (
           SELECT u.key_ref, u.day, u.requests, u.credits, 0 AS at FROM wanted w CROSS JOIN usage_days u
             ON u.day = ? AND u.account_ref = w.account_ref AND u.key_ref = w.ref
           UNION ALL SELECT u.key_ref, u.hour / 24, u.requests, u.credits, u.last_at FROM hours CROSS JOIN wanted w CROSS JOIN ${NOT_ROLLED_UP} u
             ON u.hour = hours.hour AND u.account_ref = w.account_ref AND u.key_ref = w.ref
           UNION ALL SELECT key_ref, at / 86400000, 1, cost, at FROM ${UNFOLDED} WHERE key_ref IN (SELECT ref FROM wanted)
           UNION ALL SELECT w.ref, -1, 0, 0, a.last_used_at FROM wanted w CROSS JOIN key_activity a ON a.key_ref = w.ref)
       SELECT key_ref AS ref, sum(CASE WHEN day = ? THEN requests ELSE 0 END) AS requests, sum(CASE WHEN day = ? THEN credits ELSE 0 END) AS credits,
         nullif(max(at), 0) AS lastUsedAt
       FROM used GROUP BY key_ref`,
      ...[JSON.stringify(keyRefs), day, day, day],
    );
    // Of most keys nothing is known of most days.
    const found = new Map<Ref, KeyUse>(keyRefs.map((ref) => [ref, UNUSED]));
    for (const { ref, requests, credits, lastUsedAt } of rows) found.set(ref, { requests, credits, lastUsedAt });
    return found;
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

/** A table with what is asked of it; it lies in the order of a column, and then of the accounts. */
interface Part {
  readonly table: string;
  readonly order: string;
  readonly where: Conditions;
}

/**
 * The rows of a part, summed up as far as they lie in that order: a million rows are added up as they are read, where they would otherwise be
 * sorted with those of the other parts.
 */
function summed({ table, order, where }: Part, by: UsageBucket, unit: typeof HOURS): string {
  if (by === 'key' || by === 'service') return `SELECT ${unit.column}, ${REFS}, requests, credits FROM ${table} ${where.text}`;
  const accounts = by === 'account' ? ', account_ref' : '';
  const sums = 'sum(requests) AS requests, sum(credits) AS credits';
  return `SELECT ${unit.column}${accounts}, ${sums} FROM ${table} ${where.text} GROUP BY ${order}${accounts}`;
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
