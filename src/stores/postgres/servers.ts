import type { ServerSign, ServerWrites } from '../../domain/servers.ts';
import type { Instant } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';

export class PostgresServers implements ServerWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async all(): Promise<readonly ServerSign[]> {
    return this.#sql.all<ServerSign>('SELECT id, host, pid, address, version, started_at, seen_at FROM servers ORDER BY started_at, id');
  }

  async sign({ id, host, pid, address, version, startedAt, seenAt }: ServerSign, keptSince: Instant): Promise<void> {
    const values = [id, host, pid, address, version, startedAt, seenAt];
    const text = 'INSERT INTO servers VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at';
    await this.#sql.run(text, ...values);
    // Two servers that forget the same ones wait for nobody: who is being deleted already is let be.
    await this.#sql.run('DELETE FROM servers WHERE id IN (SELECT id FROM servers WHERE seen_at < ? FOR UPDATE SKIP LOCKED)', keptSince);
  }

  async leave(id: string): Promise<void> {
    await this.#sql.run('DELETE FROM servers WHERE id = ?', id);
  }
}
