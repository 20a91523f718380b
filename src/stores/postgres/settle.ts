import type { Request } from '../../domain/decide.ts';
import type { Preview } from '../../domain/settle.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Sql } from './sql.ts';

/** Settles batches on one connection. Its caches live exactly as long as the store's generation stands still. */
export class PostgresSettling {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async settle(_requests: readonly Request[]): Promise<readonly Verdict[]> {
    await this.#sql.run('SELECT 1');
    throw new RangeError('not yet: settle');
  }

  async preview(_requests: readonly Request[], _at: Instant): Promise<readonly Preview[]> {
    await this.#sql.run('SELECT 1');
    throw new RangeError('not yet: preview');
  }
}
