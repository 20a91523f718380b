import type { Actor, Pruned, ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, formatDay, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { closeDays, openAdjustedBooks } from './close-days.ts';
import { everybodysDay } from './everybodys-day.ts';
import { NOTHING_PRUNED, planPruning, pruneLimits, pruneOld, total } from './prune-old.ts';
import { restingSteps, type Steps } from './steps.ts';

export interface ResetReport {
  /** The running day. */
  readonly day: UtcDay;
  /** Every past day was closed before this reset began. */
  readonly alreadyDone: boolean;
  /** All accounts, idle ones too. */
  readonly accounts: number;
  /** What all accounts are granted today. */
  readonly creditsGranted: number;
  /** What all accounts had left on the days that this reset closed. */
  readonly creditsExpired: number;
  /** Changes of tier that had waited for a day and came with the days that this reset closed. */
  readonly tierChangesApplied: number;
  readonly daysClosed: number;
  readonly pruned: Pruned;
  /** Nothing was pruned, because the clock may have jumped since the debit of this instant; else null. */
  readonly silentSince: Instant | null;
}

export const RESET_FIELDS = [
  ...['day', 'alreadyDone', 'accounts', 'creditsGranted', 'creditsExpired', 'tierChangesApplied', 'daysClosed', 'pruned'],
] as const;

export function resetJson(report: ResetReport): Record<string, unknown> {
  const { alreadyDone, accounts, creditsGranted, creditsExpired, tierChangesApplied, daysClosed, pruned } = report;
  return { day: formatDay(report.day), alreadyDone, accounts, creditsGranted, creditsExpired, tierChangesApplied, daysClosed, pruned };
}

/**
 * Closes past days, prunes what need not be kept, and records that it ran. Balances do not depend on it: it may run late, twice, at
 * once with another, beside any number of debits, and leaves the same books. `prune` prunes although the clock may have jumped.
 */
export async function reset(store: Store, actor: Actor, prune: boolean, steps: Steps = restingSteps()): Promise<ResetReport> {
  const { today, before, keptFrom } = await store.read(async (tx, now) => {
    const closedThrough = await tx.credits.closedThrough();
    const { daysBefore } = await pruneLimits(tx, now, closedThrough);
    return { today: dayOf(now), before: closedThrough, keptFrom: daysBefore };
  });
  await openAdjustedBooks(store, keptFrom, today, steps);
  const closed = await closeDays(store, today, steps);
  const plan = await store.read(async (tx, now) => planPruning(tx, now, await tx.credits.closedThrough()));
  const silentSince = prune ? null : plan.silentSince;
  const pruned = silentSince === null ? await pruneOld(store, plan, steps) : NOTHING_PRUNED;
  const report: ResetReport = {
    ...{ day: today, alreadyDone: before >= today - 1, daysClosed: closed.length, pruned },
    ...(await sums(store, today, closed)),
    silentSince: total(plan.due) === 0 ? null : silentSince,
  };
  await store.write(async (tx, now) => {
    await tx.config.recordReset(now, today);
    // Cron runs this every hour: only what changed something is worth a line that is kept for ever.
    if (closed.length === 0 && total(pruned) === 0) return;
    await tx.audit.append({
      ...{ at: now, actor, action: 'store.reset', targetKind: 'store', targetId: 'store', targetName: formatDay(today) },
      before: { closedThrough: formatDay(before) },
      after: { closedThrough: formatDay(await tx.credits.closedThrough()), daysClosed: closed.length, pruned },
    });
  });
  return report;
}

/** What `reset` would do now, on one snapshot; a store that is open for reading will do. */
export function previewReset(store: Store, prune: boolean): Promise<ResetReport> {
  return store.read(async (tx, now) => {
    const today = dayOf(now);
    const before = await tx.credits.closedThrough();
    const closed = Array.from({ length: Math.max(0, today - 1 - before) }, (_, index) => before + 1 + index);
    const plan = await planPruning(tx, now, Math.max(before, today - 1));
    const silentSince = prune ? null : plan.silentSince;
    return {
      ...{ day: today, alreadyDone: before >= today - 1, daysClosed: closed.length },
      pruned: silentSince === null ? plan.due : NOTHING_PRUNED,
      accounts: await tx.accounts.count({}),
      creditsGranted: (await everybodysDay(tx, today)).granted,
      ...(await sumsOfDays(tx, closed)),
      silentSince: total(plan.due) === 0 ? null : silentSince,
    };
  });
}

type DaySums = Pick<ResetReport, 'creditsExpired' | 'tierChangesApplied'>;

/** How many days one read sums up; a longer one would hold back the log. */
const DAYS_PER_READ = 20;

async function sums(
  store: Store,
  today: UtcDay,
  closed: readonly UtcDay[],
): Promise<DaySums & Pick<ResetReport, 'accounts' | 'creditsGranted'>> {
  const present = await store.read(async (tx) => ({
    accounts: await tx.accounts.count({}),
    creditsGranted: (await everybodysDay(tx, today)).granted,
  }));
  let [creditsExpired, tierChangesApplied] = [0, 0];
  for (let begin = 0; begin < closed.length; begin += DAYS_PER_READ) {
    const some = await store.read((tx) => sumsOfDays(tx, closed.slice(begin, begin + DAYS_PER_READ)));
    creditsExpired += some.creditsExpired;
    tierChangesApplied += some.tierChangesApplied;
  }
  return { ...present, creditsExpired, tierChangesApplied };
}

async function sumsOfDays(tx: ReadTransaction, days: readonly UtcDay[]): Promise<DaySums> {
  let [creditsExpired, tierChangesApplied] = [0, 0];
  for (const day of days) {
    creditsExpired += (await everybodysDay(tx, day)).remaining;
    // The day after a closed one is the day that its waiting changes begin on.
    tierChangesApplied += await tx.accounts.countTierChanges(day, day + 1);
  }
  return { creditsExpired, tierChangesApplied };
}
