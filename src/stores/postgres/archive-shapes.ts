import type { ArchiveRow, Kind } from '../../domain/archive.ts';

/** How rows of a kind are stored, many in one statement. */
export interface Shape<Row> {
  /** The table with its columns, and what each gets: from `r`, the rows that are given, and from what they refer to. */
  readonly into: string;
  readonly select: string;
  /** What is given of each row, in the order of its columns in `r`. */
  readonly given: readonly { readonly name: string; readonly type: 'bigint' | 'text'; readonly of: (row: Row) => string | number | null }[];
  /** The fields that name an account or a key, which is looked up as `a` or `k`. */
  readonly names: readonly ('account' | 'key' | 'import')[];
}

type Given<Row> = Shape<Row>['given'][number];

/** A field as it is; those that hold a service hold its number in this store by then. */
function whole<Name extends string>(name: Name): Given<Readonly<Record<Name, number | null>>> {
  return { name, type: 'bigint', of: (row) => row[name] };
}

function text<Name extends string>(name: Name): Given<Readonly<Record<Name, string | null>>> {
  return { name, type: 'text', of: (row) => row[name] };
}

function json<Name extends string>(name: Name): Given<Readonly<Record<Name, unknown>>> {
  return { name, type: 'text', of: (row) => (row[name] === null ? null : JSON.stringify(row[name])) };
}

/** Kinds of which there may be many; each row stands for itself. */
type Many = Exclude<Kind, 'state' | 'tier' | 'service' | 'prefix' | 'account' | 'key'>;

const NONE = 0;
const USED = [text('account'), text('key'), whole('service'), whole('requests'), whole('credits')] as const;
const DENIED = [text('account'), text('key'), whole('service'), text('code'), whole('requests')] as const;
/** In tables of usage 0 stands for none; for one that is not found it would be null, which the table refuses. */
const orNone = (name: 'account' | 'key'): string => `CASE WHEN r.${name} IS NULL THEN ${String(NONE)} ELSE ${name[0] ?? ''}.ref END`;
const SERVICE_OR_NONE = `coalesce(r.service, ${String(NONE)})`;

