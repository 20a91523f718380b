import { fine, warning, type Finding } from '../domain/finding.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, formatDay, formatInstant, MS_PER_HOUR, MS_PER_SECOND, type Instant, type UtcDay } from '../domain/utc-day.ts';

/** Two hosts' clocks, or one's before and after an adjustment, may differ by so much. */
const TOLERANCE_MS = MS_PER_SECOND;

/** A reset that is older than that was forgotten: it should run once a day. */
export const LATE_RESET_MS = 36 * MS_PER_HOUR;

const SET_THE_CLOCK = 'Compare the clock of this host with another: timedatectl. Balances are safe: no day is granted twice.';

/** What the store holds that was written by a later clock than this one. Warnings, since the books hold all the same. */
export async function checkClock(tx: ReadTransaction, now: Instant, days: readonly UtcDay[]): Promise<readonly Finding[]> {
  const ahead: string[] = [];
  const later = (at: Instant | null | undefined, what: string): void => {
    if (typeof at === 'number' && at > now + TOLERANCE_MS) ahead.push(`${what} is of ${formatInstant(at)}`);
  };
  later(await tx.debits.newestAt(), 'the newest debit');
  later((await tx.config.lastReset())?.at, 'the last reset');
  later((await tx.audit.page({}, null, 1))[0]?.at, 'the newest entry of the audit trail');
  const future = days.filter((day) => day > dayOf(now));
  if (future.length > 0) ahead.push(`there are books of days to come: ${future.slice(0, 3).map(formatDay).join(', ')}`);
  const closed = await tx.credits.closedThrough();
  if (closed >= dayOf(now)) ahead.push(`days are closed through ${formatDay(closed)}`);
  if (ahead.length === 0) return [fine('clock', `It is ${formatInstant(now)}, and nothing in the store is later.`)];
  return [
    warning('clock', `It is ${formatInstant(now)} by this clock, but ${ahead.join('; ')}. One of the clocks was wrong.`, SET_THE_CLOCK),
  ];
}

/** Told only while the debits are kept that show it. */
export function checkSteps(steppedBack: { readonly day: UtcDay; readonly ms: number } | null): readonly Finding[] {
  if (steppedBack === null) return [];
  const seconds = Math.round(steppedBack.ms / MS_PER_SECOND);
  return [
    warning(
      'clock',
      `The clock stepped back: debits of ${formatDay(steppedBack.day)} were written by a clock that was up to ${String(seconds)} s behind those before them.`,
      'Have the clock slewed rather than set, with chrony or systemd-timesyncd. The books hold all the same.',
      { day: steppedBack.day },
    ),
  ];
}

/** Whether `reset` runs, and closes what it should. */
export async function checkReset(tx: ReadTransaction, now: Instant): Promise<Finding> {
  const last = await tx.config.lastReset();
  const closed = await tx.credits.closedThrough();
  const hint = 'Run keyctl reset once an hour, from a timer or cron: see recipes/systemd and recipes/cron. No balance waits for it.';
  if (last === null) {
    const [oldest] = await tx.accounts.page({}, { after: 0, limit: 1 });
    const age = now - (oldest?.createdAt ?? now);
    if (age <= LATE_RESET_MS) return fine('reset', 'keyctl reset never ran yet; the store is new.');
    return warning('reset', `keyctl reset never ran, and the store is ${hours(age)} old.`, hint);
  }
  if (now - last.at > LATE_RESET_MS)
    return warning('reset', `keyctl reset last ran ${hours(now - last.at)} ago, at ${formatInstant(last.at)}.`, hint);
  if (closed < last.day - 1) {
    const message = `keyctl reset ran at ${formatInstant(last.at)}, but the days are closed only through ${formatDay(closed)}.`;
    return warning('reset', message, 'Run keyctl reset and read what it says: a day whose books do not balance stays open.');
  }
  return fine('reset', `keyctl reset last ran at ${formatInstant(last.at)}; days are closed through ${formatDay(closed)}.`);
}

function hours(ms: number): string {
  return `${String(Math.floor(ms / MS_PER_HOUR))} hours`;
}
