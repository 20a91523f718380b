import type { Key, KeyStatus, Ref } from '../../domain/entities.ts';
import type { KeyFilter, KeyName, KeyPatch, KeyWrites, NewKey, Page } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { LAST_CHARACTER, type Conditions } from '../clauses.ts';
import { keyConditions } from '../filters.ts';
import { countsByStatus, keyAssignments, list, STATUS } from '../key-columns.ts';
import { NOT_ROLLED_UP } from './daily-usage.ts';
import { besideHidden, VISIBLE_KEYS } from './hidden.ts';
import type { Sql } from './sql.ts';

const COLUMNS = `ref, id, account_ref, name, environment, lower(hex(digest)), mask, note, created_at, expires_at, disabled_at,
  disabled_reason, deleted_at, rotated_from, rotated_to, services, allowed_ips, daily_cap, cap_group`;

type KeyColumns = [
  ...[ref: Ref, id: string, accountRef: Ref, name: string, environment: string, digest: string, mask: string, note: string | null],
  ...[createdAt: Instant, expiresAt: Instant | null, disabledAt: Instant | null, disabledReason: string | null, deletedAt: Instant | null],
  ...[rotatedFrom: string | null, rotatedTo: string | null, services: string, allowedIps: string, dailyCap: number | null, capGroup: Ref],
];

/** Written out, so that all keys have one shape, whatever their columns hold: verification reads thousands of them. */
function toKey(columns: KeyColumns): Key {
  const [ref, id, accountRef, name, environment, digest, mask, note, createdAt, expiresAt, disabledAt, disabledReason] = columns;
  const [, , , , , , , , , , , , deletedAt, rotatedFrom, rotatedTo, services, allowedIps, dailyCap, capGroup] = columns;
  return {
    ref,
    id,
    accountRef,
    name,
    environment,
    digest,
    mask,
    note,
    createdAt,
    expiresAt,
    disabledAt,
    disabledReason,
    deletedAt,
    rotatedFrom,
    rotatedTo,
    services: list(services),
    allowedIps: list(allowedIps),
    dailyCap,
    capGroup,
  };
}

function keyByDigest(sql: Sql, digest: string): Key | null {
  const row = sql.row<KeyColumns>(`SELECT ${COLUMNS} FROM keys WHERE digest = ? AND ${VISIBLE_KEYS}`, Buffer.from(digest, 'hex'));
  return row === undefined ? null : toKey(row);
}

export function keyByRef(sql: Sql, ref: Ref): Key | null {
  const row = sql.row<KeyColumns>(`SELECT ${COLUMNS} FROM keys WHERE ref = ?`, ref);
  return row === undefined ? null : toKey(row);
}

export class SqliteKeys implements KeyWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byRef(ref: Ref): Promise<Key | null> {
    return keyByRef(this.#sql, ref);
  }

  async namesOf(refs: readonly Ref[]): Promise<readonly KeyName[]> {
    const text = `SELECT ref, id, account_ref AS accountRef, name, deleted_at AS deletedAt FROM keys
      WHERE ref IN (SELECT value FROM json_each(?))`;
    return this.#sql.all<KeyName>(text, JSON.stringify(refs));
  }

  async byId(id: string): Promise<Key | null> {
    return this.#where('id = ?', id)[0] ?? null;
  }

