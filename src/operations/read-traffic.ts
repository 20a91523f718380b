import type { DebitNumber } from '../domain/debit.ts';
import type { Debit, Denial, DenialFilter, ReadTransaction, Store } from '../domain/store.ts';
import { findAccount } from './find-account.ts';
import { findKey, type KeyReference } from './find-key.ts';

const PAGE = 500;
/** Counting stops here: on a terminal nobody needs to know how many more millions there are. */
const MOST_COUNTED = 100_000;

/** What a reader asks for, before it is looked up. */
export interface WantedTraffic extends Omit<DenialFilter, 'accountRef' | 'keyRef'> {
  readonly account: string | undefined;
  readonly key: KeyReference | undefined;
}

/** Looks up account and key. Deleted keys are found by their id. Throws `not_found` or `ambiguous`. */
export function trafficFilter(store: Store, { account, key, ...rest }: WantedTraffic): Promise<DenialFilter> {
  return store.read(async (tx) => ({
    ...rest,
    ...(account === undefined ? {} : { accountRef: (await findAccount(tx, account)).ref }),
    ...(key === undefined ? {} : { keyRef: (await findKey(tx, key)).ref }),
  }));
}

/** One kind of recorded traffic, with the ways in which it can be read. */
export interface Traffic<Row> {
  /** Newest first. */
  page(tx: ReadTransaction, filter: DenialFilter, before: Row | null, limit: number): Promise<readonly Row[]>;
  /** In the order in which they were stored. */
  since(tx: ReadTransaction, filter: DenialFilter, after: number, limit: number): Promise<readonly Row[]>;
  count(tx: ReadTransaction, filter: DenialFilter, most: number): Promise<number>;
  numberOf(row: Row): number;
}

export const DEBITS: Traffic<Debit> = {
  page: (tx, filter, before, limit) => tx.debits.page(filter, before?.number ?? null, limit),
  since: (tx, filter, after, limit) => tx.debits.since(filter, after, limit),
  count: (tx, filter, most) => tx.debits.count(filter, most),
  numberOf: (debit): DebitNumber => debit.number,
};

export const DENIALS: Traffic<Denial> = {
  page: (tx, filter, before, limit) => tx.usage.denials(filter, limit, before),
  since: (tx, filter, after, limit) => tx.usage.denialsSince(filter, after, limit),
  count: (tx, filter, most) => tx.usage.countDenials(filter, most),
  numberOf: (denial) => denial.number,
};

/** Newest first, at most `most` rows, page by page, so that memory stays flat and no long reader holds back the log. */
export async function* readTraffic<Row>(store: Store, traffic: Traffic<Row>, filter: DenialFilter, most: number): AsyncGenerator<Row> {
  let before: Row | null = null;
  for (let left = most; left > 0;) {
    const limit = Math.min(PAGE, left);
    const cursor: Row | null = before;
    const page: readonly Row[] = await store.read((tx) => traffic.page(tx, filter, cursor, limit));
    yield* page;
    before = page.at(-1) ?? null;
    left -= page.length;
    if (page.length < limit) return;
  }
}

/** How many rows there are, or undefined for more than anybody counts. */
export async function countTraffic<Row>(store: Store, traffic: Traffic<Row>, filter: DenialFilter): Promise<number | undefined> {
  const count = await store.read((tx) => traffic.count(tx, filter, MOST_COUNTED));
  return count < MOST_COUNTED ? count : undefined;
}

/**
 * Rows as they come, oldest first: the last `past` ones first, or, where the filter has a beginning, everything from there on.
 * `pause` waits before the store is asked again, and answers false when it is time to stop.
 */
export async function* followTraffic<Row>(
  store: Store,
  traffic: Traffic<Row>,
  filter: DenialFilter,
  past: number,
  pause: () => Promise<boolean>,
): AsyncGenerator<Row> {
  const { shown, newest } = await store.read(async (tx) => ({
    newest: filter.since === undefined ? await newestNumber(tx, traffic) : 0,
    shown: filter.since === undefined ? await traffic.page(tx, filter, null, past) : [],
  }));
  yield* shown.toReversed();
  let after = newest;
  do {
    for (;;) {
      const cursor: number = after;
      const page = await store.read((tx) => traffic.since(tx, filter, cursor, PAGE));
      yield* page;
      const last = page.at(-1);
      after = last === undefined ? after : traffic.numberOf(last);
      if (page.length < PAGE) break;
    }
  } while (await pause());
}

/** Several servers store their denials, each in its own second, so that the newest by time need not be the one stored last. */
async function newestNumber<Row>(tx: ReadTransaction, traffic: Traffic<Row>): Promise<number> {
  let last = (await traffic.page(tx, {}, null, 1))[0];
  let number = 0;
  while (last !== undefined) {
    number = traffic.numberOf(last);
    last = (await traffic.since(tx, {}, number, PAGE)).at(-1);
  }
  return number;
}
