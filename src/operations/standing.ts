import { allowanceLeft, type Facts } from '../domain/decide.ts';
import { tierOn, type Account, type Key } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, nextReset, type Instant } from '../domain/utc-day.ts';
import type { Verdict } from '../domain/verdict.ts';
import { balanceOn } from './balance-on.ts';

/** What is left of the day at an instant, as a verdict tells it: of the tighter of the account's allowance and the key's cap. */
export interface Standing {
  readonly at: Instant;
  readonly tier: string;
  readonly credits: NonNullable<Verdict['credits']>;
}

const NO_REQUEST = { service: null, account: null, tier: null, limit: null, arrival: 0, prior: null, nextDebit: 0 } as const;

/** `key` is null where an account is charged without one. */
export async function standingOf(tx: ReadTransaction, account: Account, key: Key | null, at: Instant): Promise<Standing> {
  const day = dayOf(at);
  const capSpent = key === null || key.dailyCap === null ? 0 : await tx.credits.capSpent(key.capGroup, day);
  const facts: Facts = { ...NO_REQUEST, key, balance: await balanceOn(tx, account, day), capSpent };
  const { by: limitedBy, limit, left: remaining } = allowanceLeft(facts);
  return { at, tier: tierOn(account, day), credits: { limit, remaining, resetsAt: nextReset(at), limitedBy } };
}
