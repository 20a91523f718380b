import type { Ref } from '../../domain/entities.ts';
import { KeyctlError } from '../../domain/error.ts';
import type { Import, ImportedAccount, ImportWrites, Removed } from '../../domain/imports.ts';
import type { KeyWrites, NewKey, Page } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { besideHidden } from './hidden.ts';
import type { Sql } from './sql.ts';

const SELECT = 'SELECT ref, id, begun_at, done_at, undone_at, accounts, keys FROM imports';

/** Whatever a key or an account may have left behind: one that has none of it can go without a trace. */
const TRAFFIC = ['usage_hours', 'usage_days', 'debits', 'denied_hours', 'denied_days', 'denials'];
/** Every account has a row of running days; it has books where that has a day. */
const RUNNING = '(SELECT account_ref FROM running_days WHERE day IS NOT NULL)';
const BOOKS = [RUNNING, 'past_days', 'adjustments'];

function union(column: string, tables: readonly string[]): string {
  return tables.map((table) => `SELECT ${column} FROM ${table} t WHERE ${column} IS NOT NULL`).join(' UNION ALL ');
}

const AUDITED = '(SELECT 1 FROM audit WHERE target_id = k.id)';
const USED_KEYS = `SELECT m.key_ref AS ref FROM imported_keys m JOIN keys k ON k.ref = m.key_ref WHERE m.import_ref = ?
  AND (k.rotated_to IS NOT NULL OR EXISTS ${AUDITED} OR k.ref IN (${union('key_ref', TRAFFIC)}))`;
const USED_ACCOUNTS = `SELECT m.account_ref AS ref FROM imported_accounts m JOIN accounts k ON k.ref = m.account_ref WHERE m.import_ref = ?
  AND (EXISTS ${AUDITED} OR k.ref IN (${union('account_ref', [...TRAFFIC, ...BOOKS])}))`;

/** What may have come to an account since it was looked at: a charge from the shell, an adjustment, a new key. */
const NEW_TRACES = `EXISTS (SELECT 1 FROM keys WHERE account_ref = k.ref) OR EXISTS (SELECT 1 FROM ${RUNNING} r WHERE account_ref = k.ref)
  OR EXISTS (SELECT 1 FROM debits WHERE number > (SELECT folded_through FROM state) AND account_ref = k.ref)
  OR EXISTS (SELECT 1 FROM adjustments WHERE account_ref = k.ref) OR EXISTS ${AUDITED}`;

/** Nobody has a secret for it. It has to be another one for each, since no two keys have the same. */
const RANDOM_DIGEST = "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')";

/** What was noted of an import before it is undone. */
interface Noted {
  readonly importRef: Ref;
  readonly keys: Ref[];
  readonly accounts: Ref[];
}

export class PostgresImports implements ImportWrites {
  readonly #sql: Sql;
  readonly #keys: KeyWrites;
  #noted: Noted | null = null;

  constructor(sql: Sql, keys: KeyWrites) {
    this.#sql = sql;
    this.#keys = keys;
  }