  async byDigest(digest: string): Promise<Key | null> {
    return keyByDigest(this.#sql, digest);
  }

  async liveByName(name: string, accountRef: Ref | null): Promise<readonly Key[]> {
    return accountRef === null
      ? this.#where('name = ? AND deleted_at IS NULL ORDER BY ref LIMIT 20', name)
      : this.#where('account_ref = ? AND name = ? AND deleted_at IS NULL', accountRef, name);
  }

  async liveByIdPrefix(prefix: string, limit: number): Promise<readonly Key[]> {
    // Ids are lower-case ASCII, so everything that begins with the prefix lies below the prefix followed by '{', the character after 'z'.
    return this.#where('id >= ? AND id < ? AND deleted_at IS NULL ORDER BY id LIMIT ?', prefix, `${prefix}{`, limit);
  }

  async liveByNamePrefix(prefix: string, accountRef: Ref | null, limit: number): Promise<readonly Key[]> {
    const range = [prefix, `${prefix}${LAST_CHARACTER}`, limit] as const;
    return accountRef === null
      ? this.#where('name >= ? AND name < ? AND deleted_at IS NULL ORDER BY name, ref LIMIT ?', ...range)
      : this.#where('account_ref = ? AND name >= ? AND name < ? AND deleted_at IS NULL ORDER BY name LIMIT ?', accountRef, ...range);
  }

  async page(filter: KeyFilter, page: Page): Promise<readonly Key[]> {
    const where = conditions(filter).add('ref > ?', page.after);
    const rows = this.#sql.rows<KeyColumns>(`SELECT ${COLUMNS} FROM keys ${where.text} ORDER BY ref LIMIT ?`, ...where.values, page.limit);
    return rows.map(toKey);
  }

  async count(filter: KeyFilter): Promise<number> {
    const where = conditions(filter);
    return this.#sql.number(`SELECT count(*) AS n FROM keys ${where.text}`, ...where.values);
  }

  async ending(after: Instant, by: Instant, limit: number): Promise<readonly Key[]> {
    const where = conditions({ now: after, status: 'active', expiresBy: by });
    const text = `SELECT ${COLUMNS} FROM keys ${where.text} ORDER BY expires_at, ref LIMIT ?`;
    return this.#sql.rows<KeyColumns>(text, ...where.values, limit).map(toKey);
  }

  async countByStatus(now: Instant): Promise<Readonly<Record<KeyStatus, number>>> {
    const rows = this.#sql.all<{ status: KeyStatus; n: number }>(
      `SELECT ${STATUS} AS status, count(*) AS n FROM keys WHERE ${VISIBLE_KEYS} GROUP BY 1`,
      now,
    );
    return countsByStatus(rows);
  }

  async countNamingService(service: string): Promise<number> {
    const text =
      'SELECT count(*) AS n FROM keys WHERE deleted_at IS NULL AND EXISTS (SELECT 1 FROM json_each(keys.services) WHERE value = ?)';
    return this.#sql.number(text, service);
  }

  async countInEnvironment(environment: string): Promise<number> {
    return this.#sql.number('SELECT count(*) AS n FROM keys WHERE environment = ?', environment);
  }

  async byCapGroup(capGroup: Ref): Promise<readonly Key[]> {
    return this.#where('cap_group = ? ORDER BY ref', capGroup);
  }

  async insert(key: NewKey): Promise<Key> {
    const ref = this.#sql.number('SELECT max(ref) AS n FROM keys') + 1;
    const text = `INSERT INTO keys (ref, id, account_ref, name, environment, digest, mask, note, created_at, expires_at, disabled_at, disabled_reason,
         deleted_at, rotated_from, rotated_to, services, allowed_ips, daily_cap, cap_group)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    const values = [
      ...[ref, key.id, key.accountRef, key.name, key.environment, Buffer.from(key.digest, 'hex'), key.mask, key.note, key.createdAt],
      ...[key.expiresAt, key.disabledAt, key.disabledReason, key.deletedAt, key.rotatedFrom, key.rotatedTo],
      ...[JSON.stringify(key.services), JSON.stringify(key.allowedIps), key.dailyCap, key.capGroup ?? ref],
    ];
    besideHidden(this.#sql, () => this.#sql.run(text, ...values));
    return { ...key, ref, capGroup: key.capGroup ?? ref };
  }

  async update(ref: Ref, patch: KeyPatch): Promise<void> {
    const set = keyAssignments(patch);
    if (set === null) return;
    besideHidden(this.#sql, () => this.#sql.run(`UPDATE keys SET ${set.text} WHERE ref = ?`, ...set.values, ref));
  }

  #where(clause: string, ...values: (string | number)[]): Key[] {
    return this.#sql.rows<KeyColumns>(`SELECT ${COLUMNS} FROM keys WHERE ${VISIBLE_KEYS} AND ${clause}`, ...values).map(toKey);
  }
}

function conditions(filter: KeyFilter): Conditions {
  const where = keyConditions(filter).add(VISIBLE_KEYS);
  if (filter.search !== undefined) {
    // instr, not LIKE: a percent sign in a search is a percent sign.
    where.add("instr(lower(name || char(10) || ifnull(note, '') || char(10) || mask), lower(?)) > 0", filter.search);
  }
  if (filter.unusedSince !== undefined) {
    where.add('created_at < ?', filter.unusedSince);
    where.add('NOT EXISTS (SELECT 1 FROM key_activity WHERE key_ref = keys.ref AND last_used_at >= ?)', filter.unusedSince);
    where.add(`ref NOT IN (SELECT key_ref FROM ${NOT_ROLLED_UP} WHERE last_at >= ?)`, filter.unusedSince);
    where.add(
      'NOT EXISTS (SELECT 1 FROM debits WHERE number > (SELECT folded_through FROM state) AND key_ref = keys.ref AND at >= ?)',
      filter.unusedSince,
    );
  }
  return where;
}
