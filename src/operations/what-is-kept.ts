import { settingDuration, type SettingName } from '../domain/settings.ts';
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

const MOST_ENTRIES = 1_000;

type KeepSetting = Exclude<SettingName, 'key-prefix'>;

export async function whatIsKept(tx: ReadTransaction): Promise<Keeping> {
  const resets = await tx.audit.page({ action: 'store.reset' }, null, MOST_ENTRIES);
  return {
    debits: await keptAlways(tx, 'keep-debits'),
    hours: await keptAlways(tx, 'keep-hourly-usage'),
    days: await keptAlways(tx, 'keep-daily-usage'),
    prunedAt: Math.max(0, ...resets.filter(hasPruned).map(({ at }) => at)),
  };
}

/** The least that the setting ever was: what was pruned then does not come back with a longer one. */
async function keptAlways(tx: ReadTransaction, name: KeepSetting): Promise<number> {
  const values = await tx.config.all();
  const lengths = [settingDuration(values, name)];
  for (const action of ['config.set', 'config.unset']) {
    for (const { before, after } of await tx.audit.page({ action, targets: [name] }, null, MOST_ENTRIES)) {
      for (const value of [before?.['value'], after?.['value']]) {
        if (typeof value === 'string') lengths.push(settingDuration(new Map([[name, value]]), name));
      }
    }
  }
  return Math.min(...lengths);
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