export const SHAPES: { readonly [Name in Many]: Shape<ArchiveRow<Name>> } = {
  setting: { into: 'config (name, value)', select: 'r.name, r.value', given: [text('name'), text('value')], names: [] },
  reset: { into: 'resets (at, day)', select: 'r.at, r.day', given: [whole('at'), whole('day')], names: [] },
  environment: { into: 'environments (name, code)', select: 'r.name, r.code', given: [text('name'), text('code')], names: [] },
  import: {
    into: 'imports (id, begun_at, done_at, undone_at, accounts, keys)',
    select: 'r.id, r."begunAt", r."doneAt", r."undoneAt", r.accounts, r.keys',
    given: [text('id'), whole('begunAt'), whole('doneAt'), whole('undoneAt'), whole('accounts'), whole('keys')],
    names: [],
  },
  adjustment: {
    into: 'adjustments (id, at, account_ref, day, amount, reason, actor)',
    select: 'r.id, r.at, a.ref, r.day, r.amount, r.reason, r.actor',
    given: [text('id'), whole('at'), text('account'), whole('day'), whole('amount'), text('reason'), text('actor')],
    names: ['account'],
  },
  // The archive has every day; the next settle of the running one fetches it from there.
  books: {
    into: 'past_days (account_ref, day, granted, adjusted, spent)',
    select: 'a.ref, r.day, r.granted, r.adjusted, r.spent',
    given: [text('account'), whole('day'), whole('granted'), whole('adjusted'), whole('spent')],
    names: ['account'],
  },
  closedDay: {
    into: 'closed_days (day, closed_at, accounts, granted, adjusted, spent, counted_through)',
    select: 'r.day, r."closedAt", r.accounts, r.granted, r.adjusted, r.spent, 9007199254740991',
    given: [whole('day'), whole('closedAt'), whole('accounts'), whole('granted'), whole('adjusted'), whole('spent')],
    names: [],
  },
  cap: {
    into: 'cap_spending (account_ref, cap_group, day, spent)',
    select: 'k.account_ref, k.cap_group, r.day, r.spent',
    given: [text('key'), whole('day'), whole('spent')],
    names: ['key'],
  },
  debit: {
    into: 'debits (number, at, account_ref, key_ref, service_ref, cost, balance_after, request_id, refunded_at)',
    select: 'r.id, r.at, a.ref, k.ref, r.service, r.cost, r."balanceAfter", r."requestId", r."refundedAt"',
    given: [
      ...[whole('id'), whole('at'), text('account'), text('key'), whole('service'), whole('cost'), whole('balanceAfter')],
      ...[text('requestId'), whole('refundedAt')],
    ],
    names: ['account', 'key'],
  },
  requestId: {
    into: 'request_ids (account_ref, request_id, debit, key_ref, service_ref, cost, expires_at, replays_left, refunded)',
    select: 'a.ref, r."requestId", r.debit, k.ref, r.service, r.cost, r."expiresAt", r."replaysLeft", r.refunded = 1',
    given: [
      ...[text('requestId'), text('account'), whole('debit'), text('key'), whole('service'), whole('cost'), whole('expiresAt')],
      ...[whole('replaysLeft'), whole('refunded')],
    ],
    names: ['account', 'key'],
  },
  // Its last use stands in key_activity.
  usedHour: {
    into: 'usage_hours (hour, account_ref, key_ref, service_ref, requests, credits, last_at)',
    select: `r.hour, a.ref, ${orNone('key')}, r.service, r.requests, r.credits, 0`,
    given: [whole('hour'), ...USED],
    names: ['account', 'key'],
  },
  usedDay: {
    into: 'usage_days (day, account_ref, key_ref, service_ref, requests, credits)',
    select: `r.day, a.ref, ${orNone('key')}, r.service, r.requests, r.credits`,
    given: [whole('day'), ...USED],
    names: ['account', 'key'],
  },
  deniedHour: {
    into: 'denied_hours (hour, account_ref, key_ref, service_ref, code, requests)',
    select: `r.hour, ${orNone('account')}, ${orNone('key')}, ${SERVICE_OR_NONE}, r.code, r.requests`,
    given: [whole('hour'), ...DENIED],
    names: ['account', 'key'],
  },
  deniedDay: {
    into: 'denied_days (day, account_ref, key_ref, service_ref, code, requests)',
    select: `r.day, ${orNone('account')}, ${orNone('key')}, ${SERVICE_OR_NONE}, r.code, r.requests`,
    given: [whole('day'), ...DENIED],
    names: ['account', 'key'],
  },
  denial: {
    into: 'denials (at, account_ref, key_ref, service_ref, code, requests, ip, request_id)',
    select: 'r.at, a.ref, k.ref, r.service, r.code, r.requests, r.ip, r."requestId"',
    given: [whole('at'), ...DENIED, text('ip'), text('requestId')],
    names: ['account', 'key'],
  },
  audit: {
    into: 'audit (at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after)',
    select: `r.at, r.actor::json->>'claimed', r.actor::json->>'osUser', r.actor::json->>'sudoUser', r.actor::json->>'host', r.action,
      r."targetKind", r."targetId", r."targetName", r.before, r.after`,
    given: [
      ...[whole('at'), json('actor'), text('action'), text('targetKind'), text('targetId'), text('targetName')],
      ...[json('before'), json('after')],
    ],
    names: [],
  },
  webhook: {
    into: 'webhook (one, url, allows_http, secret, former_secret, former_until, thresholds, expiry_ms, since_day)',
    select: '1, r.url, r."allowsHttp" = 1, r.secret, r."formerSecret", r."formerUntil", r.thresholds, r."expiryMs", r.since',
    given: [
      ...[text('url'), whole('allowsHttp'), text('secret'), text('formerSecret'), whole('formerUntil'), json('thresholds')],
      ...[whole('expiryMs'), whole('since')],
    ],
    names: [],
  },
  toldThreshold: {
    into: 'told_thresholds (account_ref, day, threshold)',
    select: 'a.ref, r.day, r.threshold',
    given: [text('account'), whole('day'), whole('threshold')],
    names: ['account'],
  },
  toldExpiry: {
    into: 'told_expiries (key_ref, expires_at)',
    select: 'k.ref, r."expiresAt"',
    given: [text('key'), whole('expiresAt')],
    names: ['key'],
  },
  message: {
    into: 'alerts (id, type, at, body, status, attempts, due_at, last_at, last_result, ended_at)',
    select: 'r.id, r.type, r.at, r.body, r.status, r.attempts, r."dueAt", r."lastAt", r."lastResult", r."endedAt"',
    given: [
      ...[text('id'), text('type'), whole('at'), text('body'), text('status'), whole('attempts'), whole('dueAt'), whole('lastAt')],
      ...[text('lastResult'), whole('endedAt')],
    ],
    names: [],
  },
};

