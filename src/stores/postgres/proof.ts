import { firstDebitNumber, type DebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { Page, RefRange } from '../../domain/page.ts';
import type { CapSpending, DayFacts, DebitSum, DebitSums, ProofRows, RequestIdPlace, StrayRequestId, Used } from '../../domain/proof.ts';
import type { CreditRows } from '../../domain/store.ts';
import { HOURS_PER_DAY, startOfDay, type UtcDay } from '../../domain/utc-day.ts';
import { daysIn, debitSums, factsOf, mark, ownersOf, type SummedDebits } from '../proof-facts.ts';
import { TIER_ON_DAY } from './accounts.ts';
import { UNFOLDED } from './daily-usage.ts';
import type { Sql } from './sql.ts';

const DAYS = `SELECT day FROM (${daysIn('past_days', 'day', 1)}) p UNION SELECT day FROM (${daysIn('usage_hours', 'hour', HOURS_PER_DAY)}) h
  UNION SELECT day FROM (${daysIn('cap_spending', 'day', 1)}) c UNION SELECT DISTINCT day FROM running_days WHERE day IS NOT NULL
  UNION SELECT DISTINCT at / 86400000 FROM ${UNFOLDED} d ORDER BY 1`;

const DEBIT_MARK = mark('at / 3600000', 'coalesce(key_ref, 0)', 'service_ref');

const SUMMED = `count(*) AS debits, sum(${DEBIT_MARK}) AS mark, sum(cost) AS cost, coalesce(sum(cost) FILTER (WHERE refunded_at IS NOT NULL), 0) AS refunded`;

/** Debits are summed up by whatever they refer to, so that it is looked up once for each of them and not for each debit. */
const SUMS = `WITH summed AS MATERIALIZED (
    SELECT account_ref, key_ref, service_ref, ${SUMMED}, max(number - at * 1000) AS behind
    FROM debits WHERE number > ? AND number <= ? AND at >= ? AND at < ? GROUP BY 1, 2, 3)
  SELECT s.account_ref, s.debits, s.mark, s.cost, s.refunded, s.behind,
    (s.key_ref IS NOT NULL AND k.ref IS NULL) OR NOT EXISTS (SELECT 1 FROM services v WHERE v.ref = s.service_ref) AS is_stranger,
    CASE WHEN k.daily_cap IS NOT NULL OR EXISTS (SELECT 1 FROM cap_spending c
      WHERE c.account_ref = k.account_ref AND c.cap_group = k.cap_group AND c.day = ?) THEN k.cap_group END AS cap_group
  FROM summed s LEFT JOIN keys k ON k.ref = s.key_ref ORDER BY s.account_ref`;

const CAPPED = 'EXISTS (SELECT 1 FROM keys k WHERE k.cap_group = c.cap_group AND k.daily_cap IS NOT NULL AND k.deleted_at IS NULL)';

const AT_ODDS = `d.number IS NULL OR d.key_ref IS DISTINCT FROM r.key_ref OR d.service_ref <> r.service_ref
  OR d.cost <> r.cost OR d.request_id IS DISTINCT FROM r.request_id OR (d.refunded_at IS NOT NULL) <> r.refunded`;

type UsedRow = Used & { readonly accountRef: Ref };

export class PostgresProof implements ProofRows {
  readonly #sql: Sql;
  readonly #credits: Pick<CreditRows, 'booksIn'>;

  constructor(sql: Sql, credits: Pick<CreditRows, 'booksIn'>) {
    this.#sql = sql;
    this.#credits = credits;
  }

  async days(): Promise<readonly UtcDay[]> {
    return (await this.#sql.all<{ day: UtcDay }>(DAYS)).map(({ day }) => day);
  }

  async factsIn(day: UtcDay, refs: RefRange): Promise<readonly DayFacts[]> {
    const [books, hours, unfolded] = await Promise.all([
      this.#credits.booksIn(day, refs),
      this.#hoursIn(day, refs),
      this.#unfoldedIn(day, refs),
    ]);
    const stored = { books, hours, unfolded };
    const owners = ownersOf(stored);
    const [accounts, adjustments] = await Promise.all([this.#accounts(day, owners), this.#adjustments(day, owners)]);
    return factsOf(owners, stored, { accounts, adjustments });
  }

  async #hoursIn(day: UtcDay, { after, through }: RefRange): Promise<ReadonlyMap<Ref, Used>> {
    return usedBy(
      await this.#sql.all<UsedRow>(
        `SELECT account_ref, sum(requests) AS requests, sum(requests * (${mark('hour', 'key_ref', 'service_ref')})) AS mark, sum(credits) AS credits
         FROM usage_hours WHERE hour >= ? AND hour < ? AND account_ref > ? AND account_ref <= ? GROUP BY 1`,
        ...[day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY, after, through],
      ),
    );
  }

  async #unfoldedIn(day: UtcDay, { after, through }: RefRange): Promise<ReadonlyMap<Ref, Used>> {
    // Asked for by itself, since the planner would take what it does not know yet for a third of all debits.
    const folded = await this.#sql.number('SELECT folded_through FROM state');
    return usedBy(
      await this.#sql.all<UsedRow>(
        `SELECT account_ref, count(*) AS requests, sum(${DEBIT_MARK}) AS mark, sum(cost) AS credits FROM debits
         WHERE number > ? AND at >= ? AND at < ? AND account_ref > ? AND account_ref <= ? GROUP BY 1`,
        ...[folded, startOfDay(day), startOfDay(day + 1), after, through],
      ),
    );
  }

  async #accounts(day: UtcDay, refs: readonly Ref[]): Promise<ReadonlyMap<Ref, { name: string; tier: string }>> {
    const rows = await this.#sql.all<{ ref: Ref; name: string; tier: string | null }>(
      `SELECT ref, name, ${TIER_ON_DAY} AS tier FROM accounts WHERE ref = ANY(?)`,
      ...[day, refs],
    );
    return new Map(rows.map(({ ref, name, tier }) => [ref, { name, tier: tier ?? '' }]));
  }

  async #adjustments(day: UtcDay, refs: readonly Ref[]): Promise<ReadonlyMap<Ref, { adjusted: number; taken: number }>> {
    const rows = await this.#sql.all<{ accountRef: Ref; adjusted: number; taken: number }>(
      `SELECT account_ref, sum(amount) AS adjusted, sum(least(amount, 0)) AS taken FROM adjustments WHERE account_ref = ANY(?) AND day = ? GROUP BY 1`,
      ...[refs, day],
    );
    return new Map(rows.map(({ accountRef, ...sums }) => [accountRef, sums]));
  }

  async debitsOf(day: UtcDay, after: DebitNumber | null, limit: number): Promise<DebitSums> {
    const [first, end] = await this.#numbersOf(day);
    const from = after ?? first - 1;
    const [full, newest] = await Promise.all([
      this.#sql.number(
        'SELECT number FROM debits WHERE number > ? AND number < ? ORDER BY number LIMIT 1 OFFSET ?',
        ...[from, end, limit - 1],
      ),
      // No further back than the day: the table of each day before it would be asked as well.
      this.#sql.number('SELECT max(number) FROM debits WHERE number > ? AND number < ?', first - 1, end),
    ]);
    const through = full > 0 ? full : Math.max(from, newest);
    const rows = through === from ? [] : await this.#sql.all<SummedDebits>(SUMS, from, through, startOfDay(day), startOfDay(day + 1), day);
    return { through, done: through >= newest, ...debitSums(rows) };
  }

  /** Before and behind all debits of a day: a clock that stepped back leaves numbers ahead of their time, by no more than the store has noted. */
  async #numbersOf(day: UtcDay): Promise<[first: DebitNumber, end: DebitNumber]> {
    const ahead = await this.#sql.number('SELECT ahead_micros FROM state');
    return [firstDebitNumber(startOfDay(day)), firstDebitNumber(startOfDay(day + 1)) + ahead];
  }

  async debitsOfSome(day: UtcDay, by: 'account' | 'cap', refs: readonly Ref[]): Promise<readonly DebitSum[]> {
    const [first, end] = await this.#numbersOf(day);
    const only =
      by === 'account'
        ? 'd.account_ref = ANY(?)'
        : '(d.account_ref, d.key_ref) IN (SELECT k.account_ref, k.ref FROM keys k WHERE k.cap_group = ANY(?))';
    const ref = by === 'account' ? 'd.account_ref' : '(SELECT k.cap_group FROM keys k WHERE k.ref = d.key_ref)';
    return this.#sql.all<DebitSum>(
      `SELECT ${ref} AS ref, ${SUMMED} FROM debits d WHERE number >= ? AND number < ? AND at >= ? AND at < ? AND ${only} GROUP BY 1`,
      ...[first, end, startOfDay(day), startOfDay(day + 1), refs],
    );
  }

  async capsOn(day: UtcDay, { after, limit }: Page): Promise<readonly CapSpending[]> {
    return this.#sql.all<CapSpending>(
      `SELECT cap_group, spent, ${CAPPED} AS capped FROM cap_spending c WHERE day = ? AND cap_group > ? ORDER BY cap_group LIMIT ?`,
      ...[day, after, limit],
    );
  }

  async cappedAmong(capGroups: readonly Ref[]): Promise<ReadonlySet<Ref>> {
    const text = `SELECT cap_group FROM unnest(?::bigint[]) AS c (cap_group) WHERE ${CAPPED}`;
    return new Set((await this.#sql.all<{ capGroup: Ref }>(text, capGroups)).map(({ capGroup }) => capGroup));
  }

  async strayRequestIds(
    after: RequestIdPlace | null,
    limit: number,
    since: DebitNumber,
  ): Promise<{ looked: number; last: RequestIdPlace | null; strays: readonly StrayRequestId[] }> {
    const rows = await this.#sql.all<RequestIdPlace & { debit: DebitNumber; atOdds: boolean; missing: boolean }>(
      `SELECT r.account_ref, r.request_id, r.debit, r.debit >= ? AND (${AT_ODDS}) AS at_odds, d.number IS NULL AS missing
       FROM (SELECT * FROM request_ids WHERE (account_ref, request_id) > (?, ?) ORDER BY account_ref, request_id LIMIT ?) r
       LEFT JOIN debits d ON d.account_ref = r.account_ref AND d.number = r.debit ORDER BY r.account_ref, r.request_id`,
      ...[since, after?.accountRef ?? -1, after?.requestId ?? '', limit],
    );
    const last = rows.at(-1);
    return {
      looked: rows.length,
      last: last === undefined ? null : { accountRef: last.accountRef, requestId: last.requestId },
      strays: rows.filter(({ atOdds }) => atOdds).map(({ accountRef, debit, missing }) => ({ accountRef, debit, missing })),
    };
  }
}

function usedBy(rows: readonly UsedRow[]): Map<Ref, Used> {
  return new Map(rows.map(({ accountRef, ...used }) => [accountRef, used]));
}
