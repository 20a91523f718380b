import { hash } from 'node:crypto';
import type { StagedLine, Staging } from '../../domain/imports.ts';
import type { Sql } from './sql.ts';

/**
 * Temporary tables of the connection: SQLite keeps them in a file of mode 0600 that has no name, so that it goes with the process. A
 * connection that only reads has them too.
 */
const TABLES = `
DROP TABLE IF EXISTS temp.staged_lines;
DROP TABLE IF EXISTS temp.staged_marks;
CREATE TEMP TABLE staged_lines (line INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TEMP TABLE staged_marks (mark BLOB PRIMARY KEY, line INTEGER NOT NULL) STRICT, WITHOUT ROWID;`;

/** Marks are looked up all over the place: with less memory the disk would be asked for each. */
const CACHE_KIB = 16_384;

export class SqliteStaging implements Staging {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async clear(): Promise<void> {
    this.#sql.db.pragma(`temp.cache_size = -${String(CACHE_KIB)}`);
    this.#sql.db.exec(TABLES);
  }

  async add({ line, kind, text }: StagedLine): Promise<void> {
    this.#sql.run('INSERT INTO temp.staged_lines VALUES (?, ?, ?)', line, kind, text);
  }

  async count(kind: string): Promise<number> {
    return this.#sql.number('SELECT count(*) AS n FROM temp.staged_lines WHERE kind = ?', kind);
  }

  async get(line: number): Promise<StagedLine | null> {
    return this.#sql.get<StagedLine>('SELECT line, kind, text FROM temp.staged_lines WHERE line = ?', line) ?? null;
  }

  async page(after: number, limit: number): Promise<readonly StagedLine[]> {
    return this.#sql.all<StagedLine>('SELECT line, kind, text FROM temp.staged_lines WHERE line > ? ORDER BY line LIMIT ?', after, limit);
  }

  async claim(mark: string, line: number): Promise<number | null> {
    // All marks have one size, however long the names in them are.
    const short = hash('sha256', mark, 'buffer').subarray(0, 16);
    if (this.#sql.run('INSERT INTO temp.staged_marks VALUES (?, ?) ON CONFLICT DO NOTHING', short, line) === 1) return null;
    return this.#sql.row<[number]>('SELECT line FROM temp.staged_marks WHERE mark = ?', short)?.[0] ?? null;
  }
}
