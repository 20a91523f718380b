import type { DenialTally } from '../domain/denial-tally.ts';
import type { ServedActs } from './served-acts.ts';

/** Small enough that another process waits only a moment for the write lock. */
const DENIALS_PER_WRITE = 1_000;
const ROWS_PER_WRITE = 500;

/**
 * Stores what was counted in memory, and folds new debits into balances and usage with at most `mostWrites` transactions of 500 rows.
 * (none while all debits are younger than `waitedMs`). Returns whether debits may be left over. When the store fails, the denials it did not take go back
 * into the tally and the failure is thrown; nothing is counted twice, since each write is one transaction.
 */
export async function flushUsage(
  acts: Pick<ServedActs, 'addDenials' | 'fold'>,
  tally: DenialTally,
  mostWrites: number,
  waitedMs = 0,
): Promise<boolean> {
  const denials = tally.take();
  let stored = 0;
  try {
    while (stored < denials.length) {
      const chunk = denials.slice(stored, stored + DENIALS_PER_WRITE);
      await acts.addDenials(chunk);
      stored += chunk.length;
    }
  } catch (error) {
    tally.putBack(denials.slice(stored));
    throw error;
  }
  for (let writes = 0; writes < mostWrites; writes += 1) {
    const folded = await acts.fold({ rows: ROWS_PER_WRITE, waitedMs });
    if (folded < ROWS_PER_WRITE) return false;
  }
  return true;
}
