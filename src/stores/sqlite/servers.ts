import type { ServerSign, ServerWrites } from '../../domain/servers.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

export class SqliteServers implements ServerWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async all(): Promise<readonly ServerSign[]> {
    const columns = 'id, host, pid, address, version, started_at AS startedAt, seen_at AS seenAt';
    return this.#sql.all<ServerSign>(`SELECT ${columns} FROM servers ORDER BY started_at, id`);
  }

  async sign({ id, host, pid, address, version, startedAt, seenAt }: ServerSign, keptSince: Instant): Promise<void> {
    const values = [id, host, pid, address, version, startedAt, seenAt];
    this.#sql.run('INSERT INTO servers VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at', ...values);
    this.#sql.run('DELETE FROM servers WHERE seen_at < ?', keptSince);
  }

  async leave(id: string): Promise<void> {
    this.#sql.run('DELETE FROM servers WHERE id = ?', id);
  }
}
