import { sum, type Model } from './model.ts';

const DAY_MS = 86_400_000;
const TRUSTED_SILENCE_MS = 48 * 3_600_000;
const MOST_CLOSED_LATELY = 3;

/** What a reset tells, but for how much it pruned. */
export interface ModelReset {
  readonly day: number;
  readonly alreadyDone: boolean;
  readonly accounts: number;
  readonly creditsGranted: number;
  readonly creditsExpired: number;
  readonly tierChangesApplied: number;
  readonly daysClosed: number;
}

/** How long things are kept, in days. */
export interface Keeping {
  readonly debits: number;
  readonly books: number;
}

export const KEPT_FOR_EVER: Keeping = { debits: 36_500, books: 36_500 };

/** It closes days and prunes. No balance depends on it. */
export function reset(model: Model, prunes: boolean, keeping: Keeping): ModelReset {
  const { today, now, closedThrough } = model;
  openAdjusted(model, Math.min(today - keeping.books, closedThrough + 1));
  const closed = Array.from({ length: Math.max(0, today - 1 - closedThrough) }, (_, index) => closedThrough + 1 + index);
  model.closedThrough = Math.max(closedThrough, today - 1);
  for (const day of closed) model.closedAt.set(day, now);
  if (prunes || trusted(model)) prune(model, keeping);
  const onDay = (day: number) => model.accountsOn(day).map((account) => model.books(account, day));
  return {
    ...{ day: today, alreadyDone: closedThrough >= today - 1, accounts: model.accounts.length, daysClosed: closed.length },
    creditsGranted: sum(onDay(today).map(({ granted }) => granted)),
    creditsExpired: sum(closed.flatMap(onDay).map(({ granted, adjusted, spent }) => granted + adjusted - spent)),
    tierChangesApplied: sum(closed.map((day) => changesOn(model, day + 1))),
  };
}

/** Whether the clock is believed: not when it is long past the newest debit, nor when it has lately closed more days than pass in that time. */
function trusted(model: Model): boolean {
  const { now } = model;
  const debits = model.debits.filter(({ pruned }) => !pruned);
  const newest = debits.at(-1);
  if (newest !== undefined && now - newest.at > TRUSTED_SILENCE_MS) return false;
  // The days of before the store was made count as closed from then on, as soon as somebody spends on one.
  const before = new Set(
    model.accounts.flatMap(({ opened }) => [...opened.keys()].filter((day) => day < Math.floor(model.madeAt / DAY_MS))),
  );
  const closedAt = new Map([...model.closedAt, ...[...before].map((day) => [day, model.madeAt] as const)]);
  const lately = [...closedAt].filter(([, at]) => at > now - TRUSTED_SILENCE_MS && at <= now).map(([day]) => day);
  return lately.length <= MOST_CLOSED_LATELY || debits.every(({ at }) => at >= (Math.min(...lately) + 1) * DAY_MS);
}

/** What was given or taken for a past day belongs to its sums, spent on or not. */
function openAdjusted(model: Model, from: number): void {
  for (const { account, day } of model.adjustments) if (day >= from && day < model.today) model.open(account, day);
}

/** Changes of tier that begin on a day and were decided before it. */
function changesOn(model: Model, day: number): number {
  return sum(model.accounts.map(({ tiers }) => tiers.filter(({ from, decidedAt }) => from === day && decidedAt < day * DAY_MS).length));
}

function prune(model: Model, keeping: Keeping): void {
  const { now, today, closedThrough } = model;
  const before = Math.min(today - keeping.debits, closedThrough + 1) * DAY_MS * 1_000;
  for (const debit of model.debits) debit.pruned ||= debit.number < before;
  for (const { requestIds } of model.accounts) {
    for (const [id, { expiresAt }] of requestIds) if (expiresAt <= now) requestIds.delete(id);
  }
}
