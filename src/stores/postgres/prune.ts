import type { Pruned, PruneLimits } from '../../domain/store.ts';
import type { Sql } from './sql.ts';

/** Deletes at most `limit` rows, and tables of whole days of debits. */
export function prune(_sql: Sql, _limits: PruneLimits, _limit: number): Promise<Pruned> {
  throw new RangeError('not yet: prune');
}

export function countPrunable(_sql: Sql, _limits: PruneLimits): Promise<Pruned> {
  throw new RangeError('not yet: countPrunable');
}
