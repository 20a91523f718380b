import type {
  Alert,
  AlertOutcome,
  AlertStatus,
  AlertWrites,
  NewAlert,
  OutboxDepth,
  ReachedBooks,
  ReachedLatelyQuery,
  ReachedQuery,
  Webhook,
} from '../../domain/alerts.ts';
import { firstDebitNumber } from '../../domain/debit.ts';
import type { Key, Ref } from '../../domain/entities.ts';
import type { KeyRows } from '../../domain/store.ts';
import { MS_PER_DAY, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { Conditions } from '../clauses.ts';
import { highestReached } from '../thresholds.ts';
import { visible } from './hidden.ts';
import type { Sql } from './sql.ts';
import type { Value } from './statements.ts';

const ALERT = 'number, id, type, at, body, status, attempts, due_at, last_at, last_result, ended_at';
/** Nothing waits longer for its next attempt: what is due later was put off by a clock that ran ahead. */
const LONGEST_WAIT_MS = MS_PER_DAY;
const DUE = "status = 'waiting' AND (due_at <= ? OR due_at > ?)";
interface WebhookRow {
  readonly url: string;
  readonly allowsHttp: boolean;
  readonly secret: string;
  readonly formerSecret: string | null;
  readonly formerUntil: Instant | null;
  readonly thresholds: string;
  readonly expiryMs: number | null;
  readonly sinceDay: UtcDay | null;
}

const BOOKS = 'account_ref, day, granted, adjusted, spent';

export class PostgresAlerts implements AlertWrites {
  readonly #sql: Sql;
  readonly #keys: Pick<KeyRows, 'byRef'>;

  constructor(sql: Sql, keys: Pick<KeyRows, 'byRef'>) {
    this.#sql = sql;
    this.#keys = keys;
  }

  async webhook(): Promise<Webhook | null> {
    const row = await this.#sql.get<WebhookRow>(
      'SELECT url, allows_http, secret, former_secret, former_until, thresholds, expiry_ms, since_day FROM webhook',
    );
    if (row === undefined) return null;
    const { url, allowsHttp, secret, formerSecret, formerUntil, thresholds, expiryMs, sinceDay } = row;
    const former = formerSecret === null || formerUntil === null ? null : { secret: formerSecret, until: formerUntil };
    return { url, allowsHttp, secret, former, thresholds: JSON.parse(thresholds) as number[], expiryMs, since: sinceDay };
  }

  async reached({ refs, ...query }: ReachedQuery): Promise<{ found: readonly ReachedBooks[]; through: Ref }> {
    const found = await this.#reachedAmong('account_ref > ? AND account_ref <= ?', [refs.after, refs.through], query);
    // An account is told of as a whole, so that none is cut in two by the limit.
    const through = found.length < query.limit ? refs.through : (found.at(-1)?.accountRef ?? 0) - 1;
    return { found: found.filter(({ accountRef }) => accountRef <= through), through };
  }

  async reachedLately({ since, most, ...query }: ReachedLatelyQuery): Promise<readonly ReachedBooks[]> {
    const newest = 'SELECT account_ref FROM debits WHERE number >= ? ORDER BY number DESC LIMIT ?';
    const charged = await this.#sql.all<{ ref: Ref }>(
      `SELECT DISTINCT account_ref AS ref FROM (${newest}) d`,
      firstDebitNumber(since),
      most,
    );
    return charged.length === 0 ? [] : this.#reachedAmong('account_ref = ANY(?)', [charged.map(({ ref }) => ref)], query);
  }

  #reachedAmong(
    some: string,
    values: readonly Value[],
    { days, thresholds, limit }: Pick<ReachedQuery, 'days' | 'thresholds' | 'limit'>,
  ): Promise<readonly ReachedBooks[]> {
    const among = `${some} AND day = ANY(?)`;
    const range = [...values, days];
    return this.#sql.all<ReachedBooks>(
      `SELECT account_ref, day FROM (SELECT ${BOOKS} FROM running_days WHERE ${among} UNION ALL SELECT ${BOOKS} FROM past_days WHERE ${among}) b
       WHERE granted + adjusted > 0 AND ${highestReached('spent', '(granted + adjusted)', thresholds)}
         > coalesce((SELECT threshold FROM told_thresholds t WHERE t.day = b.day AND t.account_ref = b.account_ref), 0)
       ORDER BY account_ref, day LIMIT ?`,
      ...[...range, ...range, limit],
    );
  }

  async told(accountRef: Ref, day: UtcDay): Promise<number> {
    return this.#sql.number('SELECT threshold FROM told_thresholds WHERE account_ref = ? AND day = ?', accountRef, day);
  }

  async expiring(now: Instant, until: Instant, limit: number): Promise<readonly Key[]> {
    const rows = await this.#sql.all<{ ref: Ref }>(
      `SELECT ref FROM keys k WHERE ${visible('keys', 'k.ref')} AND expires_at > ? AND expires_at <= ?
         AND deleted_at IS NULL AND disabled_at IS NULL AND rotated_to IS NULL
         AND NOT EXISTS (SELECT 1 FROM told_expiries t WHERE t.key_ref = k.ref AND t.expires_at = k.expires_at)
       ORDER BY expires_at, ref LIMIT ?`,
      ...[now, until, limit],
    );
    const keys: Key[] = [];
    for (const { ref } of rows) {
      const key = await this.#keys.byRef(ref);
      if (key !== null) keys.push(key);
    }
    return keys;
  }

  async isDue(now: Instant): Promise<boolean> {
    const due = await this.#sql.get(`SELECT 1 AS one FROM alerts WHERE ${DUE} LIMIT 1`, now, now + LONGEST_WAIT_MS);
    return due !== undefined;
  }

  async page(status: AlertStatus | null, before: number | null, limit: number): Promise<readonly Alert[]> {
    const where = new Conditions();
    if (status !== null) where.add('status = ?', status);
    if (before !== null) where.add('number < ?', before);
    return this.#sql.all<Alert>(`SELECT ${ALERT} FROM alerts ${where.text} ORDER BY number DESC LIMIT ?`, ...where.values, limit);
  }

  async depth(most: number): Promise<OutboxDepth> {
    const some = (columns: string, status: AlertStatus): string =>
      `SELECT ${columns} FROM (SELECT at, number, last_at, last_result FROM alerts WHERE status = '${status}' LIMIT ?) counted`;
    const last = `${some('last_result AS result', 'waiting')} WHERE last_result IS NOT NULL ORDER BY last_at DESC, number DESC LIMIT 1`;
    return {
      waiting: await this.#sql.number(some('count(*)', 'waiting'), most),
      givenUp: await this.#sql.number(some('count(*)', 'given-up'), most),
      oldestAt: (await this.#sql.get<{ at: Instant | null }>(some('min(at) AS at', 'waiting'), most))?.at ?? null,
      lastResult: (await this.#sql.get<{ result: string }>(last, most))?.result ?? null,
    };
  }

  async setWebhook({ url, allowsHttp, secret, former, thresholds, expiryMs, since }: Webhook): Promise<void> {
    await this.#sql.run(
      `INSERT INTO webhook VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET url = excluded.url,
         allows_http = excluded.allows_http, secret = excluded.secret, former_secret = excluded.former_secret,
         former_until = excluded.former_until, thresholds = excluded.thresholds, expiry_ms = excluded.expiry_ms, since_day = excluded.since_day`,
      ...[url, allowsHttp, secret, former?.secret ?? null, former?.until ?? null, JSON.stringify(thresholds), expiryMs, since],
    );
  }

  async setTold(accountRef: Ref, day: UtcDay, threshold: number): Promise<void> {
    await this.#sql.run(
      'INSERT INTO told_thresholds VALUES (?, ?, ?) ON CONFLICT (account_ref, day) DO UPDATE SET threshold = excluded.threshold',
      ...[accountRef, day, threshold],
    );
  }

  async setToldExpiry(keyRef: Ref, expiresAt: Instant): Promise<void> {
    await this.#sql.run(
      'INSERT INTO told_expiries VALUES (?, ?) ON CONFLICT (key_ref) DO UPDATE SET expires_at = excluded.expires_at',
      ...[keyRef, expiresAt],
    );
  }

  async add({ id, type, at, body }: NewAlert): Promise<void> {
    await this.#sql.run(
      "INSERT INTO alerts (id, type, at, body, status, attempts, due_at) VALUES (?, ?, ?, ?, 'waiting', 0, ?)",
      ...[id, type, at, body, at],
    );
  }

  async claim(now: Instant, until: Instant, limit: number): Promise<readonly Alert[]> {
    const claimed = await this.#sql.all<Alert>(
      `UPDATE alerts SET attempts = attempts + 1, due_at = ?, last_at = ?
       WHERE number IN (SELECT number FROM alerts WHERE ${DUE} ORDER BY due_at LIMIT ?) RETURNING ${ALERT}`,
      ...[until, now, now, now + LONGEST_WAIT_MS, limit],
    );
    return claimed.sort((one, other) => one.number - other.number);
  }

  async record(number: number, attempts: number, outcome: AlertOutcome): Promise<void> {
    const over = outcome.status !== 'waiting';
    await this.#sql.run(
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
