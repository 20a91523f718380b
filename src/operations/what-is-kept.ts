import { settingByName, settingDuration, type SettingName } from '../domain/settings.ts';
import type { AuditEntry, ReadTransaction } from '../domain/store.ts';
import { dayOf, startOfDay, type Instant, type UtcDay } from '../domain/utc-day.ts';

/** How long things are kept for certain, whatever `reset` has pruned until now. */
export interface Keeping {
  readonly debits: number;
  readonly hours: number;
  readonly days: number;
  /** The latest instant at which a reset has pruned, by a clock that may have been ahead. */
  readonly prunedAt: Instant;
}

/** The first day of which each kind of row is whole. */
export interface WholeFrom {
  readonly debits: UtcDay;
  readonly hours: UtcDay;
  readonly days: UtcDay;
}

const MOST_RESETS = 1_000;

type KeepSetting = Exclude<SettingName, 'key-prefix'>;

/** A setting that was ever changed may have been shorter: then only the least that it can be is certain. */
export async function whatIsKept(tx: ReadTransaction): Promise<Keeping> {
  const values = await tx.config.all();
  const kept = async (name: KeepSetting): Promise<number> => {
    for (const action of ['config.set', 'config.unset']) {
      const changes = await tx.audit.page({ action, targets: [name] }, null, 1);
      if (changes.length > 0) return settingByName(name).least ?? 0;
    }
    return settingDuration(values, name);
  };
  const resets = await tx.audit.page({ action: 'store.reset' }, null, MOST_RESETS);
  return {
    debits: await kept('keep-debits'),
    hours: await kept('keep-hourly-usage'),
    days: await kept('keep-daily-usage'),
    prunedAt: Math.max(0, ...resets.filter(hasPruned).map(({ at }) => at)),
  };
}

function hasPruned({ after }: AuditEntry): boolean {
  const pruned = after?.['pruned'];
  return typeof pruned === 'object' && pruned !== null && Object.values(pruned).some((rows) => rows !== 0);
}

/** Nothing of a day that is open was ever pruned; of the others, nothing that is younger than it is kept. */
export function wholeFrom({ debits, hours, days, prunedAt }: Keeping, now: Instant, closedThrough: UtcDay): WholeFrom {
  const latest = Math.max(now, prunedAt);
  const open = closedThrough + 1;
  const firstWhole = (at: Instant): UtcDay => (at === startOfDay(dayOf(at)) ? dayOf(at) : dayOf(at) + 1);
  return {
    debits: Math.min(dayOf(latest - debits), open),
    hours: Math.min(firstWhole(latest - hours), open),
    days: Math.min(dayOf(latest - days), open),
  };
}
