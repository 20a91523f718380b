import type { Account, Key, Ref, TierFrom, VerifiedKey } from '../../domain/entities.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import type { Connection } from './connection.ts';
import { VISIBLE_KEYS } from './hidden.ts';
import { list } from './keys.ts';

/** Whose an API key is: what a verification has to know of the key and of its account. */
export interface Identity {
  /** SHA-256 of the secret, in hex. */
  readonly digest: string;
  readonly key: VerifiedKey;
  readonly account: Account;
}

/** One row for each entry in the history of the account's tiers. */
const COLUMNS = `keys.ref, keys.id, keys.name, environment, keys.created_at, expires_at, disabled_at, disabled_reason, deleted_at, rotated_to,
    services, allowed_ips, daily_cap, cap_group, encode(digest, 'hex'),
    accounts.ref, accounts.id, accounts.name, external_id, accounts.created_at, suspended_at, from_day, tier
  FROM keys JOIN accounts ON accounts.ref = keys.account_ref JOIN account_tiers ON account_tiers.account_ref = accounts.ref`;
const BY_DIGEST = `SELECT ${COLUMNS} WHERE digest = ANY($1::bytea[]) AND ${VISIBLE_KEYS} ORDER BY keys.ref, from_day`;
const BY_REF = `SELECT ${COLUMNS} WHERE keys.ref = ANY($1::bigint[]) ORDER BY keys.ref, from_day`;

type Columns = [
  ...[ref: Ref, id: string, name: string, environment: string, createdAt: Instant, expiresAt: Instant | null],
  ...[disabledAt: Instant | null, disabledReason: string | null, deletedAt: Instant | null, rotatedTo: string | null],
  ...[services: string, allowedIps: string, dailyCap: number | null, capGroup: Ref, digest: string],
  ...[accountRef: Ref, accountId: string, account: string, externalId: string | null, accountSince: Instant, suspendedAt: Instant | null],
  ...[fromDay: UtcDay, tier: string],
];

/** So many different ones at most are worth remembering. */
const MOST_DIFFERENT = 1_000;

/** Finds keys by the digests of their secrets, or by their refs. What thousands of them have in common they share in memory. */
export class Identities {
  readonly #connection: Connection;
  readonly #words = new Map<string, string>();
  readonly #histories = new Map<string, readonly TierFrom[]>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async byDigests(digests: readonly string[]): Promise<readonly Identity[]> {
    const hex = `{${digests.map((digest) => `"\\\\x${digest}"`).join()}}`;
    return this.#grouped((await this.#connection.ask(BY_DIGEST, [hex], 'keys_by_digest')).rows as Columns[]);
  }

  async byRefs(refs: readonly Ref[]): Promise<readonly Identity[]> {
    return this.#grouped((await this.#connection.ask(BY_REF, [refs], 'keys_by_ref')).rows as Columns[]);
  }

  forget(): void {
    this.#words.clear();
    this.#histories.clear();
  }

  #grouped(rows: readonly Columns[]): readonly Identity[] {
    const byKey = new Map<Ref, Columns[]>();
    for (const row of rows) {
      const known = byKey.get(row[0]);
      if (known === undefined) byKey.set(row[0], [row]);
      else known.push(row);
    }
    return [...byKey.values()].map((ofKey) => this.#identity(ofKey));
  }

  #identity(rows: readonly Columns[]): Identity {
    const [row] = rows;
    if (row === undefined) throw new RangeError('a key without a row');
    const [ref, id, name, environment, createdAt, expiresAt, disabledAt, disabledReason, deletedAt, rotatedTo] = row;
    const [, , , , , , , , , , services, allowedIps, dailyCap, capGroup, digest, accountRef, accountId, account, externalId] = row;
    const [, , , , , , , , , , , , , , , , , , , accountSince, suspendedAt] = row;
    const key: Omit<Key, 'digest' | 'mask' | 'note' | 'rotatedFrom'> = {
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
    };
    const tiers = this.#tiers(rows);
    return {
      digest,
      key,
      account: { ref: accountRef, id: accountId, name: account, externalId, createdAt: accountSince, suspendedAt, tiers },
    };
  }

  #word(text: string): string {
    return remembered(this.#words, text, () => text);
  }

  #tiers(rows: readonly Columns[]): readonly TierFrom[] {
    const tiers = rows.map((row) => ({ from: row[21], tier: row[22] }));
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
