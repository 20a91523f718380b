import type { Kind, Scope } from '../../domain/archive.ts';
import { UNFOLDED } from './daily-usage.ts';
import { visible } from './hidden.ts';

const TIERS = `(SELECT coalesce(json_agg(json_build_object('from', from_day, 'tier', tier, 'decidedAt', decided_at) ORDER BY from_day), '[]')::text
  FROM account_tiers t WHERE t.account_ref = a.ref)`;
const CREDITS = `(SELECT coalesce(json_agg(json_build_object('from', from_day, 'credits', credits) ORDER BY from_day), '[]')::text
  FROM tier_credits c WHERE c.tier = t.name)`;
const LIMITS = `(SELECT coalesce(json_agg(json_build_object('service', service, 'requestsPerSecond', requests_per_second, 'burst', burst)
  ORDER BY service), '[]')::text FROM tier_limits l WHERE l.tier = t.name)`;
const IMPORT = (table: 'keys' | 'accounts', column: string, ref: string): string =>
  `(SELECT i.id FROM imports i JOIN imported_${table} m ON m.import_ref = i.ref AND m.${column} = ${ref})`;

/** Uses that are in no row of key_activity yet. */
const RECENT = `(SELECT key_ref, max(at) AS at FROM (SELECT key_ref, last_at AS at FROM usage_hours
  WHERE hour >= 24 * (SELECT closed_through FROM state) UNION ALL SELECT key_ref, at FROM ${UNFOLDED} d) uses GROUP BY key_ref)`;
const LAST_USE = 'nullif(greatest(u.last_used_at, recent.at, 0), 0)';

const OF = 'LEFT JOIN accounts a ON a.ref = u.account_ref LEFT JOIN keys k ON k.ref = u.key_ref';
const UNFOLDED_USE = (ms: number): string =>
  `SELECT at / ${String(ms)}, account_ref, coalesce(key_ref, 0), service_ref, 1, cost FROM ${UNFOLDED} d`;

/** The usage of a unit of time, folded or not. A debit that waits counts in full: its refund is taken out of the row already. */
function usage(unit: 'hour' | 'day', ms: number, until: string): string {
  return `SELECT u.${unit}, a.id AS account, k.id AS key, u.service_ref AS service, requests, credits FROM (
      SELECT ${unit}, account_ref, key_ref, service_ref, sum(requests) AS requests, sum(credits) AS credits
      FROM (SELECT ${unit}, account_ref, key_ref, service_ref, requests, credits FROM usage_${unit}s UNION ALL ${UNFOLDED_USE(ms)}) every
      WHERE ${unit} <= ${until} GROUP BY 1, 2, 3, 4) u ${OF}`;
}

function denied(unit: 'hour' | 'day'): string {
  return `SELECT u.${unit}, a.id AS account, k.id AS key, nullif(u.service_ref, 0) AS service, code, requests
    FROM denied_${unit}s u ${OF}`;
}

const DEBIT = 'd.number AS id, d.at, a.id AS account, k.id AS key, d.service_ref AS service, d.cost, d.balance_after AS "balanceAfter"';
const DEBIT_OF = 'JOIN accounts a ON a.ref = d.account_ref LEFT JOIN keys k ON k.ref = d.key_ref';

