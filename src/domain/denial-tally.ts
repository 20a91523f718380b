import type { CountedDenial } from './store.ts';
import { hourOf, type Instant } from './utc-day.ts';
import type { Verdict } from './verdict.ts';

/** How many rows with an address or a request id one key may begin in a minute; the rest is counted without them. */
const DETAILED_ROWS_PER_KEY_AND_MINUTE = 10;
/** How many keys have details in one minute, and how many rows with details wait to be stored. */
const DETAILED_KEYS_PER_MINUTE = 10_000;
const WAITING_ROWS = 20_000;
const MS_PER_MINUTE = 60_000;

/**
 * Counts denied requests in memory until they are stored. The counts by key, service and code are always true; details (address and
 * request id) are kept for a bounded number of rows per key and minute. Unknown keys together count as one key, so that
 * whoever floods the server cannot flood the store. No clock is read here: every call says when.
 */
export class DenialTally {
  #rows = new Map<string, CountedDenial>();
  /** Rows with details begun in `#minute`, by key. They stay counted when the rows are taken. */
  readonly #begun = new Map<string | null, number>();
  #minute = 0;

  /** Counts a denied verdict. `ip` is the client's address where it is known. An admission is ignored. */
  add(verdict: Verdict, ip: string | null, at: Instant): void {
    const { code, keyId, account, service, requestId } = verdict;
    if (code !== 'ok') this.#count({ at, keyId, account, service, code, ip, requestId, count: 1 }, false);
  }

  /** What was counted since the last call; empties the tally. */
  take(): readonly CountedDenial[] {
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    return rows;
  }

  /** Takes back what could not be stored. Where too much waits already, the details are given up for the counts. */
  putBack(denials: readonly CountedDenial[]): void {
    for (const denial of denials) this.#count(denial, true);
  }

  #count(denial: CountedDenial, paid: boolean): void {
    const detailed = denial.ip !== null || denial.requestId !== null;
    const { at, keyId, account, service, code, ip, requestId } = denial;
    const identity = JSON.stringify([detailed ? Math.floor(at / MS_PER_MINUTE) : hourOf(at), keyId, account, service, code, ip, requestId]);
    const row = this.#rows.get(identity);
    if (row !== undefined) {
      this.#rows.set(identity, { ...row, at: Math.max(row.at, at), count: row.count + denial.count });
    } else if (!detailed || (this.#rows.size < WAITING_ROWS && (paid || this.#begin(keyId, Math.floor(at / MS_PER_MINUTE))))) {
      this.#rows.set(identity, denial);
    } else {
      this.#count({ ...denial, ip: null, requestId: null }, paid);
    }
  }

  /** Begins a row with details, unless the key or the minute has had its share. */
  #begin(keyId: string | null, minute: number): boolean {
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#begun.clear();
    }
    const begun = this.#begun.get(keyId) ?? 0;
    if (begun === DETAILED_ROWS_PER_KEY_AND_MINUTE || (begun === 0 && this.#begun.size === DETAILED_KEYS_PER_MINUTE)) return false;
    this.#begun.set(keyId, begun + 1);
    return true;
  }
}
