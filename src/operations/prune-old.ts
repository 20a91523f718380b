import { settingDuration } from '../domain/settings.ts';
import type { PruneLimits, Pruned, ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, hourOf, HOURS_PER_DAY, MS_PER_HOUR, startOfDay, type Instant, type UtcDay } from '../domain/utc-day.ts';
import type { Steps } from './steps.ts';

const ROWS_PER_STEP = 1_000;
/** A clock that is further past the newest debit may have jumped, and would prune what it should keep. */
const TRUSTED_SILENCE_MS = 48 * MS_PER_HOUR;

/** Whoever runs a reset once a day closes two in that time. Who closes more was not there for days, or has a clock that jumped over them. */
const MOST_CLOSED_LATELY = 3;

export const NOTHING_PRUNED: Pruned = { debits: 0, usage: 0, requestIds: 0 };

export interface PrunePlan {
  readonly limits: PruneLimits;
  /** What the limits would delete. */
  readonly due: Pruned;
  /** Where the clock may have jumped ahead: the instant of the newest debit before that; null where it is trusted. */
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
  return { limits, due: await tx.countPrunable(limits), silentSince: silentSince ?? (await jumpedSince(tx, now, closedThrough)) };
}

/**
 * The newest debit of before the days that this clock has closed at one go in the last 48 hours, or null where they were no more than pass.
 * Requests that were debited under a clock that jumped ahead do not speak for it: it would prune what is of today, and grant it anew
 * when it comes back.
 */
async function jumpedSince(tx: ReadTransaction, now: Instant, closedThrough: UtcDay): Promise<Instant | null> {
  const stored = await tx.credits.closedDays(0);
  const open = Math.max(0, closedThrough - (await tx.credits.closedThrough()));
  const lately = stored.filter(({ closedAt }) => closedAt > now - TRUSTED_SILENCE_MS && closedAt <= now);
  if (lately.length + open <= MOST_CLOSED_LATELY) return null;
  const until = startOfDay((lately[0]?.day ?? closedThrough + 1 - open) + 1);
  return (await tx.debits.page({ until }, null, 1))[0]?.at ?? null;
}

/** Deletes what the limits name, step by step, and returns how much that was. */
export async function pruneOld(store: Store, { limits, due }: PrunePlan, steps: Steps): Promise<Pruned> {
  let pruned = NOTHING_PRUNED;
  if (total(due) === 0) return pruned;
  for (;;) {
    const { some, rows } = await steps.run(async (stint) => {
      const rows = Math.ceil(ROWS_PER_STEP * stint.portion);
      return { rows, some: await store.writeBeside((tx) => stint.work(() => tx.prune(limits, rows))) };
    });
    pruned = { debits: pruned.debits + some.debits, usage: pruned.usage + some.usage, requestIds: pruned.requestIds + some.requestIds };
    if (total(some) < rows) return pruned;
    steps.tell({ text: 'pruning', done: Math.min(total(pruned), total(due)), total: total(due) });
  }
}

export function total({ debits, usage, requestIds }: Pruned): number {
  return debits + usage + requestIds;
}
