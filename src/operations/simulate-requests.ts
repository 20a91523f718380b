import { openBalance, regrant, type Balance } from '../domain/credits.ts';
import { creditsOn, limitFor, tierOn, type Account, type Service, type Tier } from '../domain/entities.ts';
import { simulate, type Arrivals, type Scenario, type SimulatedDay } from '../domain/simulate.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { balanceOn, tierNamed } from './balance-on.ts';
import type { ChargeReport } from './charge-report.ts';
import { findAccount, findAccountOrOnly } from './find-account.ts';
import { findService } from './find-service.ts';
import { findTier } from './find-tier.ts';

export interface SimulateRequests {
  /** A name or id; undefined for the only account, or with `tier` for nobody's. */
  readonly account: string | undefined;
  /** A tier to try instead of the account's own. */
  readonly tier: string | undefined;
  readonly service: string;
  readonly requests: number;
  readonly arrivals: Arrivals | null;
  /** When the first request comes; undefined for now. */
  readonly at: Instant | undefined;
}

/** How many adjustments are read at a time. */
const PAGE = 1_000;

/**
 * What would become of requests that came from `at` on: from the present balance and limits, over as many midnights as it takes. With a
 * tier and no account, a new account of that tier is simulated. Writes nothing. Throws `not_found` or `usage`.
 */
export function simulateRequests(store: Store, wanted: SimulateRequests): Promise<ChargeReport> {
  return store.read(async (tx, now) => {
    const start = wanted.at ?? now;
    const service = await findService(tx, wanted.service);
    const tier = wanted.tier === undefined ? null : await findTier(tx, wanted.tier);
    const fresh = wanted.account === undefined && tier !== null;
    const scenario = fresh
      ? freshScenario(tier, service, start)
      : await accountScenario(tx, await accountOf(tx, wanted.account), tier, service, start);
    const { requests, arrivals } = wanted;
    const simulation = simulate({ ...scenario, requests, arrivals });
    return {
      account: fresh ? null : scenario.account.name,
      tier: scenario.day(dayOf(start)).tier,
      requests,
      ...simulation,
      dryRun: true,
    };
  });
}

function accountOf(tx: ReadTransaction, account: string | undefined): Promise<Account> {
  return account === undefined ? findAccountOrOnly(tx, undefined) : findAccount(tx, account);
}

type Beginning = Omit<Scenario, 'requests' | 'arrivals'>;

function freshScenario(tier: Tier, service: Service, start: Instant): Beginning {
  const account: Account = {
    ...{ ref: 0, id: '', name: '', externalId: null, createdAt: start, suspendedAt: null },
    tiers: [{ from: 0, tier: tier.name }],
  };
  const day = (on: UtcDay): SimulatedDay => dayWith(tier, service, openBalance(on, creditsOn(tier, on), 0));
  return { account, service, start, arrival: 0, day };
}

async function accountScenario(
  tx: ReadTransaction,
  account: Account,
  instead: Tier | null,
  service: Service,
  start: Instant,
): Promise<Beginning> {
  const first = dayOf(start);
  const books = await knownBooks(tx, account, first);
  const adjusted = await adjustmentsFrom(tx, account, first);
  const tiers = new Map<string, Tier>();
  for (const { tier } of account.tiers) tiers.set(tier, await tierNamed(tx, tier));
  const tierOf = (day: UtcDay): Tier => {
    const tier = instead ?? tiers.get(tierOn(account, day));
    if (tier === undefined) throw new RangeError('an account without its tier');
    return tier;
  };
  const day = (on: UtcDay): SimulatedDay => {
    const tier = tierOf(on);
    const allowance = creditsOn(tier, on);
    const known = books.get(on);
    if (known === undefined) return dayWith(tier, service, openBalance(on, allowance, adjusted.get(on) ?? 0));
    return dayWith(tier, service, instead === null ? known : regrant(known, allowance));
  };
  const { running } = await tx.credits.spending(account.ref, first);
  return { account, service, start, arrival: running?.arrivals.get(service.ref) ?? 0, day };
}

function dayWith(tier: Tier, service: Service, balance: Balance): SimulatedDay {
  return { tier: tier.name, limit: limitFor(tier, service.name), balance };
}

/** Books as they stand on the first day, and on later days where a clock that ran ahead has opened them. */
async function knownBooks(tx: ReadTransaction, account: Account, first: UtcDay): Promise<ReadonlyMap<UtcDay, Balance>> {
  const later = await tx.credits.balancesFrom(account.ref, first);
  return new Map([[first, await balanceOn(tx, account, first)], ...later.map((balance) => [balance.day, balance] as const)]);
}

/** What was given or taken for days to come. */
async function adjustmentsFrom(tx: ReadTransaction, account: Account, first: UtcDay): Promise<ReadonlyMap<UtcDay, number>> {
  const sums = new Map<UtcDay, number>();
  let before: number | null = null;
  for (;;) {
    const cursor: number | null = before;
    const page = await tx.credits.adjustments(account.ref, PAGE, cursor);
    for (const { day, amount } of page) if (day >= first) sums.set(day, (sums.get(day) ?? 0) + amount);
    before = page.at(-1)?.number ?? null;
    if (page.length < PAGE) return sums;
  }
}
