import { settingDuration } from '../domain/settings.ts';
import type { PruneLimits, Pruned, ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, hourOf, HOURS_PER_DAY, MS_PER_HOUR, startOfDay, type Instant, type UtcDay } from '../domain/utc-day.ts';
import type { Steps } from './steps.ts';

const ROWS_PER_STEP = 1_000;
/** A clock that is further past the newest debit may have jumped, and would prune what it should keep. */
const TRUSTED_SILENCE_MS = 48 * MS_PER_HOUR;

export const NOTHING_PRUNED: Pruned = { debits: 0, usage: 0, requestIds: 0 };

export interface PrunePlan {
  readonly limits: PruneLimits;
  /** What the limits would delete. */
  readonly due: Pruned;
  /** The newest debit is so old that the clock is not trusted; its instant, or null where the clock is. */
  readonly silentSince: Instant | null;
}

/** Before what each kind of row may go, by the settings and by `now`. Debits go by whole closed days; hours that are in no day's usage yet stay. */
export async function pruneLimits(tx: ReadTransaction, now: Instant, closedThrough: UtcDay): Promise<PruneLimits> {
  const settings = await tx.config.all();
  return {
    debitsBefore: startOfDay(Math.min(dayOf(now - settingDuration(settings, 'keep-debits')), closedThrough + 1)),
    hoursBefore: Math.min(hourOf(now - settingDuration(settings, 'keep-hourly-usage')), (closedThrough + 1) * HOURS_PER_DAY),
    daysBefore: Math.min(dayOf(now - settingDuration(settings, 'keep-daily-usage')), closedThrough + 1),
    requestIdsExpiredBy: now,
  };
}

/** What is old enough to go, and whether the clock that says so is trusted. */
export async function planPruning(tx: ReadTransaction, now: Instant, closedThrough: UtcDay): Promise<PrunePlan> {
  const limits = await pruneLimits(tx, now, closedThrough);
  const newest = await tx.debits.newestAt();
  const silentSince = newest !== null && now - newest > TRUSTED_SILENCE_MS ? newest : null;
  return { limits, due: await tx.countPrunable(limits), silentSince };
}

/** Deletes what the limits name, step by step, and returns how much that was. */
export async function pruneOld(store: Store, { limits, due }: PrunePlan, steps: Steps): Promise<Pruned> {
  let pruned = NOTHING_PRUNED;
  if (total(due) === 0) return pruned;
  for (;;) {
    const { some, rows } = await steps.run(async (stint) => {
      const rows = Math.ceil(ROWS_PER_STEP * stint.portion);
      return { rows, some: await store.write((tx) => stint.work(() => tx.prune(limits, rows))) };
    });
    pruned = { debits: pruned.debits + some.debits, usage: pruned.usage + some.usage, requestIds: pruned.requestIds + some.requestIds };
    if (total(some) < rows) return pruned;
    steps.tell({ text: 'pruning', done: Math.min(total(pruned), total(due)), total: total(due) });
  }
}

export function total({ debits, usage, requestIds }: Pruned): number {
  return debits + usage + requestIds;
}
