import type { ReadTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';

/**
 * How a store that stands somewhere relates to a backup: it went on from it (or is the same), the backup went on from it, they parted
 * after a common past, or they never had one.
 */
export type Relation = 'went-on' | 'is-past' | 'parted' | 'stranger';

export async function relate(store: ReadTransaction, backup: ReadTransaction): Promise<Relation> {
  if (!(await sameOrigin(store, backup))) return 'stranger';
  if (await contains(store, backup)) return 'went-on';
  return (await contains(backup, store)) ? 'is-past' : 'parted';
}

/** Every store makes its first account by itself, with an id of chance, and no account is ever deleted. */
async function sameOrigin(one: ReadTransaction, other: ReadTransaction): Promise<boolean> {
  const [[first], [otherFirst]] = [await one.accounts.page({}, FIRST), await other.accounts.page({}, FIRST)];
  return first !== undefined && first.id === otherFirst?.id;
}

const FIRST = { after: 0, limit: 1 };

/**
 * Whether one has whatever was done in the other: what was done last there was done here too. Nothing of it is ever taken away, only
 * pruned.
 */
async function contains(one: ReadTransaction, other: ReadTransaction): Promise<boolean> {
  return (await hasLastEntry(one, other)) && (await hasLastAccount(one, other)) && (await hasLastDebit(one, other));
}

async function hasLastEntry(one: ReadTransaction, other: ReadTransaction): Promise<boolean> {
  const [last] = await other.audit.page({}, null, 1);
  if (last === undefined) return true;
  const [found] = await one.audit.since({}, last.number - 1, 1);
  return found?.number === last.number && found.at === last.at && found.action === last.action && found.targetId === last.targetId;
}

async function hasLastAccount(one: ReadTransaction, other: ReadTransaction): Promise<boolean> {
  const ref = await other.accounts.lastRef();
  return (await one.accounts.byRef(ref))?.id === (await other.accounts.byRef(ref))?.id;
}

async function hasLastDebit(one: ReadTransaction, other: ReadTransaction): Promise<boolean> {
  const [last] = await other.debits.page({}, null, 1);
  if (last === undefined) return true;
  const found = await one.debits.byNumber(last.number);
  if (found !== null) return found.at === last.at && found.accountRef === last.accountRef && found.cost === last.cost;
  const [oldest] = await one.debits.since({}, 0, 1);
  const reset = await one.config.lastReset();
  return oldest === undefined ? reset !== null && reset.at > last.at : oldest.number > last.number;
}

/** When the last thing was done that a store tells of, or null where nothing was done. */
export async function lastTrace(tx: ReadTransaction): Promise<Instant | null> {
  const [entry] = await tx.audit.page({}, null, 1);
  const debitAt = await tx.debits.newestAt();
  if (entry === undefined) return debitAt;
  return debitAt === null ? entry.at : Math.max(entry.at, debitAt);
}
