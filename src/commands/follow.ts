import { setTimeout } from 'node:timers/promises';
import type { Column } from '../terminal/listing.ts';
import type { Shown } from '../terminal/output.ts';
import type { Call } from './call.ts';

const POLL_MS = 500;

export interface Followed<Row> {
  /** Yields rows as they come; `pause` waits before the next look, and answers false when it is time to stop. */
  readonly rows: (pause: () => Promise<boolean>) => AsyncIterable<Row>;
  readonly json: (row: Row) => Shown;
  readonly columns: readonly Column<Row>[];
}

/** Shows rows as they come, one a line, JSON or words, until the process is told to stop. */
export async function follow<Row>({ out, context }: Pick<Call, 'out' | 'context'>, { rows, json, columns }: Followed<Row>): Promise<void> {
  const stopped = new AbortController();
  void context.stopRequested().then(() => {
    stopped.abort();
  });
  const separator = out.isTerminal ? '  ' : '\t';
  for await (const row of rows(() => pause(stopped.signal))) {
    if (out.json) out.data(JSON.stringify(out.select(json(row))));
    else out.data(columns.map((column) => column.script(row).replaceAll(/[\t\r\n]/g, ' ')).join(separator));
  }
}

/** Waits for the next look at the store; false as soon as the process is told to stop. */
function pause(signal: AbortSignal): Promise<boolean> {
  return setTimeout(POLL_MS, true, { signal }).catch(() => false);
}
