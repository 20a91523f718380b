import { IDENTITY_COLUMNS, IdentityRows, type Identity, type IdentityRow } from '../identity-rows.ts';
import { VISIBLE_KEYS } from './hidden.ts';
import type { Sql } from './sql.ts';

/** In one statement, since each costs more than the rows that it finds. */
const TEXT = `SELECT ${IDENTITY_COLUMNS}
  FROM keys CROSS JOIN accounts ON accounts.ref = keys.account_ref CROSS JOIN account_tiers ON account_tiers.account_ref = accounts.ref
  WHERE digest = ? AND ${VISIBLE_KEYS} ORDER BY from_day`;

/** Finds keys by the digest of their secret. */
export class Identities {
  readonly #sql: Sql;
  readonly #rows = new IdentityRows();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** `digest` is SHA-256 in hex. */
  find(digest: string): Identity | null {
    const rows = this.#sql.rows<IdentityRow>(TEXT, Buffer.from(digest, 'hex'));
    const [row] = rows;
    return row === undefined ? null : this.#rows.identity(row, rows);
  }

  forget(): void {
    this.#rows.forget();
  }
}
