import { tierOn, type Account, type Ref } from '../domain/entities.ts';
import { Replay, type DeniedCounts, type PastDemand, type ReplayedAccount, type ReplayedDay, type TierDenial } from '../domain/replay.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, startOfDay, type Instant } from '../domain/utc-day.ts';
import { findAccount } from './find-account.ts';
import { pastDemand, type PastPeriod } from './past-demand.ts';
import { replayPlans, type Hypothetical, type NumberedPlan } from './replay-plans.ts';
import type { Progress } from './steps.ts';
import { whatIsKept, wholeFrom } from './what-is-kept.ts';

export interface ReplayTraffic {
  /** A name or id; undefined for everybody. */
  readonly account: string | undefined;
  /** Rounded down to the day. */
  readonly since: Instant;
  readonly tiers: readonly string[];
  readonly hypothetical: Hypothetical | null;
}

/** What would have become of the traffic on one plan. */
export interface PlanOutcome {
  readonly plan: NumberedPlan;
  readonly denied: DeniedCounts;
  readonly accountsDenied: number;
  readonly exhaustedAt: Instant | null;
  /** Whether it would have denied nothing of it. */
  readonly fits: boolean;
  readonly days: readonly ReplayedDay[];
}

export interface AccountOutcome {
  readonly account: string;
  /** Of today. */
  readonly tier: string;
  readonly requests: number;
  /** Credits asked for on its busiest day. */
  readonly busiestDay: number;
  /** The plan of the fewest daily credits that would have denied nothing, or null. */
  readonly cheapest: string | null;
}

export interface ReplayReport {
  readonly from: Instant;
  readonly to: Instant;
  /** The one that was meant, or null for everybody. */
  readonly account: string | null;
  readonly requests: number;
  /** What was denied then of these. */
  readonly deniedThen: Readonly<Partial<Record<TierDenial, number>>>;
  readonly plans: readonly PlanOutcome[];
  /** The plan of the fewest daily credits that would have denied nothing, or null. */
  readonly cheapest: string | null;
  /** Those that asked for anything, most requests first. */
  readonly accounts: readonly AccountOutcome[];
  /** The day that was asked for lies before what is kept by the hour. */
  readonly clipped: boolean;
  /** Until then debits are not kept any more, and hours were spread evenly; null where none were. */
  readonly spreadUntil: Instant | null;
}

interface Beginning {
  readonly period: PastPeriod;
  readonly account: Account | null;
  readonly plans: readonly NumberedPlan[];
  readonly clipped: boolean;
}

/**
 * Replays what was asked for since a day, admitted and denied, with other tiers or numbers, each request decided by the rules of `serve` as
 * they are today. Reads page by page and writes nothing. Throws `not_found` or `usage`.
 */
export async function replayTraffic(store: Store, wanted: ReplayTraffic, tell: (progress: Progress) => void): Promise<ReplayReport> {
  const { period, account, plans, clipped } = await store.read((tx, now) => begin(tx, wanted, now));
  const replay = new Replay(plans);
  const deniedThen: Partial<Record<TierDenial, number>> = {};
  let spread = false;
  for await (const { demands, to } of pastDemand(store, period)) {
    await meetNew(store, replay, demands);
    for (const demand of demands) {
      replay.take(demand);
      if (demand.deniedThen !== null) deniedThen[demand.deniedThen] = (deniedThen[demand.deniedThen] ?? 0) + demand.count;
    }
    spread ||= to <= period.debitsFrom && demands.length > 0;
    tell({ text: 'Replaying', done: to - period.from, total: period.to - period.from });
  }
  const accounts = replay.accounts();
  const outcomes = plans.map((plan, place) => outcomeOf(plan, replay.days(place), accounts, place));
  return {
    ...{ from: period.from, to: period.to - 1, account: account?.name ?? null, clipped, deniedThen },
    requests: accounts.reduce((sum, { requests }) => sum + requests, 0),
    plans: outcomes,
    cheapest: accounts.length === 0 ? null : (outcomes.find(({ fits }) => fits)?.plan.name ?? null),
    accounts: accounts.map((replayed) => accountOutcome(replayed, plans, period.to)).sort((one, other) => other.requests - one.requests),
    spreadUntil: spread ? period.debitsFrom : null,
  };
}

async function begin(tx: ReadTransaction, { account: name, since, tiers, hypothetical }: ReplayTraffic, now: Instant): Promise<Beginning> {
  const account = name === undefined ? null : await findAccount(tx, name);
  const plans = await replayPlans(tx, tiers, hypothetical, now);
  const whole = wholeFrom(await whatIsKept(tx), now, await tx.credits.closedThrough());
  const oldest = (await tx.debits.since({}, 0, 1))[0]?.at;
  // `reset` deletes whole days, but it may be in the middle of one.
  const firstKept = oldest === undefined ? dayOf(now) + 1 : dayOf(oldest) + (dayOf(oldest) < whole.debits ? 1 : 0);
  const [asked, kept] = [startOfDay(dayOf(since)), startOfDay(whole.hours)];
  // What was asked for in this very instant belongs to it.
  const period = { from: Math.max(asked, kept), to: now + 1, accountRef: account?.ref ?? null, debitsFrom: startOfDay(firstKept) };
  return { period, account, plans, clipped: asked < kept };
}

/** Looks up the accounts that come for the first time. */
async function meetNew(store: Store, replay: Replay, demands: readonly PastDemand[]): Promise<void> {
  const unknown = new Set<Ref>();
  for (const { accountRef } of demands) if (!replay.knows(accountRef)) unknown.add(accountRef);
  if (unknown.size === 0) return;
  await store.read(async (tx) => {
    for (const ref of unknown) {
      const account = await tx.accounts.byRef(ref);
      if (account !== null) replay.meet(account);
    }
  });
}

function outcomeOf(plan: NumberedPlan, days: readonly ReplayedDay[], accounts: readonly ReplayedAccount[], place: number): PlanOutcome {
  const denied: Partial<Record<TierDenial, number>> = {};
  for (const day of days) {
    for (const [code, count] of Object.entries(day.denied) as [TierDenial, number][]) denied[code] = (denied[code] ?? 0) + count;
  }
  return {
    ...{ plan, days, denied },
    accountsDenied: accounts.filter(({ deniedBy }) => (deniedBy[place] ?? 0) > 0).length,
    exhaustedAt: days.find(({ exhaustedAt }) => exhaustedAt !== null)?.exhaustedAt ?? null,
    fits: days.every((day) => Object.keys(day.denied).length === 0),
  };
}

function accountOutcome(
  { account, requests, busiestDay, deniedBy }: ReplayedAccount,
  plans: readonly NumberedPlan[],
  now: Instant,
): AccountOutcome {
  // What is hypothetical may be more for this account than for others, and less than a tier.
  const fitting = plans.filter((_, place) => deniedBy[place] === 0);
  const [cheapest] = fitting.sort((one, other) => one.termsOf(account).dailyCredits - other.termsOf(account).dailyCredits);
  return { account: account.name, tier: tierOn(account, dayOf(now)), requests, busiestDay, cheapest: cheapest?.name ?? null };
}
