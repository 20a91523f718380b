import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { Page, RefRange } from '../../domain/page.ts';
import type { CapSpending, DayFacts, DebitSum, DebitSums, ProofRows, RequestIdPlace, StrayRequestId, Used } from '../../domain/proof.ts';
import { HOURS_PER_DAY, startOfDay, type UtcDay } from '../../domain/utc-day.ts';
import { daysIn, debitSums, factsOf, mark, ownersOf, type SummedDebits } from '../proof-facts.ts';
import { TIER_ON_DAY } from './accounts.ts';
import type { SqliteCredits } from './credits.ts';
import type { Sql } from './sql.ts';
import { UNFOLDED } from './uses.ts';

const DAYS = `SELECT * FROM (${daysIn('past_days', 'day', 1)}) UNION SELECT * FROM (${daysIn('usage_hours', 'hour', HOURS_PER_DAY)})
  UNION SELECT * FROM (${daysIn('cap_spending', 'day', 1)}) UNION SELECT DISTINCT day FROM running_days
  UNION SELECT DISTINCT at / 86400000 FROM debits WHERE number > (SELECT folded_through FROM state) ORDER BY 1`;

const DEBIT_MARK = mark('at / 3600000', 'ifnull(key_ref, 0)', 'service_ref');

const SUMMED = `count(*) AS debits, sum(${DEBIT_MARK}) AS mark, sum(cost) AS cost,
  sum(CASE WHEN refunded_at IS NULL THEN 0 ELSE cost END) AS refunded`;

/** Debits are summed up by whatever they refer to, so that it is looked up once for each of them and not for each debit. */
const SUMS = `WITH some AS MATERIALIZED (
    SELECT account_ref, key_ref, service_ref, ${SUMMED}, max(number - at * 1000) AS behind
    FROM debits WHERE number > ? AND number <= ? AND at >= ? AND at < ? GROUP BY 1, 2, 3)
  SELECT s.account_ref, s.debits, s.mark, s.cost, s.refunded, s.behind,
    (s.key_ref IS NOT NULL AND k.ref IS NULL) OR NOT EXISTS (SELECT 1 FROM services v WHERE v.ref = s.service_ref),
    CASE WHEN k.daily_cap IS NOT NULL OR EXISTS (SELECT 1 FROM cap_spending c WHERE c.day = ? AND c.cap_group = k.cap_group) THEN k.cap_group END
  FROM some s LEFT JOIN keys k ON k.ref = s.key_ref ORDER BY s.account_ref`;

type SumColumns = [
  accountRef: Ref,
  debits: number,
  mark: number,
  cost: number,
  refunded: number,
  behind: number,
  isStranger: number,
  capGroup: Ref | null,
];

const CAPPED = 'EXISTS (SELECT 1 FROM keys k WHERE k.cap_group = c.cap_group AND k.daily_cap IS NOT NULL AND k.deleted_at IS NULL)';

const AT_ODDS = `d.number IS NULL OR d.account_ref <> r.account_ref OR d.key_ref IS NOT r.key_ref OR d.service_ref <> r.service_ref
  OR d.cost <> r.cost OR d.request_id IS NOT r.request_id OR (d.refunded_at IS NOT NULL) <> r.refunded`;

export class SqliteProof implements ProofRows {
  readonly #sql: Sql;
  readonly #credits: SqliteCredits;

  constructor(sql: Sql, credits: SqliteCredits) {
    this.#sql = sql;
    this.#credits = credits;
  }

  async days(): Promise<readonly UtcDay[]> {
    return this.#sql.rows<[UtcDay]>(DAYS).map(([day]) => day);
  }

  async factsIn(day: UtcDay, refs: RefRange): Promise<readonly DayFacts[]> {
    const books = await this.#credits.booksIn(day, refs);
    const hours = this.#hoursIn(day, refs);
    const unfolded = this.#unfoldedIn(day, refs);
    const stored = { books, hours, unfolded };
    const owners = ownersOf(stored);
    const list = JSON.stringify(owners);
    return factsOf(owners, stored, { accounts: this.#accounts(day, list), adjustments: this.#adjustments(day, list) });
  }

  /** Hour by hour, as the rows lie. */
  #hoursIn(day: UtcDay, { after, through }: RefRange): ReadonlyMap<Ref, Used> {
    const hours = Array.from({ length: HOURS_PER_DAY }, (_, hour) => day * HOURS_PER_DAY + hour);
    return usedBy(
      this.#sql.rows(
        `SELECT u.account_ref, sum(u.requests), sum(u.requests * (${mark('u.hour', 'u.key_ref', 'u.service_ref')})), sum(u.credits) FROM json_each(?) h CROSS JOIN usage_hours u
           ON u.hour = h.value AND u.account_ref > ? AND u.account_ref <= ? GROUP BY 1`,
        ...[JSON.stringify(hours), after, through],
      ),
    );
  }