/** What answers all rows of a kind, in any order. Columns are called as the fields are; those of JSON_COLUMNS are JSON. */
export function anyRowsOf(kind: Kind, scope: Scope): string {
  const whole = scope === 'store';
  switch (kind) {
    case 'state':
      return 'SELECT closed_through AS "closedThrough", ahead_micros AS "aheadMicros" FROM state';
    case 'setting':
      return 'SELECT name, value FROM config';
    case 'prefix':
      return 'SELECT prefix, since FROM key_prefixes';
    case 'reset':
      return 'SELECT at, day FROM resets ORDER BY number DESC LIMIT 1';
    case 'environment':
      return 'SELECT name, code FROM environments';
    case 'service':
      return `SELECT ref AS number, name, cost, environment, deleted_at AS "deletedAt" FROM services ${whole ? '' : 'WHERE deleted_at IS NULL'}`;
    case 'tier':
      return `SELECT name, deleted_at AS "deletedAt", ${CREDITS} AS credits, ${LIMITS} AS limits FROM tiers t ${whole ? '' : 'WHERE deleted_at IS NULL'}`;
    case 'import':
      return `SELECT id, begun_at AS "begunAt", done_at AS "doneAt", undone_at AS "undoneAt", accounts, keys FROM imports WHERE done_at IS NOT NULL`;
    case 'account':
      return `SELECT id, name, external_id AS "externalId", created_at AS "createdAt", suspended_at AS "suspendedAt", ${TIERS} AS tiers,
        ${IMPORT('accounts', 'account_ref', 'a.ref')} AS import FROM accounts a WHERE ${visible('accounts', 'a.ref')}`;
    case 'key':
      return keys(scope);
    case 'adjustment':
      return `SELECT j.id, at, a.id AS account, day, amount, reason, actor FROM adjustments j JOIN accounts a ON a.ref = j.account_ref`;
    case 'books':
      return `SELECT a.id AS account, day, granted, adjusted, spent FROM (SELECT account_ref, day, granted, adjusted, spent FROM running_days
        WHERE day IS NOT NULL UNION ALL SELECT account_ref, day, granted, adjusted, spent FROM past_days) b JOIN accounts a ON a.ref = b.account_ref`;
    case 'closedDay':
      return `SELECT day, closed_at AS "closedAt", accounts, granted, adjusted, spent FROM closed_days WHERE day <= (SELECT closed_through FROM state)`;
    case 'cap':
      return 'SELECT k.id AS key, day, spent FROM cap_spending c JOIN keys k ON k.ref = c.cap_group';
    case 'debit':
      return `SELECT ${DEBIT}, request_id AS "requestId", refunded_at AS "refundedAt" FROM debits d ${DEBIT_OF}`;
    case 'requestId':
      return `SELECT request_id AS "requestId", a.id AS account, debit, k.id AS key, d.service_ref AS service, d.cost, d.expires_at AS "expiresAt",
        replays_left AS "replaysLeft", refunded::int AS refunded FROM request_ids d ${DEBIT_OF}`;
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
      return `SELECT at, a.id AS account, k.id AS key, u.service_ref AS service, code, requests, ip, request_id AS "requestId" FROM denials u ${OF}`;
    case 'audit':
      return `SELECT at, json_build_object('claimed', claimed_actor, 'osUser', os_user, 'sudoUser', sudo_user, 'host', host)::text AS actor, action,
        target_kind AS "targetKind", target_id AS "targetId", target_name AS "targetName", before, after FROM audit`;
    case 'webhook':
      return `SELECT url, allows_http::int AS "allowsHttp", secret, former_secret AS "formerSecret", former_until AS "formerUntil", thresholds,
        expiry_ms AS "expiryMs", since_day AS since FROM webhook`;
    case 'toldThreshold':
      return 'SELECT a.id AS account, day, threshold FROM told_thresholds t JOIN accounts a ON a.ref = t.account_ref';
    case 'toldExpiry':
      return 'SELECT k.id AS key, t.expires_at AS "expiresAt" FROM told_expiries t JOIN keys k ON k.ref = t.key_ref';
    case 'message':
      return `SELECT id, type, at, body, status, attempts, due_at AS "dueAt", last_at AS "lastAt", last_result AS "lastResult", ended_at AS "endedAt"
        FROM alerts`;
  }
}

function keys(scope: Scope): string {
  const live = scope === 'store' ? '' : 'AND f.deleted_at IS NULL';
  return `SELECT k.id, a.id AS account, k.name, k.environment, encode(digest, 'hex') AS sha256, mask, note, k.created_at AS "createdAt",
      expires_at AS "expiresAt", disabled_at AS "disabledAt", disabled_reason AS "disabledReason", deleted_at AS "deletedAt",
      rotated_from AS "rotatedFrom", rotated_to AS "rotatedTo", services, allowed_ips AS "allowedIps", daily_cap AS "dailyCap",
      (SELECT f.id FROM keys f WHERE f.cap_group = k.cap_group ${live} ORDER BY f.ref LIMIT 1) AS "capOf", ${LAST_USE} AS "lastUsedAt",
      ${IMPORT('keys', 'key_ref', 'k.ref')} AS import
    FROM keys k JOIN accounts a ON a.ref = k.account_ref LEFT JOIN key_activity u ON u.key_ref = k.ref LEFT JOIN ${RECENT} recent ON recent.key_ref = k.ref
    WHERE ${visible('keys', 'k.ref')} ${scope === 'store' ? '' : 'AND k.deleted_at IS NULL'}`;
}

const BY_ACCOUNT = 'u.account_ref, u.key_ref, u.service_ref';

/** The order in which they can be put back; null where there is one row. */
const ORDER: Readonly<Record<Kind, string | null>> = {
  ...{ state: null, setting: 'name', prefix: 'place', reset: null, environment: 'place', service: 'ref', tier: 'name', import: 'ref' },
  ...{ account: 'a.ref', key: 'k.ref', adjustment: 'number', books: 'day, account_ref', closedDay: 'day', cap: 'c.day, c.cap_group' },
  ...{ debit: 'd.number', requestId: 'd.account_ref, request_id', usedHour: `u.hour, ${BY_ACCOUNT}`, usedDay: `u.day, ${BY_ACCOUNT}` },
  ...{ deniedHour: `u.hour, ${BY_ACCOUNT}, code`, deniedDay: `u.day, ${BY_ACCOUNT}, code`, denial: 'number', audit: 'number' },
  ...{ webhook: null, toldThreshold: 'day, t.account_ref', toldExpiry: 't.key_ref', message: 'number' },
};

/** The same in the order in which they can be put back. */
export function rowsOf(kind: Kind, scope: Scope): string {
  const order = ORDER[kind];
  return order === null ? anyRowsOf(kind, scope) : `${anyRowsOf(kind, scope)} ORDER BY ${order}`;
}

/** Columns that hold JSON. */
export const JSON_COLUMNS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  tier: ['credits', 'limits'],
  account: ['tiers'],
  key: ['services', 'allowedIps'],
  audit: ['actor', 'before', 'after'],
  webhook: ['thresholds'],
};
