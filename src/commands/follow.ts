import { setImmediate, setTimeout } from 'node:timers/promises';
import { glyphs, type Marks } from '../terminal/glyphs.ts';
import type { Column } from '../terminal/listing.ts';
import type { LiveRows } from '../terminal/live-rows.ts';
import type { Shown } from '../terminal/output.ts';
import type { Call } from './call.ts';

const POLL_MS = 500;
/** After so many rows without a pause the event loop turns: a stop, or a reader that went away, is noticed only there. */
const ROWS_PER_TURN = 500;

export interface Followed<Row> {
  /** Yields rows as they come; `pause` waits before the next look, and answers false when it is time to stop. */
  readonly rows: (pause: () => Promise<boolean>) => AsyncIterable<Row>;
  readonly json: (row: Row) => Shown;
  readonly columns: readonly Column<Row>[];
}

/** Shows rows as they come, one a line, JSON or words, until the process is told to stop. A person gets short ones under each other. */
export async function follow<Row>({ out, context }: Pick<Call, 'out' | 'context'>, { rows, json, columns }: Followed<Row>): Promise<void> {
  const stopped = new AbortController();
  void context.stopRequested().then(() => {
    stopped.abort();
  });
  const live = out.isTerminal && !out.json ? await liveRows(columns, glyphs(out.unicode)) : null;
  let shown = 0;
  for await (const row of rows(() => pause(stopped.signal))) {
    if (stopped.signal.aborted) return;
    if (out.json) out.data(JSON.stringify(out.select(json(row))));
    else if (live !== null) out.data(live.lines(row, out.columns).join('\n'));
    else out.data(columns.map((column) => column.script(row).replaceAll(/[\t\r\n]/g, ' ')).join('\t'));
    shown += 1;
    if (shown % ROWS_PER_TURN === 0) await setImmediate();
  }
}

async function liveRows<Row>(columns: readonly Column<Row>[], marks: Marks): Promise<LiveRows<Row>> {
  const [{ LiveRows: Rows }, { painter }] = await Promise.all([import('../terminal/live-rows.ts'), import('../terminal/painter.ts')]);
  return new Rows(columns, painter(false), marks);
}

/** Waits for the next look at the store; false as soon as the process is told to stop. */
function pause(signal: AbortSignal): Promise<boolean> {
  return setTimeout(POLL_MS, true, { signal }).catch(() => false);
}
