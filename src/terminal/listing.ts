import { setImmediate } from 'node:timers/promises';
import type { ChalkInstance } from 'chalk';
import { glyphs, type Marks } from './glyphs.ts';
import type { Output, Shown } from './output.ts';

/** How many rows a table shows on a terminal; a pipe gets them all. */
export const TABLE_ROWS = 50;

export interface Column<Row> {
  readonly header: string;
  readonly align?: 'left' | 'right';
  /** The first to go where the terminal is too narrow for all. */
  readonly spare?: true;
  /** Rather than cut it shorter than so many places, other columns are left out. */
  readonly least?: number;
  /** Left out of a table in which no row has anything in it. */
  readonly whenFilled?: true;
  /** For a person: short, coloured, times relative. */
  readonly person: (row: Row, paint: ChalkInstance, marks: Marks) => string;
  /** For a person who follows what comes, where it is told otherwise than in a table. */
  readonly live?: (row: Row, marks: Marks) => string;
  /** For a script: full ids, ISO times, plain digits; an empty string for nothing. */
  readonly script: (row: Row) => string;
}

export interface Listing<Row> {
  /** Yields rows in order; is read only as far as needed. */
  readonly rows: AsyncIterable<Row> | Iterable<Row>;
  readonly json: (row: Row) => Shown;
  /** The fields of `json`, for `--fields`, whether or not there is a row. */
  readonly fields: readonly string[];
  readonly columns: readonly Column<Row>[];
  /** How many rows there are, asked only when a terminal shows fewer than all; undefined for more than anybody counts. */
  readonly total?: () => Promise<number | undefined>;
  /** What to tell a person when there are none: what to do next. */
  readonly empty: string;
}

/** Shows rows as a table on a terminal, tab-separated through a pipe, or as a JSON array; memory stays flat. */
export async function showListing<Row>(out: Output, listing: Listing<Row>): Promise<void> {
  if (!out.json && out.isTerminal) return showTable(out, listing);
  if (out.json) out.checkFields(listing.fields);
  await writePieces(out, out.json ? jsonPieces(out, listing) : tabbedLines(listing));
}

/** What would begin another line or cell. */
const BREAKS = /[\t\r\n]/g;

async function* tabbedLines<Row>({ rows, columns }: Listing<Row>): AsyncGenerator<string> {
  for await (const row of rows) yield `${columns.map((column) => column.script(row).replaceAll(BREAKS, ' ')).join('\t')}\n`;
}

async function* jsonPieces<Row>(out: Output, { rows, json }: Listing<Row>): AsyncGenerator<string> {
  let separator = '[';
  for await (const row of rows) {
    yield separator + out.jsonText(out.select(json(row)));
    separator = ',\n';
  }
  yield separator === '[' ? '[]\n' : ']\n';
}

/** About as much as a pipe holds. */
const WRITE_AT_LENGTH = 65_536;

/**
 * Writes in large pieces and lets the event loop turn after each: a store that answers at once leaves it no other moment, and only there
 * is it noticed that the reader has gone.
 */
async function writePieces(out: Output, pieces: AsyncIterable<string>): Promise<void> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length < WRITE_AT_LENGTH) continue;
    out.raw(text);
    text = '';
    await setImmediate();
  }
  if (text !== '') out.raw(text);
}

async function showTable<Row>(out: Output, listing: Listing<Row>): Promise<void> {
  const [{ drawTable }, { painter }] = await Promise.all([import('./table.ts'), import('./painter.ts')]);
  const [paint, marks] = [painter(out.color), glyphs(out.unicode)];
  const shown: string[][] = [];
  let more = false;
  for await (const row of listing.rows) {
    more = shown.length === TABLE_ROWS;
    if (more) break;
    shown.push(listing.columns.map((column) => column.person(row, paint, marks).replaceAll(BREAKS, ' ')));
  }
  if (shown.length === 0) {
    out.note(listing.empty);
    return;
  }
  const filled = listing.columns.map(({ whenFilled }, place) => whenFilled !== true || shown.some((row) => row[place] !== ''));
  const wanted = <Item>(items: readonly Item[]): Item[] => items.filter((_, place) => filled[place] === true);
  const { lines, leftOut } = drawTable(wanted(listing.columns), shown.map(wanted), {
    places: out.columns,
    head: paint.bold,
    cut: marks.cut,
  });
  out.data(lines.join('\n'));
  if (leftOut.length > 0) out.note(`${marks.cut} and in a wider terminal: ${leftOut.map(({ header }) => header).join(', ')}.`);
  if (more) out.note(`${marks.cut} and ${await howManyMore(listing, shown.length)}`);
}

async function howManyMore<Row>(listing: Listing<Row>, shown: number): Promise<string> {
  const total = await listing.total?.();
  return `${total === undefined ? '' : `${String(total - shown)} `}more: narrow it with a filter, or pipe it to get all.`;
}
