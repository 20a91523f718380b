import type { Account, Ref, TierFrom } from '../../domain/entities.ts';
import type { AccountFilter, AccountWrites, Page } from '../../domain/store.ts';
import { startOfDay, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { assignments, Conditions, LAST_CHARACTER } from '../clauses.ts';
import { besideHidden, VISIBLE_ACCOUNTS } from './hidden.ts';
import type { Sql } from './sql.ts';

const COLUMNS = 'ref, id, name, external_id, created_at, suspended_at';
/** The tier of a day: the latest entry of the account's history that is not after it. Takes the day as its parameter. */
export const TIER_ON_DAY =
  '(SELECT tier FROM account_tiers WHERE account_ref = accounts.ref AND from_day <= ? ORDER BY from_day DESC LIMIT 1)';

type AccountRow = Omit<Account, 'tiers'>;

/** Accounts with their tiers, whatever their number in one question; in the order of the rows. */
async function withTiers(sql: Sql, rows: readonly AccountRow[]): Promise<readonly Account[]> {
  if (rows.length === 0) return [];
  const entries = await sql.all<TierFrom & { readonly accountRef: Ref }>(
    'SELECT account_ref, from_day AS "from", tier FROM account_tiers WHERE account_ref = ANY(?) ORDER BY account_ref, from_day',
    rows.map(({ ref }) => ref),
  );
  const tiers = new Map<Ref, TierFrom[]>(rows.map(({ ref }) => [ref, []]));
  for (const { accountRef, from, tier } of entries) tiers.get(accountRef)?.push({ from, tier });
  return rows.map((row) => ({ ...row, tiers: tiers.get(row.ref) ?? [] }));
}

/** Those of the accounts that there are. */
export async function accountsByRef(sql: Sql, refs: readonly Ref[]): Promise<readonly Account[]> {
  return withTiers(sql, await sql.all<AccountRow>(`SELECT ${COLUMNS} FROM accounts WHERE ref = ANY(?)`, refs));
}

export class PostgresAccounts implements AccountWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byRef(ref: Ref): Promise<Account | null> {
    return (await accountsByRef(this.#sql, [ref]))[0] ?? null;
  }

  byRefs(refs: readonly Ref[]): Promise<readonly Account[]> {
    return accountsByRef(this.#sql, refs);
  }

  byId(id: string): Promise<Account | null> {
    return this.#one('id = ?', id);
  }

  byName(name: string): Promise<Account | null> {
    return this.#one('name = ?', name);
  }

  byExternalId(externalId: string): Promise<Account | null> {
    return this.#one('external_id = ?', externalId);
  }

  byNamePrefix(prefix: string, limit: number): Promise<readonly Account[]> {
    const range = [prefix, `${prefix}${LAST_CHARACTER}`, limit];
    return this.#where(`name >= ? AND name < ? AND ${VISIBLE_ACCOUNTS} ORDER BY name LIMIT ?`, ...range);
  }

  page(filter: AccountFilter, { after, limit }: Page): Promise<readonly Account[]> {
    if (filter.tier === undefined) return this.#where(`ref > ? AND ${VISIBLE_ACCOUNTS} ORDER BY ref LIMIT ?`, after, limit);
    const { name, day } = filter.tier;
    // Walks the index of tiers from where the page before ended.
    return this.#where(
      `ref > ? AND ref IN (SELECT account_ref FROM account_tiers WHERE tier = ? AND account_ref > ?) AND ${TIER_ON_DAY} = ?
         AND ${VISIBLE_ACCOUNTS} ORDER BY ref LIMIT ?`,
      ...[after, name, after, day, name, limit],
    );
  }

  count(filter: AccountFilter): Promise<number> {
    const where = new Conditions().add(VISIBLE_ACCOUNTS);
    if (filter.tier !== undefined) {
      const { name, day } = filter.tier;
      // The index of tiers narrows the search before the history decides.
      where.add(`ref IN (SELECT account_ref FROM account_tiers WHERE tier = ?) AND ${TIER_ON_DAY} = ?`, name, day, name);
    }
    return this.#sql.number(`SELECT count(*) FROM accounts ${where.text}`, ...where.values);
  }

  lastRef(): Promise<Ref> {
    return this.#sql.number('SELECT max(ref) FROM accounts');
  }

  async countByTier(day: UtcDay): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#sql.all<{ tier: string; n: number }>(
      `SELECT ${TIER_ON_DAY} AS tier, count(*) AS n FROM accounts WHERE created_at < ? AND ${VISIBLE_ACCOUNTS} GROUP BY 1`,
      ...[day, startOfDay(day + 1)],
    );
    return new Map(rows.map((row) => [row.tier, row.n]));
  }

  countHavingOrAwaiting(tier: string, day: UtcDay): Promise<number> {
    return this.#sql.number(
      `SELECT count(*) FROM accounts WHERE ref IN (SELECT account_ref FROM account_tiers WHERE tier = ?)
         AND (${TIER_ON_DAY} = ? OR EXISTS (SELECT 1 FROM account_tiers WHERE account_ref = accounts.ref AND from_day > ? AND tier = ?))`,
      ...[tier, day, tier, day, tier],
    );
  }

  countTierChanges(after: UtcDay, until: UtcDay): Promise<number> {
    return this.#sql.number(
      'SELECT count(*) FROM account_tiers WHERE from_day > ? AND from_day <= ? AND decided_at < from_day * 86400000',
      ...[after, until],
    );
  }

  async insert(account: Omit<Account, 'ref' | 'tiers'>, tier: string): Promise<Account> {
    // Counted on from the last one, which a sequence would not do after a transaction that was taken back: refs are walked through in ranges.
    const ref = await besideHidden(this.#sql, () =>
      this.#sql.number(
        `INSERT INTO accounts (ref, id, name, external_id, created_at, suspended_at)
         VALUES ((SELECT coalesce(max(ref), 0) + 1 FROM accounts), ?, ?, ?, ?, ?) RETURNING ref`,
        ...[account.id, account.name, account.externalId, account.createdAt, account.suspendedAt],
      ),
    );
    await this.#sql.run('INSERT INTO account_tiers VALUES (?, 0, ?, ?)', ref, tier, account.createdAt);
    return { ...account, ref, tiers: [{ from: 0, tier }] };
  }

  async update(ref: Ref, patch: Partial<Pick<Account, 'name' | 'externalId' | 'suspendedAt'>>): Promise<void> {
    const set = assignments({ name: patch.name, external_id: patch.externalId, suspended_at: patch.suspendedAt });
    if (set === null) return;
    await besideHidden(this.#sql, () => this.#sql.run(`UPDATE accounts SET ${set.text} WHERE ref = ?`, ...set.values, ref));
  }

  async setTier(ref: Ref, from: UtcDay, tier: string, decidedAt: Instant): Promise<void> {
    await this.#sql.run('DELETE FROM account_tiers WHERE account_ref = ? AND from_day >= ?', ref, from);
    await this.#sql.run('INSERT INTO account_tiers VALUES (?, ?, ?, ?)', ref, from, tier, decidedAt);
  }

  async dropTiersAfter(ref: Ref, day: UtcDay): Promise<void> {
    await this.#sql.run('DELETE FROM account_tiers WHERE account_ref = ? AND from_day > ?', ref, day);
  }

  async #one(clause: string, value: string): Promise<Account | null> {
    return (await this.#where(`${clause} AND ${VISIBLE_ACCOUNTS}`, value))[0] ?? null;
  }

  async #where(clause: string, ...values: (string | number)[]): Promise<readonly Account[]> {
    return withTiers(this.#sql, await this.#sql.all<AccountRow>(`SELECT ${COLUMNS} FROM accounts WHERE ${clause}`, ...values));
  }
}
