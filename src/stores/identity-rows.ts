import type { Account, Ref, TierFrom, VerifiedKey } from '../domain/entities.ts';
import type { Instant, UtcDay } from '../domain/utc-day.ts';
import { list } from './key-columns.ts';

/** Whose an API key is: what a verification has to know of the key and of its account. */
export interface Identity {
  readonly key: VerifiedKey;
  readonly account: Account;
}

/** What is read of an identity: one row for each entry in the history of the account's tiers, the earliest first. */
export const IDENTITY_COLUMNS = `keys.ref, keys.id, keys.name, environment, keys.created_at, expires_at, disabled_at, disabled_reason, deleted_at, rotated_to,
    services, allowed_ips, daily_cap, cap_group,
    accounts.ref, accounts.id, accounts.name, external_id, accounts.created_at, suspended_at, from_day, tier`;

export type IdentityRow = [
  ...[ref: Ref, id: string, name: string, environment: string, createdAt: Instant, expiresAt: Instant | null],
  ...[disabledAt: Instant | null, disabledReason: string | null, deletedAt: Instant | null, rotatedTo: string | null],
  ...[services: string, allowedIps: string, dailyCap: number | null, capGroup: Ref],
  ...[accountRef: Ref, accountId: string, account: string, externalId: string | null, accountSince: Instant, suspendedAt: Instant | null],
  ...[fromDay: UtcDay, tier: string],
];

/** A row may have more behind it, which is the store's own. */
type Columns = readonly [...IdentityRow, ...unknown[]];

/** So many different ones at most are worth remembering. */
const MOST_DIFFERENT = 1_000;

/** Makes identities of rows. What thousands of them have in common they share in memory. */
export class IdentityRows {
  readonly #words = new Map<string, string>();
  readonly #histories = new Map<string, readonly TierFrom[]>();

  /** The rows of one key, of which the first is given by itself. */
  identity(row: Columns, rows: readonly Columns[]): Identity {
    const [ref, id, name, environment, createdAt, expiresAt, disabledAt, disabledReason, deletedAt, rotatedTo] = row;
    const [, , , , , , , , , , services, allowedIps, dailyCap, capGroup, accountRef, accountId, account, externalId] = row;
    const [, , , , , , , , , , , , , , , , , , accountSince, suspendedAt] = row;
    return {
      key: {
        ref,
        id,
        accountRef,
        name: this.#word(name),
        environment: this.#word(environment),
        createdAt,
        expiresAt,
        disabledAt,
        disabledReason,
        deletedAt,
        rotatedTo,
        services: list(services),
        allowedIps: list(allowedIps),
        dailyCap,
        capGroup,
      },
      account: {
        ref: accountRef,
        id: accountId,
        name: account,
        externalId,
        createdAt: accountSince,
        suspendedAt,
        tiers: this.#tiers(rows),
      },
    };
  }

  forget(): void {
    this.#words.clear();
    this.#histories.clear();
  }

  #word(text: string): string {
    return remembered(this.#words, text, () => text);
  }

  #tiers(rows: readonly Columns[]): readonly TierFrom[] {
    const tiers = rows.map((row) => ({ from: row[20], tier: row[21] }));
    return remembered(this.#histories, tiers.map(({ from, tier }) => `${String(from)} ${tier}`).join(), () => tiers);
  }
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    if (known.size < MOST_DIFFERENT) known.set(key, value);
  }
  return value;
}
