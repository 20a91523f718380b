import {
  thresholdReached,
  type Alert,
  type AlertOutcome,
  type AlertStatus,
  type AlertType,
  type AlertWrites,
  type NewAlert,
  type OutboxDepth,
  type ReachedBooks,
  type ReachedLatelyQuery,
  type ReachedQuery,
  type Webhook,
} from '../../domain/alerts.ts';
import { firstDebitNumber } from '../../domain/debit.ts';
import type { Key, Ref } from '../../domain/entities.ts';
import { MS_PER_DAY, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { Conditions } from '../clauses.ts';
import { highestReached } from '../thresholds.ts';
import type { Folding } from './folding.ts';
import { VISIBLE_KEYS } from './hidden.ts';
import { keyByRef } from './keys.ts';
import type { Sql } from './sql.ts';

const ALERT = `number, id, type, at, body, status, attempts, due_at AS dueAt, last_at AS lastAt, last_result AS lastResult, ended_at AS endedAt`;
/** Nothing waits longer for its next attempt: what is due later was put off by a clock that ran ahead. */
const LONGEST_WAIT_MS = MS_PER_DAY;
const DUE = "status = 'waiting' AND (due_at <= ? OR due_at > ?)";

type WebhookColumns = [
  ...[url: string, allowsHttp: number, secret: string, formerSecret: string | null, formerUntil: Instant | null],
  ...[thresholds: string, expiryMs: number | null, since: UtcDay | null],
];

const BOOKS = 'account_ref, day, granted, adjusted, spent';

export class SqliteAlerts implements AlertWrites {
  readonly #sql: Sql;
  readonly #folding: Folding;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
  }

  async webhook(): Promise<Webhook | null> {
    const row = this.#sql.row<WebhookColumns>(
      'SELECT url, allows_http, secret, former_secret, former_until, thresholds, expiry_ms, since_day FROM webhook',
    );
    if (row === undefined) return null;
    const [url, allowsHttp, secret, formerSecret, formerUntil, thresholds, expiryMs, since] = row;
    const former = formerSecret === null || formerUntil === null ? null : { secret: formerSecret, until: formerUntil };
    return { url, allowsHttp: allowsHttp === 1, secret, former, thresholds: JSON.parse(thresholds) as number[], expiryMs, since };
  }

  async reached(query: ReachedQuery): Promise<{ found: readonly ReachedBooks[]; through: Ref }> {
    const lacking = query.exact ? this.#lackingDebits() : new Set<Ref>();
    const stored = this.#reachedStored(query);
    const last = stored.at(-1)?.accountRef ?? 0;
    // An account is told of as a whole, so that none is cut in two by the limit.
    const through = stored.length < query.limit ? query.refs.through : last - 1;
    const found = stored.filter(({ accountRef, running }) => accountRef <= through && !(running === 1 && lacking.has(accountRef)));
    const unbooked = this.#reachedUnbooked(query, lacking, through);
    return { found: [...found, ...unbooked].map(({ accountRef, day }) => ({ accountRef, day })), through };
  }

  /**
   * By what the debits left, beside the stored allowance: all of them need not be read into memory for it, one by one, which took longer than
   * the rest. Who has no row yet never spent before: nothing is known of an allowance but that it was at least what is seen of it.
   */
  async reachedLately({ since, most, days, thresholds, limit }: ReachedLatelyQuery): Promise<readonly ReachedBooks[]> {
    const [least = 0] = thresholds;
    return this.#sql.all<ReachedBooks>(
      `SELECT account_ref AS accountRef, day FROM (
         SELECT d.account_ref, d.day, ifnull(granted + adjusted, min(balance_after) + sum(cost)) AS allowance, min(balance_after) AS remaining
         FROM (SELECT account_ref, at / ${String(MS_PER_DAY)} AS day, cost, balance_after FROM debits WHERE number >= ?
               ORDER BY number DESC LIMIT ?) d
           LEFT JOIN running_days r ON r.account_ref = d.account_ref AND r.day = d.day
         WHERE d.day IN (${days.map(() => '?').join(', ')})
           AND (r.day IS NULL OR (granted + adjusted - balance_after) * 100 >= ${String(Math.trunc(least))} * (granted + adjusted))
         GROUP BY 1, 2) b
       WHERE allowance > 0 AND ${highestReached('(allowance - remaining)', 'allowance', thresholds)}
         > ifnull((SELECT threshold FROM told_thresholds t WHERE t.day = b.day AND t.account_ref = b.account_ref), 0)
       ORDER BY account_ref LIMIT ?`,
      ...[firstDebitNumber(since), most, ...days, limit],
    );
  }

  /** The accounts whose stored rows lack debits, which are in memory then. */
  #lackingDebits(): ReadonlySet<Ref> {
    this.#folding.follow();
    return new Set(this.#folding.rows.unbookedRefs());
  }

  /** What is stored; a running day may lack debits. */
  #reachedStored({ refs, days, thresholds, limit }: ReachedQuery): (ReachedBooks & { readonly running: number })[] {
    const among = `day IN (${days.map(() => '?').join(', ')}) AND account_ref > ? AND account_ref <= ?`;
    const range = [...days, refs.after, refs.through];
    return this.#sql.all(
      `SELECT account_ref AS accountRef, day, running FROM (SELECT ${BOOKS}, 1 AS running FROM running_days WHERE ${among}
         UNION ALL SELECT ${BOOKS}, 0 FROM past_days WHERE ${among}) b
       WHERE granted + adjusted > 0 AND ${highestReached('spent', '(granted + adjusted)', thresholds)}
         > ifnull((SELECT threshold FROM told_thresholds t WHERE t.day = b.day AND t.account_ref = b.account_ref), 0)
       ORDER BY account_ref LIMIT ?`,
      ...[...range, ...range, limit],
    );
  }

  #reachedUnbooked({ refs, days, thresholds }: ReachedQuery, lacking: ReadonlySet<Ref>, through: Ref): ReachedBooks[] {
    const { rows } = this.#folding;
    const found: ReachedBooks[] = [];
    for (const accountRef of lacking) {
      if (accountRef <= refs.after || accountRef > through) continue;
      const balance = rows.get(accountRef)?.balance;
      if (balance === undefined || !days.includes(balance.day)) continue;
      const reached = thresholdReached(balance, thresholds);
      if (reached > 0 && reached > this.#told(accountRef, balance.day)) found.push({ accountRef, day: balance.day });
    }
    return found;
  }

  #told(accountRef: Ref, day: UtcDay): number {
    return this.#sql.number('SELECT threshold AS n FROM told_thresholds WHERE day = ? AND account_ref = ?', day, accountRef);
  }

  async told(accountRef: Ref, day: UtcDay): Promise<number> {
    return this.#told(accountRef, day);
  }

  async expiring(now: Instant, until: Instant, limit: number): Promise<readonly Key[]> {
    const refs = this.#sql.rows<[Ref]>(
      `SELECT ref FROM keys WHERE ${VISIBLE_KEYS} AND expires_at > ? AND expires_at <= ?
         AND deleted_at IS NULL AND disabled_at IS NULL AND rotated_to IS NULL
         AND NOT EXISTS (SELECT 1 FROM told_expiries t WHERE t.key_ref = keys.ref AND t.expires_at = keys.expires_at)
       ORDER BY expires_at LIMIT ?`,
      ...[now, until, limit],
    );
    return refs.map(([ref]) => keyByRef(this.#sql, ref)).filter((key) => key !== null);
  }

  async isDue(now: Instant): Promise<boolean> {
    return this.#sql.number(`SELECT EXISTS (SELECT 1 FROM alerts WHERE ${DUE}) AS n`, now, now + LONGEST_WAIT_MS) === 1;
  }

  async page(status: AlertStatus | null, before: number | null, limit: number): Promise<readonly Alert[]> {
    const where = new Conditions();
    if (status !== null) where.add('status = ?', status);
    if (before !== null) where.add('number < ?', before);
    return this.#sql.all<Alert>(`SELECT ${ALERT} FROM alerts ${where.text} ORDER BY number DESC LIMIT ?`, ...where.values, limit);
  }

  async depth(most: number): Promise<OutboxDepth> {
    const count = (status: AlertStatus): number =>
      this.#sql.number(`SELECT count(*) AS n FROM (SELECT 1 FROM alerts WHERE status = '${status}' LIMIT ?)`, most);
    const oldest = `SELECT min(at) AS at FROM (SELECT at FROM alerts WHERE status = 'waiting' LIMIT ?)`;
    const last = `SELECT last_result AS result FROM (SELECT number, last_at, last_result FROM alerts WHERE status = 'waiting' LIMIT ?)
      WHERE last_result IS NOT NULL ORDER BY last_at DESC, number DESC LIMIT 1`;
    return {
      ...{ waiting: count('waiting'), givenUp: count('given-up') },
      oldestAt: this.#sql.get<{ at: Instant | null }>(oldest, most)?.at ?? null,
      lastResult: this.#sql.get<{ result: string }>(last, most)?.result ?? null,
    };
  }

  async setWebhook({ url, allowsHttp, secret, former, thresholds, expiryMs, since }: Webhook): Promise<void> {
    this.#sql.run(
      'INSERT OR REPLACE INTO webhook VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[url, allowsHttp ? 1 : 0, secret, former?.secret ?? null, former?.until ?? null, JSON.stringify(thresholds), expiryMs, since],
    );
  }

  async setTold(accountRef: Ref, day: UtcDay, threshold: number): Promise<void> {
    this.#sql.run('INSERT OR REPLACE INTO told_thresholds VALUES (?, ?, ?)', day, accountRef, threshold);
  }

  async setToldExpiry(keyRef: Ref, expiresAt: Instant): Promise<void> {
    this.#sql.run('INSERT OR REPLACE INTO told_expiries VALUES (?, ?)', keyRef, expiresAt);
  }

  async add({ id, type, at, body }: NewAlert): Promise<void> {
    this.#sql.run(
      "INSERT INTO alerts (id, type, at, body, status, attempts, due_at) VALUES (?, ?, ?, ?, 'waiting', 0, ?)",
      ...[id, type satisfies AlertType, at, body, at],
    );
  }

  async claim(now: Instant, until: Instant, limit: number): Promise<readonly Alert[]> {
    const claimed = this.#sql.all<Alert>(
      `UPDATE alerts SET attempts = attempts + 1, due_at = ?, last_at = ?
       WHERE number IN (SELECT number FROM alerts WHERE ${DUE} ORDER BY due_at LIMIT ?) RETURNING ${ALERT}`,
      ...[until, now, now, now + LONGEST_WAIT_MS, limit],
    );
    return claimed.sort((one, other) => one.number - other.number);
  }

  async record(number: number, attempts: number, outcome: AlertOutcome): Promise<void> {
    const over = outcome.status !== 'waiting';
    this.#sql.run(
      `UPDATE alerts SET status = ?, due_at = ?, ended_at = ?, last_result = ? WHERE number = ? AND attempts = ? AND status = 'waiting'`,
      ...[outcome.status, over ? null : outcome.dueAt, over ? outcome.at : null, outcome.result, number, attempts],
    );
  }

  async hurry(now: Instant): Promise<number> {
    return this.#sql.run("UPDATE alerts SET due_at = ? WHERE status = 'waiting'", now);
  }

  async retry(id: string | null, now: Instant): Promise<number> {
    const again = "UPDATE alerts SET status = 'waiting', due_at = ?, attempts = 0, ended_at = NULL WHERE status = 'given-up'";
    return id === null ? this.#sql.run(again, now) : this.#sql.run(`${again} AND id = ?`, now, id);
  }
}
