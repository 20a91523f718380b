import type { StagedLine, Staging } from '../../domain/imports.ts';

/** Room on this machine: lines that are only being checked do not belong into a database that others share. */
export type OpenStaging = () => Promise<Staging & { close(): void }>;

/** Opened when it is first needed; it stays when a connection is lost. */
export class PostgresStaging implements Staging {
  readonly #open: OpenStaging;
  #room: ReturnType<OpenStaging> | null = null;

  constructor(open: OpenStaging) {
    this.#open = open;
  }

  #opened(): ReturnType<OpenStaging> {
    return (this.#room ??= this.#open());
  }

  async clear(): Promise<void> {
    await (await this.#opened()).clear();
  }

  async add(line: StagedLine): Promise<void> {
    await (await this.#opened()).add(line);
  }

  async count(kind: string): Promise<number> {
    return (await this.#opened()).count(kind);
  }

  async get(line: number): Promise<StagedLine | null> {
    return (await this.#opened()).get(line);
  }

  async page(after: number, limit: number): Promise<readonly StagedLine[]> {
    return (await this.#opened()).page(after, limit);
  }

  async claim(mark: string, line: number): Promise<number | null> {
    return (await this.#opened()).claim(mark, line);
  }

  async close(): Promise<void> {
    (await this.#room)?.close();
    this.#room = null;
  }
}
