import type { Account, Ref, TierFrom } from '../../domain/entities.ts';
import type { AccountFilter, AccountWrites, Page } from '../../domain/store.ts';
import { startOfDay, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { assignments, Conditions, LAST_CHARACTER } from '../clauses.ts';
import { besideHidden, VISIBLE_ACCOUNTS } from './hidden.ts';
import type { Sql } from './sql.ts';

const COLUMNS = 'ref, id, name, external_id AS externalId, created_at AS createdAt, suspended_at AS suspendedAt';
/** The tier of a day: the latest entry of the account's history that is not after it. Takes the day as its parameter. */
export const TIER_ON_DAY =
  '(SELECT tier FROM account_tiers WHERE account_ref = accounts.ref AND from_day <= ? ORDER BY from_day DESC LIMIT 1)';

type AccountRow = Omit<Account, 'tiers'>;

export function accountByRef(sql: Sql, ref: Ref): Account | null {
  const row = sql.get<AccountRow>(`SELECT ${COLUMNS} FROM accounts WHERE ref = ?`, ref);
  return row === undefined ? null : withTiers(sql, row);
}

function withTiers(sql: Sql, row: AccountRow): Account {
  const tiers = sql.all<TierFrom>('SELECT from_day AS "from", tier FROM account_tiers WHERE account_ref = ? ORDER BY from_day', row.ref);
  const { ref, id, name, externalId, createdAt, suspendedAt } = row;
  return { ref, id, name, externalId, createdAt, suspendedAt, tiers: tiers.map(({ from, tier }) => ({ from, tier })) };
}

export class SqliteAccounts implements AccountWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byRef(ref: Ref): Promise<Account | null> {
    return accountByRef(this.#sql, ref);
  }

  /** A look-up in the same process costs little: they are made one by one. */
  async byRefs(refs: readonly Ref[]): Promise<readonly Account[]> {
    return refs.map((ref) => accountByRef(this.#sql, ref)).filter((account) => account !== null);
  }

  async byId(id: string): Promise<Account | null> {
    return this.#one('id = ?', id);
  }

  async byName(name: string): Promise<Account | null> {
    return this.#one('name = ?', name);
  }

  async byExternalId(externalId: string): Promise<Account | null> {
    return this.#one('external_id = ?', externalId);
  }

  async byNamePrefix(prefix: string, limit: number): Promise<readonly Account[]> {
    const rows = this.#sql.all<AccountRow>(
      `SELECT ${COLUMNS} FROM accounts WHERE name >= ? AND name < ? AND ${VISIBLE_ACCOUNTS} ORDER BY name LIMIT ?`,
      ...[prefix, `${prefix}${LAST_CHARACTER}`, limit],
    );
    return rows.map((row) => withTiers(this.#sql, row));
  }

  async page(filter: AccountFilter, page: Page): Promise<readonly Account[]> {
    const rows =
      filter.tier === undefined
        ? this.#sql.all<AccountRow>(
            `SELECT ${COLUMNS} FROM accounts WHERE ref > ? AND ${VISIBLE_ACCOUNTS} ORDER BY ref LIMIT ?`,
            ...[page.after, page.limit],
          )
        : this.#sql.all<AccountRow>(
            // Walks the index of tiers from where the page before ended; IN would collect every account of the tier for each page.
            `SELECT DISTINCT ${COLUMNS} FROM account_tiers held CROSS JOIN accounts ON accounts.ref = held.account_ref
             WHERE held.tier = ? AND held.account_ref > ? AND ${TIER_ON_DAY} = ? AND ${VISIBLE_ACCOUNTS} ORDER BY held.account_ref LIMIT ?`,
            ...[filter.tier.name, page.after, filter.tier.day, filter.tier.name, page.limit],
          );
    return rows.map((row) => withTiers(this.#sql, row));
  }

  async count(filter: AccountFilter): Promise<number> {
    const where = conditions(filter);
    return this.#sql.number(`SELECT count(*) AS n FROM accounts ${where.text}`, ...where.values);
  }

  async lastRef(): Promise<Ref> {
    return this.#sql.number('SELECT max(ref) AS n FROM accounts');
  }

  async countByTier(day: UtcDay): Promise<ReadonlyMap<string, number>> {
    const rows = this.#sql.all<{ tier: string; n: number }>(
      `SELECT ${TIER_ON_DAY} AS tier, count(*) AS n FROM accounts WHERE created_at < ? AND ${VISIBLE_ACCOUNTS} GROUP BY 1`,
      day,
      startOfDay(day + 1),
    );
    return new Map(rows.map((row) => [row.tier, row.n]));
  }

  async countHavingOrAwaiting(tier: string, day: UtcDay): Promise<number> {
    return this.#sql.number(
      `SELECT count(*) AS n FROM accounts WHERE ref IN (SELECT account_ref FROM account_tiers WHERE tier = ?)
         AND (${TIER_ON_DAY} = ? OR EXISTS (SELECT 1 FROM account_tiers WHERE account_ref = accounts.ref AND from_day > ? AND tier = ?))`,
      ...[tier, day, tier, day, tier],
    );
  }

  async countTierChanges(after: UtcDay, until: UtcDay): Promise<number> {
    return this.#sql.number(
      'SELECT count(*) AS n FROM account_tiers WHERE from_day > ? AND from_day <= ? AND decided_at < from_day * 86400000',
      ...[after, until],
    );
  }

  async insert(account: Omit<Account, 'ref' | 'tiers'>, tier: string): Promise<Account> {
    const ref = besideHidden(this.#sql, () =>
      this.#sql.insert(
        'INSERT INTO accounts (id, name, external_id, created_at, suspended_at) VALUES (?, ?, ?, ?, ?)',
        ...[account.id, account.name, account.externalId, account.createdAt, account.suspendedAt],
      ),
    );
    this.#sql.run('INSERT INTO account_tiers VALUES (?, 0, ?, ?)', ref, tier, account.createdAt);
    return { ...account, ref, tiers: [{ from: 0, tier }] };
  }

  async update(ref: Ref, patch: Partial<Pick<Account, 'name' | 'externalId' | 'suspendedAt'>>): Promise<void> {
    const set = assignments({ name: patch.name, external_id: patch.externalId, suspended_at: patch.suspendedAt });
    if (set === null) return;
    besideHidden(this.#sql, () => this.#sql.run(`UPDATE accounts SET ${set.text} WHERE ref = ?`, ...set.values, ref));
  }

  async setTier(ref: Ref, from: UtcDay, tier: string, decidedAt: Instant): Promise<void> {
    this.#sql.run('DELETE FROM account_tiers WHERE account_ref = ? AND from_day >= ?', ref, from);
    this.#sql.run('INSERT INTO account_tiers VALUES (?, ?, ?, ?)', ref, from, tier, decidedAt);
  }

  async dropTiersAfter(ref: Ref, day: UtcDay): Promise<void> {
    this.#sql.run('DELETE FROM account_tiers WHERE account_ref = ? AND from_day > ?', ref, day);
  }

  #one(clause: string, value: string): Account | null {
    const row = this.#sql.get<AccountRow>(`SELECT ${COLUMNS} FROM accounts WHERE ${clause} AND ${VISIBLE_ACCOUNTS}`, value);
    return row === undefined ? null : withTiers(this.#sql, row);
  }
}

function conditions(filter: AccountFilter): Conditions {
  const where = new Conditions().add(VISIBLE_ACCOUNTS);
  if (filter.tier !== undefined) {
    // The index of tiers narrows the search before the history decides.
    where.add('ref IN (SELECT account_ref FROM account_tiers WHERE tier = ?)', filter.tier.name);
    where.add(`${TIER_ON_DAY} = ?`, filter.tier.day, filter.tier.name);
  }
  return where;
}
