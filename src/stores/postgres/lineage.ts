import type { Connection } from './connection.ts';
import { FORMER_PRIMARY } from './errors.ts';

/**
 * Which cluster a server is of, and of what timeline of it, if it takes writes. Servers that follow one another are of one cluster; the
 * promotion of a standby begins a new timeline, of a higher number, which leads the name of the file that the log is written to.
 */
const WHICH = `SELECT system_identifier::text, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
  FROM pg_control_system() WHERE NOT pg_is_in_recovery()`;

interface Primary {
  readonly cluster: string;
  readonly timeline: number;
}

/**
 * What a process has seen of the primaries of one store. A primary that was frozen, or cut off, while another took its place wakes up and
 * takes writes as before; whoever has seen its successor does not go back to it.
 */
export class Lineage {
  readonly #newest = new Map<string, number>();

  /** Sends the question; the answer is for `check`. Null for a standby, and for a server that is like PostgreSQL and does not know. */
  async ask(connection: Connection): Promise<Primary | null> {
    try {
      const { rows } = await connection.ask(WHICH, []);
      const [cluster, timeline] = rows[0] ?? [];
      return typeof cluster === 'string' ? { cluster, timeline: Number(timeline) } : null;
    } catch {
      // A connection that was lost is of no use to whoever asked what comes with this, who is told.
      return null;
    }
  }

  /** Throws for a server of an earlier timeline than one of its cluster that took writes before. */
  check(primary: Primary | null): void {
    if (primary === null) return;
    const { cluster, timeline } = primary;
    const newest = this.#newest.get(cluster) ?? 0;
    if (timeline < newest) throw Object.assign(new Error('Another server has taken its place.'), { code: FORMER_PRIMARY });
    this.#newest.set(cluster, timeline);
  }
}