/** The first of its chain may come with it, or be there already: its chain is then that one's. */
export const KEY_SHAPE: Shape<ArchiveRow<'key'> & { readonly ref: number; readonly capRef: number | null }> = {
  into: `keys (ref, id, account_ref, name, environment, digest, mask, note, created_at, expires_at, disabled_at, disabled_reason,
    deleted_at, rotated_from, rotated_to, services, allowed_ips, daily_cap, cap_group)`,
  select: `r.ref, r.id, a.ref, r.name, r.environment, decode(r.sha256, 'hex'), r.mask, r.note, r."createdAt", r."expiresAt", r."disabledAt",
    r."disabledReason", r."deletedAt", r."rotatedFrom", r."rotatedTo", r.services, r."allowedIps", r."dailyCap",
    coalesce(r."capRef", (SELECT cap_group FROM keys WHERE id = r."capOf"))`,
  given: [
    ...[whole('ref'), text('id'), text('account'), text('name'), text('environment'), text('sha256'), text('mask'), text('note')],
    ...[whole('createdAt'), whole('expiresAt'), whole('disabledAt'), text('disabledReason'), whole('deletedAt'), text('rotatedFrom')],
    ...[text('rotatedTo'), json('services'), json('allowedIps'), whole('dailyCap'), text('capOf'), whole('capRef')],
  ],
  names: ['account'],
};

export const ACCOUNT_SHAPE: Shape<ArchiveRow<'account'> & { readonly ref: number }> = {
  into: 'accounts (ref, id, name, external_id, created_at, suspended_at)',
  select: 'r.ref, r.id, r.name, r."externalId", r."createdAt", r."suspendedAt"',
  given: [whole('ref'), text('id'), text('name'), text('externalId'), whole('createdAt'), whole('suspendedAt')],
  names: [],
};

export const ACCOUNT_TIER_SHAPE: Shape<{ account: number; from: number; tier: string; decidedAt: number }> = {
  into: 'account_tiers (account_ref, from_day, tier, decided_at)',
  select: 'r.account, r."from", r.tier, r."decidedAt"',
  given: [whole('account'), whole('from'), text('tier'), whole('decidedAt')],
  names: [],
};

/** Which came with which import. */
export function importedShape(table: 'accounts' | 'keys', column: string): Shape<{ import: string; ref: number }> {
  return {
    into: `imported_${table} (import_ref, ${column})`,
    select: 'i.ref, r.ref',
    given: [text('import'), whole('ref')],
    names: ['import'],
  };
}

export const ACTIVITY_SHAPE: Shape<{ ref: number; lastUsedAt: number }> = {
  into: 'key_activity (key_ref, last_used_at)',
  select: 'r.ref, r."lastUsedAt"',
  given: [whole('ref'), whole('lastUsedAt')],
  names: [],
};
