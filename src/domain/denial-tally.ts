import type { CountedDenial } from './store.ts';
import type { Instant } from './utc-day.ts';
import type { DenialCode, Verdict } from './verdict.ts';

/** How many rows with an address and a request id one key gets in one minute; the rest is counted without them. */
const DETAILED_ROWS_PER_KEY_AND_MINUTE = 10;
/** How many keys are told apart in one minute. Beyond it every denial is counted without its details, still under its key. */
const KEYS_PER_MINUTE = 100_000;
const MS_PER_MINUTE = 60_000;

interface Row {
  at: Instant;
  readonly keyId: string | null;
  readonly account: string | null;
  readonly service: string | null;
  readonly code: DenialCode;
  readonly ip: string | null;
  readonly requestId: string | null;
  count: number;
}

/**
 * Counts denied requests in memory until they are stored. The counts by key, service and code are true; the details (address and
 * request id) are kept for a bounded number of rows per key and minute, and unknown keys together count as one key,
 * so that whoever floods the server cannot flood the store. Nobody's clock is read here: every call says when.
 */
export class DenialTally {
  readonly #rows = new Map<string, Row>();
  /** Detailed rows begun in `#minute`, by key; they count on after a `take`, which empties the rows alone. */
  readonly #detailed = new Map<string, number>();
  #minute = 0;

  /** Counts a denied verdict. `ip` is the client's address where it is known. Admitted ones are ignored. */
  add(verdict: Verdict, ip: string | null, at: Instant): void {
    const { code, keyId, account, service, requestId } = verdict;
    if (code === 'ok') return;
    this.#turnTo(Math.floor(at / MS_PER_MINUTE));
    const alike = { at, keyId, account, service, code, count: 1 };
    if (!this.#count({ ...alike, ip, requestId }, false)) this.#count({ ...alike, ip: null, requestId: null }, true);
  }

  /** What was counted since the last call; empties the tally. */
  take(): readonly CountedDenial[] {
    const rows = [...this.#rows.values()];
    this.#rows.clear();
    return rows;
  }

  /** Takes back what could not be stored. Details may be given up for it, counts are not. */
  putBack(denials: readonly CountedDenial[]): void {
    for (const denial of denials) {
      if (!this.#count(denial, this.#rows.size < KEYS_PER_MINUTE)) this.#count({ ...denial, ip: null, requestId: null }, true);
    }
  }

  #turnTo(minute: number): void {
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#detailed.clear();
  }

  /** Adds to the row that is alike, or makes one where `free` or the key's budget of the minute allows it. */
  #count(denial: CountedDenial, free: boolean): boolean {
    const identity = JSON.stringify([
      Math.floor(denial.at / MS_PER_MINUTE),
      denial.keyId,
      denial.account,
      denial.service,
      denial.code,
      denial.ip,
      denial.requestId,
    ]);
    const row = this.#rows.get(identity);
    if (row !== undefined) {
      row.count += denial.count;
      row.at = Math.max(row.at, denial.at);
      return true;
    }
    if (!free && !this.#spendDetail(denial.keyId ?? '')) return false;
    this.#rows.set(identity, { ...denial });
    return true;
  }

  #spendDetail(key: string): boolean {
    const begun = this.#detailed.get(key) ?? 0;
    if (begun >= DETAILED_ROWS_PER_KEY_AND_MINUTE || (begun === 0 && this.#detailed.size >= KEYS_PER_MINUTE)) return false;
    this.#detailed.set(key, begun + 1);
    return true;
  }
}
