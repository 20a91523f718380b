import type { Key, KeyStatus, Ref } from '../../domain/entities.ts';
import type { KeyFilter, KeyName, KeyPatch, KeyWrites, NewKey, Page } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { LAST_CHARACTER, type Conditions } from '../clauses.ts';
import { keyConditions } from '../filters.ts';
import { countsByStatus, keyAssignments, list, STATUS } from '../key-columns.ts';
import { NOT_ROLLED_UP, UNFOLDED } from './daily-usage.ts';
import { besideHidden, VISIBLE_KEYS } from './hidden.ts';
import type { Sql } from './sql.ts';

const KEY_COLUMNS = `ref, id, account_ref, name, environment, encode(digest, 'hex') AS digest, mask, note, created_at, expires_at,
  disabled_at, disabled_reason, deleted_at, rotated_from, rotated_to, services, allowed_ips, daily_cap, cap_group`;

/** The lists are JSON in the store. */
interface KeyRow extends Omit<Key, 'services' | 'allowedIps'> {
  readonly services: string;
  readonly allowedIps: string;
}

function toKey(row: KeyRow): Key {
  return { ...row, services: list(row.services), allowedIps: list(row.allowedIps) };
}

export class PostgresKeys implements KeyWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byRef(ref: Ref): Promise<Key | null> {
    const row = await this.#sql.get<KeyRow>(`SELECT ${KEY_COLUMNS} FROM keys WHERE ref = ?`, ref);
    return row === undefined ? null : toKey(row);
  }

  namesOf(refs: readonly Ref[]): Promise<readonly KeyName[]> {
    return this.#sql.all<KeyName>('SELECT ref, id, account_ref, name, deleted_at FROM keys WHERE ref = ANY(?)', refs);
  }

  async byId(id: string): Promise<Key | null> {
    return (await this.#where('id = ?', id))[0] ?? null;
  }

  async byDigest(digest: string): Promise<Key | null> {
    return (await this.#where("digest = decode(?, 'hex')", digest))[0] ?? null;
  }

  liveByName(name: string, accountRef: Ref | null): Promise<readonly Key[]> {
    return accountRef === null
      ? this.#where('name = ? AND deleted_at IS NULL ORDER BY ref LIMIT 20', name)
      : this.#where('account_ref = ? AND name = ? AND deleted_at IS NULL', accountRef, name);
  }

  liveByIdPrefix(prefix: string, limit: number): Promise<readonly Key[]> {
    // Ids are lower-case ASCII, so everything that begins with the prefix lies below the prefix followed by '{', the character after 'z'.
    return this.#where('id >= ? AND id < ? AND deleted_at IS NULL ORDER BY id LIMIT ?', prefix, `${prefix}{`, limit);
  }

  liveByNamePrefix(prefix: string, accountRef: Ref | null, limit: number): Promise<readonly Key[]> {
    const range = [prefix, `${prefix}${LAST_CHARACTER}`, limit] as const;
    return accountRef === null
      ? this.#where('name >= ? AND name < ? AND deleted_at IS NULL ORDER BY name, ref LIMIT ?', ...range)
      : this.#where('account_ref = ? AND name >= ? AND name < ? AND deleted_at IS NULL ORDER BY name LIMIT ?', accountRef, ...range);
  }

  async page(filter: KeyFilter, page: Page): Promise<readonly Key[]> {
    const where = conditions(filter).add('ref > ?', page.after);
    const text = `SELECT ${KEY_COLUMNS} FROM keys ${where.text} ORDER BY ref LIMIT ?`;
    return (await this.#sql.all<KeyRow>(text, ...where.values, page.limit)).map(toKey);
  }

  count(filter: KeyFilter): Promise<number> {
    const where = conditions(filter);
    return this.#sql.number(`SELECT count(*) FROM keys ${where.text}`, ...where.values);
  }

  async ending(after: Instant, by: Instant, limit: number): Promise<readonly Key[]> {
    const where = conditions({ now: after, status: 'active', expiresBy: by });
    const text = `SELECT ${KEY_COLUMNS} FROM keys ${where.text} ORDER BY expires_at, ref LIMIT ?`;
    return (await this.#sql.all<KeyRow>(text, ...where.values, limit)).map(toKey);
  }

  async countByStatus(now: Instant): Promise<Readonly<Record<KeyStatus, number>>> {
    const rows = await this.#sql.all<{ status: KeyStatus; n: number }>(
      `SELECT ${STATUS} AS status, count(*) AS n FROM keys WHERE ${VISIBLE_KEYS} GROUP BY 1`,
      now,
    );
    return countsByStatus(rows);
  }

  countNamingService(service: string): Promise<number> {
    const text = `SELECT count(*) FROM keys WHERE deleted_at IS NULL AND services <> '[]' AND services::jsonb @> to_jsonb(?::text)`;
    return this.#sql.number(text, service);
  }

  countInEnvironment(environment: string): Promise<number> {
    return this.#sql.number('SELECT count(*) FROM keys WHERE environment = ?', environment);
  }

  byCapGroup(capGroup: Ref): Promise<readonly Key[]> {
    return this.#where('cap_group = ? ORDER BY ref', capGroup);
  }

  async insert(key: NewKey): Promise<Key> {
    const next = '(SELECT coalesce(max(ref), 0) + 1 FROM keys)';
    const text = `INSERT INTO keys (ref, id, account_ref, name, environment, digest, mask, note, created_at, expires_at, disabled_at,
         disabled_reason, deleted_at, rotated_from, rotated_to, services, allowed_ips, daily_cap, cap_group)
       VALUES (${next}, ?, ?, ?, ?, decode(?, 'hex'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, ${next})) RETURNING ref`;
    const values = [
      ...[key.id, key.accountRef, key.name, key.environment, key.digest, key.mask, key.note, key.createdAt],
      ...[key.expiresAt, key.disabledAt, key.disabledReason, key.deletedAt, key.rotatedFrom, key.rotatedTo],
      ...[JSON.stringify(key.services), JSON.stringify(key.allowedIps), key.dailyCap, key.capGroup],
    ];
    const ref = await besideHidden(this.#sql, () => this.#sql.number(text, ...values));
    return { ...key, ref, capGroup: key.capGroup ?? ref };
  }

  async update(ref: Ref, patch: KeyPatch): Promise<void> {
    const set = keyAssignments(patch);
    if (set === null) return;
    await besideHidden(this.#sql, () => this.#sql.run(`UPDATE keys SET ${set.text} WHERE ref = ?`, ...set.values, ref));
  }

  async #where(clause: string, ...values: (string | number)[]): Promise<readonly Key[]> {
    const text = `SELECT ${KEY_COLUMNS} FROM keys WHERE ${VISIBLE_KEYS} AND ${clause}`;
    return (await this.#sql.all<KeyRow>(text, ...values)).map(toKey);
  }
}

function conditions(filter: KeyFilter): Conditions {
  const where = keyConditions(filter).add(VISIBLE_KEYS);
  if (filter.search !== undefined) {
    // strpos, not LIKE: a percent sign in a search is a percent sign.
    where.add("strpos(lower(name || chr(10) || coalesce(note, '') || chr(10) || mask), lower(?)) > 0", filter.search);
  }
  if (filter.unusedSince !== undefined) {
    const ofKey = 'account_ref = keys.account_ref AND key_ref = keys.ref';
    where.add('created_at < ?', filter.unusedSince);
    where.add('NOT EXISTS (SELECT 1 FROM key_activity WHERE key_ref = keys.ref AND last_used_at >= ?)', filter.unusedSince);
    where.add(`NOT EXISTS (SELECT 1 FROM ${NOT_ROLLED_UP} u WHERE ${ofKey} AND last_at >= ?)`, filter.unusedSince);
    where.add(`NOT EXISTS (SELECT 1 FROM ${UNFOLDED} u WHERE ${ofKey} AND at >= ?)`, filter.unusedSince);
  }
  return where;
}
