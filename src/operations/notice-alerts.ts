import { thresholdReached, type ReachedBooks, type Webhook } from '../domain/alerts.ts';
import { expiryMessage, thresholdMessage } from '../domain/alert-messages.ts';
import type { Balance } from '../domain/credits.ts';
import type { Key, Ref } from '../domain/entities.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { ReadTransaction, Store, WriteTransaction } from '../domain/store.ts';
import { dayOf, type Instant } from '../domain/utc-day.ts';

/** How many accounts one look goes through: some milliseconds of reading. */
const ACCOUNTS_PER_LOOK = 10_000;
/** How far the first look goes back. */
const LATELY_MS = 5_000;
/** What was debited before the last look may not have been seen by it, while another node was committing it. */
const OVERLAP_MS = 1_000;
/** Beyond 25,000 debits a second the newest are looked at, and the others when it is their turn. */
const MOST_DEBITS = 50_000;
/** How much one look finds at most; more is found by the next one. */
const MOST_FOUND = 500;
/** Small enough that whoever waits for the write lock waits a moment. */
const MESSAGES_PER_WRITE = 50;

export interface NoticeOrder {
  /** Accounts after this one are looked at, 10,000 of them; 0 for the first. */
  readonly after: Ref;
  /** When the last look was, so that this one sees who was charged since; null for none, and for one that is to miss nothing. */
  readonly since: Instant | null;
  /** Whether keys that end soon are looked for as well. */
  readonly expiries: boolean;
}

export interface Noticed {
  /** Whether there is a webhook that is switched on; without one nothing is looked for. */
  readonly on: boolean;
  /** Where the next look begins; 0 when this one came to the last account. */
  readonly after: Ref;
  /** More keys that end soon may be there. */
  readonly moreExpiries: boolean;
  /** When it looked. */
  readonly at: Instant;
  /** Messages put into the outbox. */
  readonly messages: number;
}

interface Look extends Omit<Noticed, 'messages'> {
  readonly reached: readonly ReachedBooks[];
  readonly expiring: readonly Key[];
}

/**
 * Looks at the books of those who spent in the last seconds, of some more accounts in turn, and, where it is said, at the keys, and puts a message into the outbox for each threshold that was
 * reached and each key that ends soon, of which there was none: that is noted in the same transaction, so that any number of
 * processes may look. What led to it does not matter: a debit by any process, credits that were taken, a lower tier. The day before is looked at
 * as well, for what was spent just before midnight.
 */
export async function noticeAlerts(store: Store, order: NoticeOrder, randomBytes: RandomBytes): Promise<Noticed> {
  const { reached, expiring, on, after, at, moreExpiries } = await store.read((tx, now) => look(tx, now, order));
  let messages = 0;
  for (let from = 0; from < reached.length; from += MESSAGES_PER_WRITE) {
    const some = reached.slice(from, from + MESSAGES_PER_WRITE);
    messages += await store.writeBeside((tx, now) => tellOfThresholds(tx, now, some, randomBytes));
  }
  for (let from = 0; from < expiring.length; from += MESSAGES_PER_WRITE) {
    const some = expiring.slice(from, from + MESSAGES_PER_WRITE);
    messages += await store.writeBeside((tx, now) => tellOfExpiries(tx, now, some, randomBytes));
  }
  return { on, after, at, moreExpiries, messages };
}

/** Looks at all accounts and keys, once. Returns how many messages there are to be sent of it. */
export async function noticeAll(store: Store, randomBytes: RandomBytes): Promise<number> {
  let messages = 0;
  let noticed: Noticed | null = null;
  do {
    noticed = await noticeAlerts(store, { after: noticed?.after ?? 0, since: null, expiries: noticed?.moreExpiries ?? true }, randomBytes);
    messages += noticed.messages;
  } while (noticed.after !== 0 || noticed.moreExpiries);
  return messages;
}

