import type { DebitNumber } from '../../domain/debit.ts';
import type { Ref } from '../../domain/entities.ts';
import { dayOfHour, hourOf, type Instant, type UtcHour } from '../../domain/utc-day.ts';
import { rolledUpNow } from './daily-usage.ts';
import type { JournalEntry } from './running-rows.ts';
import type { Sql } from './sql.ts';

/** What debits add to the usage of one hour, account, key (0 for none) and service. */
export interface Use {
  readonly hour: UtcHour;
  readonly accountRef: Ref;
  readonly keyRef: Ref;
  readonly serviceRef: Ref;
  requests: number;
  credits: number;
  lastAt: Instant;
  /** The last debit among them. */
  through: DebitNumber;
}

/** Sums of debits by hour, account, key and service. */
export class Uses {
  // By key, and by account for charges without one: the few services and hours of each are found by looking at all of them.
  readonly #found = new Map<Ref, Use[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#found.clear();
    this.#size = 0;
  }

  /** The sum that the debit belongs to; a new one is empty. */
  of({ at, accountRef, keyRef, serviceRef }: Pick<JournalEntry, 'at' | 'accountRef' | 'keyRef' | 'serviceRef'>): Use {
    const hour = hourOf(at);
    const by = keyRef ?? -accountRef;
    const known = this.#found.get(by);
    if (known !== undefined) {
      for (const use of known) if (use.serviceRef === serviceRef && use.hour === hour) return use;
    }
    const use = { hour, accountRef, keyRef: keyRef ?? 0, serviceRef, requests: 0, credits: 0, lastAt: 0, through: 0 };
    if (known === undefined) this.#found.set(by, [use]);
    else known.push(use);
    this.#size += 1;
    return use;
  }

  add(debit: Pick<JournalEntry, 'number' | 'at' | 'accountRef' | 'keyRef' | 'serviceRef' | 'cost'>): void {
    const use = this.of(debit);
    use.requests += 1;
    use.credits += debit.cost;
    use.lastAt = Math.max(use.lastAt, debit.at);
    use.through = debit.number;
  }

  /** The sums in the order of the tables that they go to, so that neighbours are written one after the other. */
  sorted(): Use[] {
    return [...this.#found.values()]
      .flat()
      .sort(
        (one, other) =>
          one.hour - other.hour || one.accountRef - other.accountRef || one.keyRef - other.keyRef || one.serviceRef - other.serviceRef,
      );
  }
}

/** Adds the sums to the stored usage. */
export function writeUses(sql: Sql, uses: readonly Use[]): void {
  if (uses.length === 0) return;
  const rolledUp = rolledUpNow(sql);
  for (const use of uses) {
    const { hour, accountRef, keyRef, serviceRef, requests, credits, lastAt, through } = use;
    sql.run(
      `INSERT INTO usage_hours VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hour, account_ref, key_ref, service_ref) DO UPDATE
       SET requests = requests + excluded.requests, credits = credits + excluded.credits, last_at = max(last_at, excluded.last_at),
         through = excluded.through`,
      ...[hour, accountRef, keyRef, serviceRef, requests, credits, lastAt, through],
    );
    if (rolledUp(dayOfHour(hour), accountRef)) addToDay(sql, use);
  }
}

/** Adds to a day that is rolled up already what its hours have just been given. */
function addToDay(sql: Sql, { hour, accountRef, keyRef, serviceRef, requests, credits, lastAt }: Use): void {
  sql.run(
    `INSERT INTO usage_days VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, account_ref, key_ref, service_ref) DO UPDATE
     SET requests = requests + excluded.requests, credits = credits + excluded.credits`,
    ...[dayOfHour(hour), accountRef, keyRef, serviceRef, requests, credits],
  );
  if (keyRef === 0) return;
  const text =
    'INSERT INTO key_activity VALUES (?, ?) ON CONFLICT (key_ref) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)';
  sql.run(text, keyRef, lastAt);
}

/** The last debit that the stored usage holds of these; 0 for none. */
export function storedThrough(sql: Sql, { hour, accountRef, keyRef, serviceRef }: Use): DebitNumber {
  const text = 'SELECT through AS n FROM usage_hours WHERE hour = ? AND account_ref = ? AND key_ref = ? AND service_ref = ?';
  return sql.number(text, hour, accountRef, keyRef, serviceRef);
}

/** Debits that usage does not hold yet, as a table: those that it will be found to hold when it is folded are left out. */
export const UNFOLDED = `(SELECT d.* FROM debits d WHERE d.number > (SELECT folded_through FROM state) AND d.number > ifnull((SELECT through
  FROM usage_hours u WHERE u.hour = d.at / 3600000 AND u.account_ref = d.account_ref AND u.key_ref = ifnull(d.key_ref, 0)
  AND u.service_ref = d.service_ref), 0))`;
