import type { ReadTransaction } from '../domain/store.ts';
import { MS_PER_SECOND, type Instant } from '../domain/utc-day.ts';

/** Long enough that a quiet customer is seen, short enough that it is the present. */
const WINDOW_MS = 10_000;
/** Above 5,000 requests a second the newest of them are enough to tell how many come. */
const MOST_DEBITS = 50_000;
const HOTTEST = 8;

export interface HotKey {
  readonly account: string;
  /** The key's id and name; null for what is charged without a key. */
  readonly key: string | null;
  readonly keyName: string | null;
  readonly requestsPerSecond: number;
}

/** How fast requests come in, by what was admitted in the last seconds. */
export interface Pace {
  /** Over how many seconds it was counted. */
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly creditsPerSecond: number;
  /** The keys with the most requests, most first. */
  readonly keys: readonly HotKey[];
}

/** Reads the newest debits only, a bounded number of them, however many there are. */
export async function currentPace(tx: ReadTransaction, now: Instant): Promise<Pace> {
  const found = await tx.debits.pace(now - WINDOW_MS, MOST_DEBITS, HOTTEST);
  const isCut = found.requests >= MOST_DEBITS && found.since !== null;
  const seconds = (isCut ? Math.max(1, now - found.since) : WINDOW_MS) / MS_PER_SECOND;
  const keys: HotKey[] = [];
  for (const { accountRef, keyRef, requests } of found.keys) {
    const [account, key] = [await tx.accounts.byRef(accountRef), keyRef === null ? null : await tx.keys.byRef(keyRef)];
    if (account === null) continue;
    keys.push({ account: account.name, key: key?.id ?? null, keyName: key?.name ?? null, requestsPerSecond: rate(requests, seconds) });
  }
  return { seconds, requestsPerSecond: rate(found.requests, seconds), creditsPerSecond: rate(found.credits, seconds), keys };
}

/** To a tenth. */
function rate(count: number, seconds: number): number {
  return Math.round((count / seconds) * 10) / 10;
}
