import type { Ref } from '../../domain/entities.ts';
import type { RefRange } from '../../domain/store.ts';
import type { Folding } from './folding.ts';
import type { Sql } from './sql.ts';

/**
 * The view `current_days`: the running days as `running_days` would be if every debit were in it. The rows that lack debits are laid over
 * the stored ones in a temporary table of the connection, so that a reader sees exact books and writes nothing.
 */
const VIEW = `
CREATE TEMP TABLE IF NOT EXISTS unbooked_days (account_ref INTEGER PRIMARY KEY, day, granted, adjusted, spent);
CREATE TEMP VIEW IF NOT EXISTS current_days AS
  SELECT account_ref, day, granted, adjusted, spent FROM main.running_days r
    WHERE NOT EXISTS (SELECT 1 FROM temp.unbooked_days u WHERE u.account_ref = r.account_ref)
  UNION ALL SELECT account_ref, day, granted, adjusted, spent FROM temp.unbooked_days;`;

/** The table is there, and holds rows of some accounts only: no version of the rows has this number. */
const SOME_ACCOUNTS = -1;

export class CurrentDays {
  readonly #sql: Sql;
  readonly #folding: Folding;
  /** The version of the rows that the table holds; null when there may be no table. */
  #version: number | null = null;

  constructor(sql: Sql, folding: Folding) {
    this.#sql = sql;
    this.#folding = folding;
  }

  /** After a rollback, which takes the table back as well. */
  forget(): void {
    this.#version = null;
  }

  /**
   * To be called in the transaction before anything is read from the view. With `refs` it is ready for those accounts only: beside a running
   * load thousands of rows lack debits, and a step that counts some accounts would lay them all over again, under the write lock.
   */
  ready(refs: RefRange | null = null): void {
    this.#folding.follow();
    const { rows } = this.#folding;
    if (this.#version === rows.version) return;
    if (this.#version === null) this.#sql.db.exec(VIEW);
    this.#sql.run('DELETE FROM temp.unbooked_days');
    rows.eachUnbooked((ref) => {
      if (refs !== null && (ref <= refs.after || ref > refs.through)) return;
      const running = rows.get(ref);
      if (running === null) return;
      const { day, granted, adjusted, spent } = running.balance;
      this.#sql.run('INSERT INTO temp.unbooked_days VALUES (?, ?, ?, ?, ?)', ref, day, granted, adjusted, spent);
    });
    this.#version = refs === null ? rows.version : SOME_ACCOUNTS;
  }

  /** Runs an act that stores the account's row, so that the others need not be laid over it again. */
  storing(ref: Ref, act: () => void): void {
    const { rows } = this.#folding;
    const upToDate = this.#version === rows.version;
    act();
    if (!upToDate || this.#version === rows.version) return;
    this.#sql.run('DELETE FROM temp.unbooked_days WHERE account_ref = ?', ref);
    this.#version = rows.version;
  }
}
