import type { CreditsFrom, Tier } from '../../domain/entities.ts';
import type { RateLimit } from '../../domain/rate-limit.ts';
import type { TierWrites } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

interface Credits extends CreditsFrom {
  readonly tier: string;
}

interface Limit extends RateLimit {
  readonly tier: string;
  readonly service: string;
}

/** Tiers by their names, in the order of these, deleted ones too; names that there are not are left out. */
export async function tiersByName(sql: Sql, names: readonly string[]): Promise<readonly Tier[]> {
  if (names.length === 0) return [];
  const credits = await sql.all<Credits>(
    'SELECT tier, from_day AS "from", credits FROM tier_credits WHERE tier = ANY(?) ORDER BY tier, from_day',
    names,
  );
  const limits = await sql.all<Limit>('SELECT * FROM tier_limits WHERE tier = ANY(?) ORDER BY tier, service', names);
  return names.flatMap((name) => {
    const history = credits.filter(({ tier }) => tier === name).map(({ from, credits: amount }) => ({ from, credits: amount }));
    const own = limits.filter(({ tier }) => tier === name);
    const byService = own.map(({ service, requestsPerSecond, burst }) => [service, { requestsPerSecond, burst }] as const);
    // Every tier that there is has credits from the beginning of time.
    return history.length === 0 ? [] : [{ name, credits: history, limits: new Map(byService) }];
  });
}

export class PostgresTiers implements TierWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byName(name: string): Promise<Tier | null> {
    return (await tiersByName(this.#sql, [name]))[0] ?? null;
  }

  async all(): Promise<readonly Tier[]> {
    const rows = await this.#sql.all<{ name: string }>('SELECT name FROM tiers WHERE deleted_at IS NULL ORDER BY name');
    return tiersByName(
      this.#sql,
      rows.map(({ name }) => name),
    );
  }

  countNamingService(service: string): Promise<number> {
    const text = 'SELECT count(*) FROM tier_limits WHERE service = ? AND tier IN (SELECT name FROM tiers WHERE deleted_at IS NULL)';
    return this.#sql.number(text, service);
  }

  async insert(name: string, credits: number, from: UtcDay): Promise<void> {
    if ((await this.#sql.run('UPDATE tiers SET deleted_at = NULL WHERE name = ? AND deleted_at IS NOT NULL', name)) === 1) {
      await this.setCredits(name, from, credits);
      await this.setLimits(name, new Map());
      return;
    }
    await this.#sql.run('INSERT INTO tiers (name) VALUES (?)', name);
    await this.#sql.run('INSERT INTO tier_credits VALUES (?, 0, ?)', name, credits);
  }

  async setCredits(name: string, from: UtcDay, credits: number): Promise<void> {
    await this.#sql.run('DELETE FROM tier_credits WHERE tier = ? AND from_day >= ?', name, from);
    await this.#sql.run('INSERT INTO tier_credits VALUES (?, ?, ?)', name, from, credits);
  }

  async setLimits(name: string, limits: ReadonlyMap<string, RateLimit>): Promise<void> {
    await this.#sql.run('DELETE FROM tier_limits WHERE tier = ?', name);
    for (const [service, limit] of limits) {
      await this.#sql.run('INSERT INTO tier_limits VALUES (?, ?, ?, ?)', name, service, limit.requestsPerSecond, limit.burst);
    }
  }

  async delete(name: string, at: Instant): Promise<void> {
    await this.#sql.run('UPDATE tiers SET deleted_at = ? WHERE name = ?', at, name);
  }
}
