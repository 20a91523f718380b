import type { Ref } from '../../domain/entities.ts';
import type { Import, ImportedAccount, ImportWrites, Removed } from '../../domain/imports.ts';
import type { NewKey, Page } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { besideHidden } from './hidden.ts';
import type { SqliteKeys } from './keys.ts';
import type { Sql } from './sql.ts';

const SELECT = 'SELECT ref, id, begun_at AS begunAt, done_at AS doneAt, undone_at AS undoneAt, accounts, keys FROM imports';

/** Whatever a key or an account may have left behind: one that has none of it can go without a trace. */
const TRAFFIC = ['usage_hours', 'usage_days', 'debits', 'denied_hours', 'denied_days', 'denials'];
const BOOKS = ['running_days', 'past_days', 'adjustments'];

function union(column: string, tables: readonly string[]): string {
  return tables.map((table) => `SELECT ${column} AS ref FROM ${table}`).join(' UNION ALL ');
}

const AUDITED = '(SELECT 1 FROM audit WHERE target_id = k.id)';
const USED_KEYS = `SELECT m.key_ref FROM imported_keys m JOIN keys k ON k.ref = m.key_ref WHERE m.import_ref = ?
  AND (k.rotated_to IS NOT NULL OR EXISTS ${AUDITED} OR k.ref IN (${union('key_ref', TRAFFIC)}))`;
const USED_ACCOUNTS = `SELECT m.account_ref FROM imported_accounts m JOIN accounts k ON k.ref = m.account_ref WHERE m.import_ref = ?
  AND (EXISTS ${AUDITED} OR k.ref IN (${union('account_ref', [...TRAFFIC, ...BOOKS])}))`;

/** What may have come to an account since it was looked at: a charge from the shell, an adjustment, a new key. */
const NEW_TRACES = `EXISTS (SELECT 1 FROM keys WHERE account_ref = k.ref) OR EXISTS (SELECT 1 FROM running_days WHERE account_ref = k.ref)
  OR EXISTS (SELECT 1 FROM debits WHERE number > (SELECT folded_through FROM state) AND account_ref = k.ref)
  OR EXISTS (SELECT 1 FROM adjustments WHERE account_ref = k.ref) OR EXISTS ${AUDITED}`;

const NOTES = `
DROP TABLE IF EXISTS temp.used_keys;
DROP TABLE IF EXISTS temp.used_accounts;
CREATE TEMP TABLE used_keys (ref INTEGER PRIMARY KEY) STRICT;
CREATE TEMP TABLE used_accounts (ref INTEGER PRIMARY KEY) STRICT;`;

export class SqliteImports implements ImportWrites {
  readonly #sql: Sql;
  readonly #keys: SqliteKeys;

  constructor(sql: Sql, keys: SqliteKeys) {
    this.#sql = sql;
    this.#keys = keys;
  }

  async byId(id: string): Promise<Import | null> {
    return this.#sql.get<Import>(`${SELECT} WHERE id = ?`, id) ?? null;
  }

  async unfinished(): Promise<Import | null> {
    return this.#sql.get<Import>(`${SELECT} WHERE done_at IS NULL`) ?? null;
  }

  async any(): Promise<boolean> {
    return (
      this.#sql.number('SELECT EXISTS (SELECT 1 FROM imports WHERE done_at IS NOT NULL AND undone_at IS NULL AND keys > 0) AS n') === 1
    );
  }

  async begin(id: string, at: Instant): Promise<Import> {
    const ref = this.#sql.insert('INSERT INTO imports (id, begun_at, accounts, keys) VALUES (?, ?, 0, 0)', id, at);
    return { ref, id, begunAt: at, doneAt: null, undoneAt: null, accounts: 0, keys: 0 };
  }

  async accountByName(name: string): Promise<Ref | null> {
    return this.#sql.get<{ ref: Ref }>('SELECT ref FROM accounts WHERE name = ?', name)?.ref ?? null;
  }

  async capGroupOf(keyId: string): Promise<Ref | null> {
    return this.#sql.get<{ ref: Ref }>('SELECT cap_group AS ref FROM keys WHERE id = ?', keyId)?.ref ?? null;
  }

