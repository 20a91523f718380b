import { firstDebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { CountedDenial, Denial, DenialFilter, KeyHour, KeyUse, UsageQuery, UsageSum, UsageWrites } from '../../domain/store.ts';
import type { Instant, UtcDay, UtcHour } from '../../domain/utc-day.ts';
import { Conditions } from '../clauses.ts';
import { bucketColumn, DAYS, HOURS, joined, type DeniedSum, type SpentSum } from '../usage-sums.ts';
import { NOT_ROLLED_UP, UNFOLDED } from './daily-usage.ts';
import { addDenied, countDenied, deniedPage, deniedSince } from './denials.ts';
import { foldDebits } from './folding.ts';
import { keyHours } from './key-hours.ts';
import type { Horizon } from './horizon.ts';
import type { Sql } from './sql.ts';
import { UnfoldedUses } from './unfolded-uses.ts';

/** Of so many debits about one row comes: whoever wants to write waits while they are added up, but for no longer than a few batches take. */
const DEBITS_PER_ROW = 16;

/**
 * Of so many keys, which only readers ask for at once, everybody's debits are added up and kept; those of fewer are found by their accounts, and
 * whoever holds the books meanwhile holds them no longer for it.
 */
const MANY_KEYS = 100;

export class PostgresUsage implements UsageWrites {
  readonly #sql: Sql;
  readonly #horizon: Horizon;
  readonly #unfolded: UnfoldedUses;

  constructor(sql: Sql, horizon: Horizon) {
    this.#sql = sql;
    this.#horizon = horizon;
    this.#unfolded = new UnfoldedUses(sql, horizon);
  }

  async sums(query: UsageQuery): Promise<readonly UsageSum[]> {
    const unit = query.table === 'hour' ? HOURS : DAYS;
    const bucket = bucketColumn(query.by, unit);
    const where = conditions(query, unit.column, unit.numberOf(query.from), unit.numberOf(query.to));
    // What the hours say of days that are not rolled up yet, and what the debits say that are not folded yet.
    const tables = [unit.table, ...(unit === DAYS ? [NOT_ROLLED_UP] : []), unfoldedUsage(unit)];
    const columns = `${unit.column}, account_ref, key_ref, service_ref, requests, credits`;
    const parts = tables.map((table) => `SELECT ${columns} FROM ${table} u ${where.text}`);
    const spent = await this.#sql.all<SpentSum>(
      `SELECT ${bucket} AS bucket, sum(requests) AS requests, sum(credits) AS credits
       FROM (${parts.join(' UNION ALL ')}) every GROUP BY 1 ORDER BY 1`,
      ...parts.flatMap(() => where.values),
    );
    const denied = await this.#sql.all<DeniedSum>(
      `SELECT ${bucket} AS bucket, code, sum(requests) AS requests FROM ${unit.denied} u ${where.text} GROUP BY 1, 2 ORDER BY 1, 2`,
      ...where.values,
    );
    return joined(spent, denied);
  }

  async ofKeys(keyRefs: readonly Ref[], day: UtcDay): Promise<ReadonlyMap<Ref, KeyUse>> {
    const ofKey = (alias: string): string => `${alias}.account_ref = w.account_ref AND ${alias}.key_ref = w.ref`;
    const through = keyRefs.length < MANY_KEYS ? 0 : await this.#unfolded.follow();
    const rows = await this.#sql.all<KeyUse & { ref: Ref }>(
      `WITH wanted AS MATERIALIZED (SELECT ref, account_ref, ?::bigint AS today FROM keys WHERE ref = ANY(?)),
         used AS (
           SELECT w.ref, u.requests, u.credits, 0 AS at FROM wanted w JOIN usage_days u ON ${ofKey('u')} AND u.day = w.today
           UNION ALL SELECT w.ref, CASE u.day WHEN w.today THEN u.requests END, CASE u.day WHEN w.today THEN u.credits END, u.last_at
             FROM wanted w JOIN ${NOT_ROLLED_UP} u ON ${ofKey('u')}
           UNION ALL SELECT w.ref, CASE d.at / 86400000 WHEN w.today THEN 1 END, CASE d.at / 86400000 WHEN w.today THEN d.cost END, d.at
             FROM wanted w JOIN ${UNFOLDED} d ON ${ofKey('d')} AND d.number > ?
           UNION ALL SELECT w.ref, 0, 0, a.last_used_at FROM wanted w JOIN key_activity a ON a.key_ref = w.ref)
       SELECT ref, coalesce(sum(requests), 0) AS requests, coalesce(sum(credits), 0) AS credits, nullif(max(at), 0) AS last_used_at
       FROM wanted LEFT JOIN used USING (ref) GROUP BY ref`,
      ...[day, keyRefs, through],
    );
    return new Map(rows.map(({ ref, ...used }) => [ref, through === 0 ? used : this.#unfolded.with(ref, used, day)]));
  }

  ofKeysByHour(keyRefs: readonly Ref[], from: UtcHour, until: UtcHour): Promise<readonly KeyHour[]> {
    return keyHours(this.#sql, keyRefs, from, until);
  }

  denials(filter: DenialFilter, limit: number, before: Pick<Denial, 'at' | 'number'> | null = null): Promise<readonly Denial[]> {
    return deniedPage(this.#sql, filter, limit, before);
  }

  denialsSince(filter: DenialFilter, after: number, limit: number): Promise<readonly Denial[]> {
    return deniedSince(this.#sql, filter, after, limit);
  }

  countDenials(filter: DenialFilter, most: number): Promise<number> {
    return countDenied(this.#sql, filter, most);
  }

  async unfoldedBefore(at: Instant): Promise<boolean> {
    // The number says a debit's time, but for what the clock stepped back.
    const earliest = await this.#sql.get<{ n: number | null }>(
      'SELECT (SELECT min(number) FROM debits WHERE number > folded_through) - ahead_micros AS n FROM state',
    );
    return typeof earliest?.n === 'number' && earliest.n < firstDebitNumber(at);
  }

  fold(limit: number): Promise<number> {
    return foldDebits(this.#sql, this.#horizon.settledThrough(), limit);
  }

  async foldOn(rows: number): Promise<number> {
    const limit = rows * DEBITS_PER_ROW;
    return (await this.fold(limit)) < limit ? 0 : rows;
  }

  addDenials(denials: readonly CountedDenial[]): Promise<void> {
    return addDenied(this.#sql, denials);
  }
}

function conditions({ accountRef, keyRef, service }: UsageQuery, column: string, from: number, to: number): Conditions {
  const where = new Conditions().add(`u.${column} >= ? AND u.${column} < ?`, from, to);
  if (accountRef !== undefined) where.add('u.account_ref = ?', accountRef);
  // The account leads the keys of the tables.
  else if (keyRef !== undefined) where.add('u.account_ref = (SELECT account_ref FROM keys WHERE ref = ?)', keyRef);
  if (keyRef !== undefined) where.add('u.key_ref = ?', keyRef);
  if (service !== undefined) where.add('u.service_ref IN (SELECT ref FROM services WHERE name = ?)', service);
  return where;
}

function unfoldedUsage(unit: typeof HOURS): string {
  return `(SELECT at / ${String(unit.ms)} AS ${unit.column}, account_ref, coalesce(key_ref, 0) AS key_ref, service_ref, 1 AS requests,
    cost AS credits FROM ${UNFOLDED} d)`;
}
