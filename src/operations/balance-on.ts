import { openBalance, type Balance } from '../domain/credits.ts';
import { creditsOn, tierOn, type Account, type Tier } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import type { UtcDay } from '../domain/utc-day.ts';

/** The tier of that name. Accounts refer to their tiers by name, and the store keeps every tier that one ever had. */
export async function tierNamed(tx: Pick<ReadTransaction, 'tiers'>, name: string): Promise<Tier> {
  const tier = await tx.tiers.byName(name);
  if (tier === null) throw new RangeError('an account without its tier');
  return tier;
}

/** The daily credits that an account's tier gives it on a day, by the histories of both. */
export async function allowanceOn(tx: Pick<ReadTransaction, 'tiers'>, account: Pick<Account, 'tiers'>, day: UtcDay): Promise<number> {
  return creditsOn(await tierNamed(tx, tierOn(account, day)), day);
}

/** An account's books of a day: the stored ones, or, as long as nothing was spent, those that the day begins with. */
export async function balanceOn(tx: ReadTransaction, account: Account, day: UtcDay): Promise<Balance> {
  const { running, archived, adjusted } = await tx.credits.spending(account.ref, day);
  if (running?.balance.day === day) return running.balance;
  return archived ?? openBalance(day, await allowanceOn(tx, account, day), adjusted);
}
