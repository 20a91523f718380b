import type { Kind, Scope } from '../../domain/archive.ts';
import { visible } from './hidden.ts';
import { UNFOLDED } from './uses.ts';

const TIERS = `(SELECT json_group_array(json_object('from', from_day, 'tier', tier, 'decidedAt', decided_at))
  FROM (SELECT * FROM account_tiers t WHERE t.account_ref = a.ref ORDER BY from_day))`;
const CREDITS = `(SELECT json_group_array(json_object('from', from_day, 'credits', credits))
  FROM (SELECT * FROM tier_credits c WHERE c.tier = t.name ORDER BY from_day))`;
const LIMITS = `(SELECT json_group_array(json_object('service', service, 'requestsPerSecond', requests_per_second, 'burst', burst))
  FROM (SELECT * FROM tier_limits l WHERE l.tier = t.name ORDER BY service))`;
const IMPORT = (table: 'keys' | 'accounts', column: string, ref: string): string =>
  `(SELECT i.id FROM imports i CROSS JOIN imported_${table} m ON m.import_ref = i.ref AND m.${column} = ${ref})`;

const LAST_USE = `nullif(max(ifnull((SELECT last_used_at FROM key_activity u WHERE u.key_ref = k.ref), 0), ifnull(recent.at, 0)), 0)`;
/** Uses that are in no row of key_activity yet. */
const RECENT = `(SELECT key_ref, max(at) AS at FROM (SELECT key_ref, last_at AS at FROM usage_hours
  WHERE hour >= 24 * (SELECT closed_through FROM state) UNION ALL SELECT key_ref, at FROM ${UNFOLDED}) GROUP BY key_ref)`;

const OF = 'LEFT JOIN accounts a ON a.ref = u.account_ref LEFT JOIN keys k ON k.ref = u.key_ref';
const SUM = 'account_ref, key_ref, service_ref, sum(requests) AS requests, sum(credits) AS credits';
const UNFOLDED_USE = (unit: number): string =>
  `SELECT at / ${String(unit)}, account_ref, ifnull(key_ref, 0), service_ref, 1, cost FROM ${UNFOLDED}`;

/** The usage of a unit of time, folded or not. A debit that waits counts in full: its refund is taken out of the row already. */
function usage(unit: 'hour' | 'day', ms: number, until: string): string {
  return `SELECT u.${unit}, a.id AS account, k.id AS key, u.service_ref AS service, requests, credits FROM (
      SELECT ${unit}, ${SUM} FROM (SELECT ${unit}, account_ref, key_ref, service_ref, requests, credits FROM usage_${unit}s
        UNION ALL ${UNFOLDED_USE(ms)}) WHERE ${unit} <= ${until} GROUP BY 1, 2, 3, 4) u ${OF} ORDER BY u.${unit}, u.account_ref, u.key_ref, u.service_ref`;
}

function denied(unit: 'hour' | 'day'): string {
  return `SELECT u.${unit}, a.id AS account, k.id AS key, nullif(u.service_ref, 0) AS service, code, requests
    FROM denied_${unit}s u ${OF} ORDER BY u.${unit}, u.account_ref, u.key_ref, u.service_ref, code`;
}

const DEBIT = 'd.number AS id, d.at, a.id AS account, k.id AS key, d.service_ref AS service, d.cost, d.balance_after AS balanceAfter';
const DEBIT_OF = 'JOIN accounts a ON a.ref = d.account_ref LEFT JOIN keys k ON k.ref = d.key_ref';

