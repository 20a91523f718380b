import type { ConfigWrites } from '../../domain/store.ts';
import type { Instant, UtcDay } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

export class PostgresConfig implements ConfigWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async all(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#sql.all<{ name: string; value: string }>('SELECT name, value FROM config ORDER BY name');
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  async prefixes(): Promise<readonly string[]> {
    return (await this.#sql.all<{ prefix: string }>('SELECT prefix FROM key_prefixes ORDER BY place')).map(({ prefix }) => prefix);
  }

  async lastReset(): Promise<{ readonly at: Instant; readonly day: UtcDay } | null> {
    return (await this.#sql.get<{ at: Instant; day: UtcDay }>('SELECT at, day FROM resets ORDER BY number DESC LIMIT 1')) ?? null;
  }

  async set(name: string, value: string): Promise<void> {
    await this.#sql.run('INSERT INTO config VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', name, value);
  }

  async unset(name: string): Promise<void> {
    await this.#sql.run('DELETE FROM config WHERE name = ?', name);
  }

  async addPrefix(prefix: string, since: Instant): Promise<void> {
    await this.#sql.run(
      `INSERT INTO key_prefixes VALUES (?, ?, (SELECT max(place) + 1 FROM key_prefixes))
       ON CONFLICT (prefix) DO UPDATE SET place = excluded.place`,
      ...[prefix, since],
    );
  }

  async recordReset(at: Instant, day: UtcDay): Promise<void> {
    await this.#sql.run('INSERT INTO resets (at, day) VALUES (?, ?)', at, day);
  }
}
