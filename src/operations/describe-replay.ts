import type { ReplayedDay } from '../domain/replay.ts';
import { dayOf, formatDay, formatInstant, startOfDay, type Instant } from '../domain/utc-day.ts';
import type { PlanOutcome, ReplayReport } from './replay-traffic.ts';

export const REPLAY_FIELDS = ['from', 'to', 'account', 'requests', 'deniedThen', 'tiers', 'cheapest', 'accounts', 'unknown'] as const;

export function replayJson(report: ReplayReport): Record<string, unknown> {
  const { from, to, account, requests, deniedThen, plans, cheapest, accounts } = report;
  return {
    ...{ from: formatInstant(from), to: formatInstant(to), account, requests, deniedThen },
    tiers: plans.map(planJson),
    ...{ cheapest, accounts, unknown: unknownOf(report) },
  };
}

function planJson({ plan, denied, accountsDenied, exhaustedAt, fits, days }: PlanOutcome): Record<string, unknown> {
  const { name, hypothetical, dailyCredits, limits } = plan;
  return {
    ...{ tier: name, hypothetical, dailyCredits, limits, fits, denied, accountsDenied, exhaustedAt: instant(exhaustedAt) },
    days: days.map((day) => ({ ...day, day: formatDay(day.day), exhaustedAt: instant(day.exhaustedAt) })),
  };
}

function instant(at: Instant | null): string | null {
  return at === null ? null : formatInstant(at);
}

/** Every day of the period with what a plan would have answered, those without traffic too. */
export function wholeDays({ from, to }: Pick<ReplayReport, 'from' | 'to'>, days: readonly ReplayedDay[]): readonly ReplayedDay[] {
  const known = new Map(days.map((day) => [day.day, day]));
  return Array.from({ length: dayOf(to) - dayOf(from) + 1 }, (_, index) => {
    const day = dayOf(from) + index;
    return known.get(day) ?? { day, requests: 0, denied: {}, accountsDenied: 0, exhaustedAt: null };
  });
}

/** What a replay cannot know. */
export interface Unknown {
  readonly code: 'denied_demand' | 'bursts' | 'before' | 'today';
  readonly message: string;
}

/** What the report does not tell, since nobody wrote it down; only what is true of this one. */
export function unknownOf({ from, to, deniedThen, spreadUntil, clipped }: ReplayReport): readonly Unknown[] {
  const denied = Object.values(deniedThen).reduce((sum, count) => sum + count, 0);
  const unknown: Unknown[] = [];
  if (denied > 0) {
    const message =
      'Denied requests were replayed as they came, at the price of today: who tried again counts each time, and what nobody tried after ' +
      'a denial is in no record.';
    unknown.push({ code: 'denied_demand', message });
  }
  if (spreadUntil !== null) {
    const message =
      `Single debits before ${formatInstant(spreadUntil)} are not kept any more. Their hours are: these requests were spread evenly over ` +
      'the hour, and no rate limit was asked about them.';
    unknown.push({ code: 'bursts', message });
  }
  if (clipped) {
    const message = `Nothing by the hour is kept of before ${formatDay(dayOf(from))}, where this begins (keyctl config get keep-hourly-usage).`;
    unknown.push({ code: 'before', message });
  }
  if (to > startOfDay(dayOf(to))) unknown.push({ code: 'today', message: `The last day, ${formatDay(dayOf(to))}, is not over.` });
  return unknown;
}