  #unfoldedIn(day: UtcDay, { after, through }: RefRange): ReadonlyMap<Ref, Used> {
    return usedBy(
      this.#sql.rows(
        `SELECT account_ref, count(*), sum(${DEBIT_MARK}), sum(cost) FROM ${UNFOLDED} WHERE at >= ? AND at < ? AND account_ref > ? AND account_ref <= ? GROUP BY 1`,
        ...[startOfDay(day), startOfDay(day + 1), after, through],
      ),
    );
  }

  #accounts(day: UtcDay, list: string): ReadonlyMap<Ref, { name: string; tier: string }> {
    const rows = this.#sql.rows<[Ref, string, string | null]>(
      `SELECT accounts.ref, accounts.name, ${TIER_ON_DAY} FROM json_each(?) l CROSS JOIN accounts ON accounts.ref = l.value`,
      ...[day, list],
    );
    return new Map(rows.map(([ref, name, tier]) => [ref, { name, tier: tier ?? '' }]));
  }

  #adjustments(day: UtcDay, list: string): ReadonlyMap<Ref, { adjusted: number; taken: number }> {
    const rows = this.#sql.rows<[Ref, number, number]>(
      `SELECT a.account_ref, sum(a.amount), sum(min(a.amount, 0)) FROM json_each(?) l CROSS JOIN adjustments a
         ON a.account_ref = l.value AND a.day = ? GROUP BY 1`,
      ...[list, day],
    );
    return new Map(rows.map(([ref, adjusted, taken]) => [ref, { adjusted, taken }]));
  }

  async debitsOf(day: UtcDay, after: DebitNumber | null, limit: number): Promise<DebitSums> {
    const [first, end] = this.#numbersOf(day);
    const from = after ?? first - 1;
    const full = this.#sql.row<[DebitNumber]>(
      'SELECT number FROM debits WHERE number > ? AND number < ? ORDER BY number LIMIT 1 OFFSET ?',
      ...[from, end, limit - 1],
    );
    const newest = this.#sql.number('SELECT max(number) AS n FROM debits WHERE number < ?', end);
    const through = full?.[0] ?? Math.max(from, newest);
    const rows = this.#sql.rows<SumColumns>(SUMS, from, through, startOfDay(day), startOfDay(day + 1), day);
    return { through, done: through >= newest, ...debitSums(rows.map(summedDebits)) };
  }

  /** Before and behind all debits of a day: a clock that stepped back leaves numbers ahead of their time, by no more than the store has noted. */
  #numbersOf(day: UtcDay): [first: DebitNumber, end: DebitNumber] {
    const ahead = this.#sql.number('SELECT ahead_micros AS n FROM state');
    return [firstDebitNumber(startOfDay(day)), firstDebitNumber(startOfDay(day + 1)) + ahead];
  }

  async debitsOfSome(day: UtcDay, by: 'account' | 'cap', refs: readonly Ref[]): Promise<readonly DebitSum[]> {
    const [first, end] = this.#numbersOf(day);
    const wanted = 'SELECT value FROM json_each(?)';
    const only = by === 'account' ? `account_ref IN (${wanted})` : `key_ref IN (SELECT ref FROM keys WHERE cap_group IN (${wanted}))`;
    const ref = by === 'account' ? 'account_ref' : '(SELECT cap_group FROM keys WHERE keys.ref = key_ref)';
    return this.#sql.all<DebitSum>(
      `SELECT ${ref} AS ref, ${SUMMED}
       FROM debits WHERE number >= ? AND number < ? AND at >= ? AND at < ? AND ${only} GROUP BY 1`,
      ...[first, end, startOfDay(day), startOfDay(day + 1), JSON.stringify(refs)],
    );
  }

  async capsOn(day: UtcDay, { after, limit }: Page): Promise<readonly CapSpending[]> {
    const rows = this.#sql.rows<[Ref, number, number]>(
      `SELECT cap_group, spent, ${CAPPED} FROM cap_spending c WHERE day = ? AND cap_group > ? ORDER BY cap_group LIMIT ?`,
      ...[day, after, limit],
    );
    return rows.map(([capGroup, spent, capped]) => ({ capGroup, spent, capped: capped === 1 }));
  }

  async cappedAmong(capGroups: readonly Ref[]): Promise<ReadonlySet<Ref>> {
    const text = `SELECT c.cap_group FROM (SELECT value AS cap_group FROM json_each(?)) c WHERE ${CAPPED}`;
    return new Set(this.#sql.rows<[Ref]>(text, JSON.stringify(capGroups)).map(([ref]) => ref));
  }

  async strayRequestIds(
    after: RequestIdPlace | null,
    limit: number,
    since: DebitNumber,
  ): Promise<{ looked: number; last: RequestIdPlace | null; strays: readonly StrayRequestId[] }> {
    const place = [after?.accountRef ?? -1, after?.requestId ?? ''] as const;
    const rows = this.#sql.rows<[Ref, string, DebitNumber, number, number]>(
      `SELECT r.account_ref, r.request_id, r.debit, r.debit >= ? AND (${AT_ODDS}), d.number IS NULL
       FROM request_ids r LEFT JOIN debits d ON d.number = r.debit WHERE (r.account_ref, r.request_id) > (?, ?)
       ORDER BY r.account_ref, r.request_id LIMIT ?`,
      ...[since, ...place, limit],
    );
    const last = rows.at(-1);
    return {
      looked: rows.length,
      last: last === undefined ? null : { accountRef: last[0], requestId: last[1] },
      strays: rows
        .filter(([, , , atOdds]) => atOdds === 1)
        .map(([accountRef, , debit, , missing]) => ({ accountRef, debit, missing: missing === 1 })),
    };
  }
}

function usedBy(rows: readonly [Ref, number, number, number][]): Map<Ref, Used> {
  return new Map(rows.map(([ref, requests, mark, credits]) => [ref, { requests, mark, credits }]));
}

function summedDebits([accountRef, debits, marked, cost, refunded, behind, isStranger, capGroup]: SumColumns): SummedDebits {
  return { accountRef, debits, mark: marked, cost, refunded, behind, isStranger: isStranger === 1, capGroup };
}
