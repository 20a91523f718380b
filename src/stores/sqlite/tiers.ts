import type { CreditsFrom, Tier } from '../../domain/entities.ts';
import type { RateLimit } from '../../domain/rate-limit.ts';
import type { TierWrites } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

export function tierByName(sql: Sql, name: string): Tier | null {
  if (sql.get('SELECT name FROM tiers WHERE name = ?', name) === undefined) return null;
  const credits = sql.all<CreditsFrom>('SELECT from_day AS "from", credits FROM tier_credits WHERE tier = ? ORDER BY from_day', name);
  const limits = sql.all<RateLimit & { service: string }>(
    'SELECT service, requests_per_second AS requestsPerSecond, burst FROM tier_limits WHERE tier = ? ORDER BY service',
    name,
  );
  return { name, credits, limits: new Map(limits.map(({ service, requestsPerSecond, burst }) => [service, { requestsPerSecond, burst }])) };
}

export class SqliteTiers implements TierWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async byName(name: string): Promise<Tier | null> {
    return tierByName(this.#sql, name);
  }

  async all(): Promise<readonly Tier[]> {
    const names = this.#sql.all<{ name: string }>('SELECT name FROM tiers WHERE deleted_at IS NULL ORDER BY name');
    return names.map(({ name }) => tierByName(this.#sql, name)).filter((tier) => tier !== null);
  }

  async countNamingService(service: string): Promise<number> {
    const text = 'SELECT count(*) AS n FROM tier_limits WHERE service = ? AND tier IN (SELECT name FROM tiers WHERE deleted_at IS NULL)';
    return this.#sql.number(text, service);
  }

  async insert(name: string, credits: number, from: UtcDay): Promise<void> {
    if (this.#sql.run('UPDATE tiers SET deleted_at = NULL WHERE name = ? AND deleted_at IS NOT NULL', name) === 1) {
      await this.setCredits(name, from, credits);
      await this.setLimits(name, new Map());
      return;
    }
    this.#sql.run('INSERT INTO tiers (name) VALUES (?)', name);
    this.#sql.run('INSERT INTO tier_credits VALUES (?, 0, ?)', name, credits);
  }

  async setCredits(name: string, from: UtcDay, credits: number): Promise<void> {
    this.#sql.run('DELETE FROM tier_credits WHERE tier = ? AND from_day >= ?', name, from);
    this.#sql.run('INSERT INTO tier_credits VALUES (?, ?, ?)', name, from, credits);
  }

  async setLimits(name: string, limits: ReadonlyMap<string, RateLimit>): Promise<void> {
    this.#sql.run('DELETE FROM tier_limits WHERE tier = ?', name);
    for (const [service, limit] of limits) {
      this.#sql.run('INSERT INTO tier_limits VALUES (?, ?, ?, ?)', name, service, limit.requestsPerSecond, limit.burst);
    }
  }

  async delete(name: string, at: Instant): Promise<void> {
    this.#sql.run('UPDATE tiers SET deleted_at = ? WHERE name = ?', at, name);
  }
}