/** The statement that answers all rows of a kind. Columns are called as the fields are; those of JSON_COLUMNS are JSON. */
export function rowsOf(kind: Kind, scope: Scope): string {
  const whole = scope === 'store';
  switch (kind) {
    case 'state':
      return 'SELECT closed_through AS closedThrough, ahead_micros AS aheadMicros FROM state';
    case 'setting':
      return 'SELECT name, value FROM config ORDER BY name';
    case 'prefix':
      return 'SELECT prefix, since FROM key_prefixes ORDER BY place';
    case 'reset':
      return 'SELECT at, day FROM resets ORDER BY number DESC LIMIT 1';
    case 'environment':
      return 'SELECT name, code FROM environments ORDER BY rowid';
    case 'service':
      return `SELECT ref AS number, name, cost, environment, deleted_at AS deletedAt FROM services ${whole ? '' : 'WHERE deleted_at IS NULL'} ORDER BY ref`;
    case 'tier':
      return `SELECT name, deleted_at AS deletedAt, ${CREDITS} AS credits, ${LIMITS} AS limits FROM tiers t ${whole ? '' : 'WHERE deleted_at IS NULL'} ORDER BY rowid`;
    case 'import':
      return `SELECT id, begun_at AS begunAt, done_at AS doneAt, undone_at AS undoneAt, accounts, keys FROM imports WHERE done_at IS NOT NULL ORDER BY ref`;
    case 'account':
      return `SELECT id, name, external_id AS externalId, created_at AS createdAt, suspended_at AS suspendedAt, ${TIERS} AS tiers,
        ${IMPORT('accounts', 'account_ref', 'a.ref')} AS import FROM accounts a WHERE ${visible('accounts', 'a.ref')} ORDER BY a.ref`;
    case 'key':
      return keys(scope);
    case 'adjustment':
      return `SELECT j.id, at, a.id AS account, day, amount, reason, actor FROM adjustments j JOIN accounts a ON a.ref = j.account_ref ORDER BY number`;
    case 'books':
      return `SELECT a.id AS account, day, granted, adjusted, spent FROM (SELECT account_ref, day, granted, adjusted, spent FROM current_days
        UNION ALL SELECT account_ref, day, granted, adjusted, spent FROM past_days) b JOIN accounts a ON a.ref = b.account_ref ORDER BY day, account_ref`;
    case 'closedDay':
      return `SELECT day, closed_at AS closedAt, accounts, granted, adjusted, spent FROM closed_days WHERE day <= (SELECT closed_through FROM state) ORDER BY day`;
    case 'cap':
      return 'SELECT k.id AS key, day, spent FROM cap_spending c JOIN keys k ON k.ref = c.cap_group ORDER BY c.day, c.cap_group';
    case 'debit':
      return `SELECT ${DEBIT}, request_id AS requestId, refunded_at AS refundedAt FROM debits d ${DEBIT_OF} ORDER BY d.number`;
    case 'requestId':
      return `SELECT request_id AS requestId, a.id AS account, debit, k.id AS key, d.service_ref AS service, d.cost, d.expires_at AS expiresAt,
        replays_left AS replaysLeft, refunded FROM request_ids d ${DEBIT_OF} ORDER BY d.account_ref, request_id`;
    case 'usedHour':
      return usage('hour', 3_600_000, '9007199254740991');
    case 'usedDay':
      // Of later days the hours tell.
      return usage('day', 86_400_000, '(SELECT closed_through FROM state)');
    case 'deniedHour':
      return denied('hour');
    case 'deniedDay':
      return denied('day');
    case 'denial':
      return `SELECT at, a.id AS account, k.id AS key, u.service_ref AS service, code, requests, ip, request_id AS requestId FROM denials u ${OF} ORDER BY number`;
    case 'audit':
      return `SELECT at, json_object('claimed', claimed_actor, 'osUser', os_user, 'sudoUser', sudo_user, 'host', host) AS actor, action,
        target_kind AS targetKind, target_id AS targetId, target_name AS targetName, before, after FROM audit ORDER BY number`;
    case 'webhook':
      return `SELECT url, allows_http AS allowsHttp, secret, former_secret AS formerSecret, former_until AS formerUntil, thresholds,
        expiry_ms AS expiryMs, since_day AS since FROM webhook`;
    case 'toldThreshold':
      return 'SELECT a.id AS account, day, threshold FROM told_thresholds t JOIN accounts a ON a.ref = t.account_ref ORDER BY day, account_ref';
    case 'toldExpiry':
      return 'SELECT k.id AS key, t.expires_at AS expiresAt FROM told_expiries t JOIN keys k ON k.ref = t.key_ref ORDER BY key_ref';
    case 'message':
      return `SELECT id, type, at, body, status, attempts, due_at AS dueAt, last_at AS lastAt, last_result AS lastResult, ended_at AS endedAt
        FROM alerts ORDER BY number`;
  }
}

function keys(scope: Scope): string {
  const live = scope === 'store' ? '' : 'AND f.deleted_at IS NULL';
  return `SELECT k.id, a.id AS account, k.name, k.environment, lower(hex(digest)) AS sha256, mask, note, k.created_at AS createdAt, expires_at AS expiresAt,
      disabled_at AS disabledAt, disabled_reason AS disabledReason, deleted_at AS deletedAt, rotated_from AS rotatedFrom, rotated_to AS rotatedTo,
      services, allowed_ips AS allowedIps, daily_cap AS dailyCap,
      (SELECT f.id FROM keys f WHERE f.cap_group = k.cap_group ${live} ORDER BY f.ref LIMIT 1) AS capOf, ${LAST_USE} AS lastUsedAt,
      ${IMPORT('keys', 'key_ref', 'k.ref')} AS import
    FROM keys k JOIN accounts a ON a.ref = k.account_ref LEFT JOIN ${RECENT} recent ON recent.key_ref = k.ref
    WHERE ${visible('keys', 'k.ref')} ${scope === 'store' ? '' : 'AND k.deleted_at IS NULL'} ORDER BY k.ref`;
}

/** Columns that hold JSON. */
export const JSON_COLUMNS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  tier: ['credits', 'limits'],
  account: ['tiers'],
  key: ['services', 'allowedIps'],
  audit: ['actor', 'before', 'after'],
  webhook: ['thresholds'],
};