  async addAccount(importRef: Ref, account: ImportedAccount): Promise<Ref> {
    const { id, name, externalId, createdAt, suspendedAt, tiers } = account;
    const text = 'INSERT INTO accounts (id, name, external_id, created_at, suspended_at) VALUES (?, ?, ?, ?, ?)';
    const ref = besideHidden(this.#sql, () => this.#sql.insert(text, id, name, externalId, createdAt, suspendedAt));
    for (const { from, tier, decidedAt } of tiers)
      this.#sql.run('INSERT INTO account_tiers VALUES (?, ?, ?, ?)', ref, from, tier, decidedAt);
    this.#sql.run('INSERT INTO imported_accounts VALUES (?, ?)', importRef, ref);
    this.#sql.run('UPDATE imports SET accounts = accounts + 1 WHERE ref = ?', importRef);
    return ref;
  }

  async addKey(importRef: Ref, key: NewKey): Promise<Ref> {
    const { ref } = await this.#keys.insert(key);
    this.#sql.run('INSERT INTO imported_keys VALUES (?, ?)', importRef, ref);
    this.#sql.run('UPDATE imports SET keys = keys + 1 WHERE ref = ?', importRef);
    return ref;
  }

  async finish(importRef: Ref, at: Instant): Promise<void> {
    this.#sql.run('UPDATE imports SET done_at = ? WHERE ref = ? AND done_at IS NULL', at, importRef);
  }

  async endKeys(importRef: Ref, { after, limit }: Page, at: Instant): Promise<{ keys: number; last: Ref | null }> {
    const text = 'SELECT key_ref FROM imported_keys WHERE import_ref = ? AND key_ref > ? ORDER BY key_ref LIMIT ?';
    const refs = this.#sql.rows<[Ref]>(text, importRef, after, limit);
    // The digest has to be another one, since no two keys have the same: nobody has a secret for these.
    const end = 'UPDATE keys SET deleted_at = ifnull(deleted_at, ?), digest = randomblob(32) WHERE ref = ?';
    for (const [ref] of refs) this.#sql.run(end, at, ref);
    return { keys: refs.length, last: refs.at(-1)?.[0] ?? null };
  }

  async noteUsed(importRef: Ref): Promise<void> {
    this.#sql.db.exec(NOTES);
    this.#sql.run(`INSERT INTO temp.used_keys ${USED_KEYS}`, importRef);
    this.#sql.run(`INSERT INTO temp.used_accounts ${USED_ACCOUNTS}`, importRef);
  }

  async removeUnused(importRef: Ref, limit: number): Promise<Removed> {
    const keys = this.#unused('keys', 'key_ref', importRef, limit);
    for (const ref of keys) {
      this.#sql.run('DELETE FROM imported_keys WHERE import_ref = ? AND key_ref = ?', importRef, ref);
      this.#sql.run('DELETE FROM keys WHERE ref = ?', ref);
    }
    if (keys.length > 0) return { keys: keys.length, accounts: 0, more: true };
    const accounts = this.#unused('accounts', 'account_ref', importRef, limit);
    const removed = accounts.filter((ref) => this.#removeAccount(importRef, ref));
    return { keys: 0, accounts: removed.length, more: accounts.length > 0 };
  }

  #unused(table: 'keys' | 'accounts', column: string, importRef: Ref, limit: number): readonly Ref[] {
    const rows = this.#sql.rows<[Ref]>(
      `SELECT ${column} FROM imported_${table} WHERE import_ref = ? AND ${column} NOT IN (SELECT ref FROM temp.used_${table}) LIMIT ?`,
      ...[importRef, limit],
    );
    return rows.map(([ref]) => ref);
  }

  #removeAccount(importRef: Ref, ref: Ref): boolean {
    if (this.#sql.number(`SELECT ${NEW_TRACES} AS n FROM accounts k WHERE k.ref = ?`, ref) === 1) {
      this.#sql.run('INSERT INTO temp.used_accounts VALUES (?)', ref);
      return false;
    }
    this.#sql.run('DELETE FROM account_tiers WHERE account_ref = ?', ref);
    this.#sql.run('DELETE FROM imported_accounts WHERE import_ref = ? AND account_ref = ?', importRef, ref);
    this.#sql.run('DELETE FROM accounts WHERE ref = ?', ref);
    return true;
  }

  async left(importRef: Ref): Promise<{ keys: number; accounts: number }> {
    const count = (table: string): number => this.#sql.number(`SELECT count(*) AS n FROM ${table} WHERE import_ref = ?`, importRef);
    return { keys: count('imported_keys'), accounts: count('imported_accounts') };
  }

  async markUndone(importRef: Ref, at: Instant): Promise<void> {
    // One that was never done shows what had to stay of it: accounts that a program of before imports has charged.
    this.#sql.run('UPDATE imports SET undone_at = ?, done_at = ifnull(done_at, ?) WHERE ref = ?', at, at, importRef);
  }
}