async function look(tx: ReadTransaction, now: Instant, { after, since: last, expiries }: NoticeOrder): Promise<Look> {
  const webhook = await tx.alerts.webhook();
  if (webhook === null || webhook.since === null) return { on: false, after: 0, at: now, moreExpiries: false, reached: [], expiring: [] };
  const { since, thresholds, expiryMs } = webhook;
  const expiring = expiries && expiryMs !== null ? await tx.alerts.expiring(now, now + expiryMs, MOST_FOUND) : [];
  const found = { on: true, at: now, expiring, moreExpiries: expiring.length === MOST_FOUND };
  const days = [dayOf(now) - 1, dayOf(now)].filter((day) => day >= since);
  if (days.length === 0 || thresholds.length === 0) return { ...found, after: 0, reached: [] };
  const refs = { after, through: after + ACCOUNTS_PER_LOOK };
  const reached = await tx.alerts.reached({ refs, days, thresholds, exact: last === null, limit: MOST_FOUND });
  const isOver = reached.through >= (await tx.accounts.lastRef());
  // What was spent in the last seconds is looked at whoever's turn it is: most thresholds are reached by a request.
  const from = Math.min(last ?? now - LATELY_MS, now) - OVERLAP_MS;
  const lately = await tx.alerts.reachedLately({ since: from, most: MOST_DEBITS, days, thresholds, limit: MOST_FOUND });
  return { ...found, after: isOver ? 0 : reached.through, reached: [...lately, ...reached.found] };
}

/** Somebody else may have told of it since it was found, or the balance have changed. */
async function tellOfThresholds(
  tx: WriteTransaction,
  now: Instant,
  found: readonly ReachedBooks[],
  randomBytes: RandomBytes,
): Promise<number> {
  const webhook = await tx.alerts.webhook();
  if (webhook === null || webhook.since === null) return 0;
  let messages = 0;
  for (const { accountRef, day } of found) {
    const [account, balances] = [await tx.accounts.byRef(accountRef), await tx.credits.balances([accountRef], day)];
    const balance = balances.get(accountRef);
    if (account === null || balance === undefined) continue;
    const reached = await newlyReached(tx, accountRef, balance, webhook);
    for (const threshold of reached) await tx.alerts.add(thresholdMessage({ account, balance, threshold }, now, randomBytes));
    const highest = reached.at(-1);
    if (highest !== undefined) await tx.alerts.setTold(accountRef, day, highest);
    messages += reached.length;
  }
  return messages;
}

/** Each of the thresholds is told of by itself, also when several were reached at once: a receiver may care for one of them only. */
async function newlyReached(tx: WriteTransaction, accountRef: Ref, balance: Balance, { thresholds }: Webhook): Promise<readonly number[]> {
  const [reached, told] = [thresholdReached(balance, thresholds), await tx.alerts.told(accountRef, balance.day)];
  return thresholds.filter((threshold) => threshold > told && threshold <= reached);
}

async function tellOfExpiries(tx: WriteTransaction, now: Instant, found: readonly Key[], randomBytes: RandomBytes): Promise<number> {
  const webhook = await tx.alerts.webhook();
  if (webhook === null || webhook.since === null || webhook.expiryMs === null) return 0;
  const refs = new Set(found.map(({ ref }) => ref));
  // Asked again under the lock, so that of two who found a key one tells of it.
  const still = await tx.alerts.expiring(now, now + webhook.expiryMs, MOST_FOUND);
  let messages = 0;
  for (const key of still.filter(({ ref }) => refs.has(ref))) {
    const [account, { expiresAt }] = [await tx.accounts.byRef(key.accountRef), key];
    if (account === null || expiresAt === null) continue;
    await tx.alerts.add(expiryMessage({ ...key, expiresAt }, account, now, randomBytes));
    await tx.alerts.setToldExpiry(key.ref, expiresAt);
    messages += 1;
  }
  return messages;
}