  async byId(id: string): Promise<Import | null> {
    return (await this.#sql.get<Import>(`${SELECT} WHERE id = ?`, id)) ?? null;
  }

  async unfinished(): Promise<Import | null> {
    return (await this.#sql.get<Import>(`${SELECT} WHERE done_at IS NULL`)) ?? null;
  }

  async any(): Promise<boolean> {
    const text = 'SELECT count(*) FROM (SELECT 1 FROM imports WHERE done_at IS NOT NULL AND undone_at IS NULL AND keys > 0 LIMIT 1) i';
    return (await this.#sql.number(text)) > 0;
  }

  async begin(id: string, at: Instant): Promise<Import> {
    const ref = await this.#sql.number('INSERT INTO imports (id, begun_at, accounts, keys) VALUES (?, ?, 0, 0) RETURNING ref', id, at);
    return { ref, id, begunAt: at, doneAt: null, undoneAt: null, accounts: 0, keys: 0 };
  }

  async accountByName(name: string): Promise<Ref | null> {
    return (await this.#sql.get<{ ref: Ref }>('SELECT ref FROM accounts WHERE name = ?', name))?.ref ?? null;
  }

  async capGroupOf(keyId: string): Promise<Ref | null> {
    return (await this.#sql.get<{ ref: Ref }>('SELECT cap_group AS ref FROM keys WHERE id = ?', keyId))?.ref ?? null;
  }

  async addAccount(importRef: Ref, account: ImportedAccount): Promise<Ref> {
    const { id, name, externalId, createdAt, suspendedAt, tiers } = account;
    const text = `INSERT INTO accounts (ref, id, name, external_id, created_at, suspended_at)
      VALUES ((SELECT coalesce(max(ref), 0) + 1 FROM accounts), ?, ?, ?, ?, ?) RETURNING ref`;
    const ref = await besideHidden(this.#sql, () => this.#sql.number(text, id, name, externalId, createdAt, suspendedAt));
    await this.#sql.run(
      'INSERT INTO account_tiers SELECT ?, * FROM unnest(?::bigint[], ?::text[], ?::bigint[])',
      ...[ref, tiers.map(({ from }) => from), tiers.map(({ tier }) => tier), tiers.map(({ decidedAt }) => decidedAt)],
    );
    await this.#sql.run('INSERT INTO imported_accounts VALUES (?, ?)', importRef, ref);
    await this.#sql.run('UPDATE imports SET accounts = accounts + 1 WHERE ref = ?', importRef);
    return ref;
  }

  async addKey(importRef: Ref, key: NewKey): Promise<Ref> {
    const { ref } = await this.#keys.insert(key);
    await this.#sql.run('INSERT INTO imported_keys VALUES (?, ?)', importRef, ref);
    await this.#sql.run('UPDATE imports SET keys = keys + 1 WHERE ref = ?', importRef);
    return ref;
  }

  async finish(importRef: Ref, at: Instant): Promise<void> {
    await this.#sql.run('UPDATE imports SET done_at = ? WHERE ref = ? AND done_at IS NULL', at, importRef);
  }

  async endKeys(importRef: Ref, { after, limit }: Page, at: Instant): Promise<{ keys: number; last: Ref | null }> {
    const text = 'SELECT key_ref AS ref FROM imported_keys WHERE import_ref = ? AND key_ref > ? ORDER BY key_ref LIMIT ?';
    const refs = await this.#refs(text, importRef, after, limit);
    const end = `UPDATE keys SET deleted_at = coalesce(deleted_at, ?), digest = ${RANDOM_DIGEST} WHERE ref = ANY(?)`;
    await this.#sql.run(end, at, refs);
    return { keys: refs.length, last: refs.at(-1) ?? null };
  }

  async noteUsed(importRef: Ref): Promise<void> {
    const keys = await this.#refs(USED_KEYS, importRef);
    this.#noted = { importRef, keys, accounts: await this.#refs(USED_ACCOUNTS, importRef) };
  }

  async removeUnused(importRef: Ref, limit: number): Promise<Removed> {
    const noted = this.#notedOf(importRef);
    const unused = (table: 'keys' | 'accounts', column: string): Promise<Ref[]> =>
      this.#refs(
        `SELECT ${column} AS ref FROM imported_${table} WHERE import_ref = ? AND ${column} NOT IN (SELECT unnest(?::bigint[])) LIMIT ?`,
        ...[importRef, noted[table], limit],
      );
    const keys = await unused('keys', 'key_ref');
    if (keys.length > 0) {
      await this.#sql.run('DELETE FROM imported_keys WHERE import_ref = ? AND key_ref = ANY(?)', importRef, keys);
      await this.#sql.run('DELETE FROM keys WHERE ref = ANY(?)', keys);
      return { keys: keys.length, accounts: 0, more: true };
    }
    const accounts = await unused('accounts', 'account_ref');
    const used = await this.#refs(`SELECT ref FROM accounts k WHERE ref = ANY(?) AND (${NEW_TRACES})`, accounts);
    noted.accounts.push(...used);
    const removed = accounts.filter((ref) => !used.includes(ref));
    await this.#sql.run('DELETE FROM account_tiers WHERE account_ref = ANY(?)', removed);
    await this.#sql.run('DELETE FROM imported_accounts WHERE import_ref = ? AND account_ref = ANY(?)', importRef, removed);
    await this.#sql.run('DELETE FROM accounts WHERE ref = ANY(?)', removed);
    return { keys: 0, accounts: removed.length, more: accounts.length > 0 };
  }

  async left(importRef: Ref): Promise<{ keys: number; accounts: number }> {
    const count = (table: string): Promise<number> => this.#sql.number(`SELECT count(*) FROM ${table} WHERE import_ref = ?`, importRef);
    return { keys: await count('imported_keys'), accounts: await count('imported_accounts') };
  }

  async markUndone(importRef: Ref, at: Instant): Promise<void> {
    // One that was never done shows what had to stay of it.
    await this.#sql.run('UPDATE imports SET undone_at = ?, done_at = coalesce(done_at, ?) WHERE ref = ?', at, at, importRef);
  }

  /** SECURITY: without the note, what was used would be removed as well; it is of this connection, and another may have taken its place. */
  #notedOf(importRef: Ref): Noted {
    if (this.#noted?.importRef === importRef) return this.#noted;
    throw new KeyctlError('store_busy', 'The connection was lost in the middle.', { hint: 'Run the same command again: it goes on.' });
  }

  async #refs(text: string, ...values: (number | readonly number[])[]): Promise<Ref[]> {
    return (await this.#sql.all<{ ref: Ref }>(text, ...values)).map(({ ref }) => ref);
  }
}
