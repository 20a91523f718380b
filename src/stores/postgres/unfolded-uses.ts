import type { DebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import type { KeyUse } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import type { Horizon } from './horizon.ts';
import type { Sql } from './sql.ts';

/** So many debits are soon added up each time; with more of them they are added up once and kept. */
const FEW = 10_000;
/** How many are added up in one statement, so that its answer is no larger. */
const PORTION = 50_000;

/** Where to begin, and how many debits there are from there on, counted no further than to be many. */
const LOOK = `SELECT folded_through, (SELECT count(*) FROM (SELECT FROM debits
    WHERE number > CASE folded_through WHEN ? THEN ? ELSE folded_through END LIMIT ${String(FEW + 1)}) d) AS waiting
  FROM state WHERE one = 1`;

const ADD_UP = `WITH next AS MATERIALIZED (
    SELECT number, at, key_ref, cost FROM debits WHERE number > ? AND number <= ? ORDER BY number LIMIT ${String(PORTION)})
  SELECT key_ref, at / 86400000 AS day, count(*) AS requests, sum(cost) AS credits, max(at) AS last_at, max(max(number)) OVER () AS through
  FROM next GROUP BY 1, 2`;

interface Use {
  readonly day: UtcDay;
  readonly requests: number;
  readonly credits: number;
  readonly lastAt: Instant;
}

interface Sum extends Use {
  readonly keyRef: Ref | null;
  readonly through: DebitNumber;
}

/**
 * What the debits that no row of usage holds yet say of each key. While nobody folds them they grow in number, and each page of a list would
 * add them all up again: they are kept, and only those that came since are read. Once some of them are folded all of it begins anew.
 */
export class UnfoldedUses {
  readonly #sql: Sql;
  readonly #horizon: Horizon;
  readonly #found = new Map<Ref, Use[]>();
  #folded: DebitNumber = 0;
  #through: DebitNumber = 0;

  constructor(sql: Sql, horizon: Horizon) {
    this.#sql = sql;
    this.#horizon = horizon;
  }

  /** Returns the last debit that is added up here; of those behind it there are only few, whom the caller reads. */
  async follow(): Promise<DebitNumber> {
    const look = await this.#sql.get<{ foldedThrough: DebitNumber; waiting: number }>(LOOK, this.#folded, this.#through);
    if (look === undefined) throw new RangeError('a store without its state row');
    if (look.foldedThrough !== this.#folded) {
      this.#found.clear();
      this.#folded = this.#through = look.foldedThrough;
    }
    if (look.waiting > FEW) await this.#addUp(this.#horizon.settledThrough());
    return this.#through;
  }

  /** No further than every debit is there: one of another node may still become visible behind those that are. */
  async #addUp(end: DebitNumber): Promise<void> {
    while (this.#through < end) {
      const sums = await this.#sql.all<Sum>(ADD_UP, this.#through, end);
      for (const { keyRef, through, ...use } of sums) {
        this.#through = through;
        if (keyRef !== null) this.#found.set(keyRef, [...(this.#found.get(keyRef) ?? []), use]);
      }
      if (sums.length === 0) return;
    }
  }

  /** What was used besides, with what is added up here. */
  with(ref: Ref, used: KeyUse, day: UtcDay): KeyUse {
    let { requests, credits, lastUsedAt } = used;
    for (const use of this.#found.get(ref) ?? []) {
      lastUsedAt = Math.max(lastUsedAt ?? 0, use.lastAt);
      if (use.day !== day) continue;
      requests += use.requests;
      credits += use.credits;
    }
    return { requests, credits, lastUsedAt };
  }
}
