import Table from 'cli-table3';
import { cutPainted, fitColumns, GAP, widthOf } from './fit.ts';

export interface TableColumn {
  readonly header: string;
  readonly align?: 'left' | 'right';
  readonly spare?: true;
  readonly whenFilled?: true;
  readonly least?: number;
}

export interface DrawnTable<Column> {
  readonly lines: readonly string[];
  /** What the terminal is too narrow for. */
  readonly leftOut: readonly Column[];
}

/** Stand-ins are characters that nobody writes with. There are more of them than a table has cells. */
const FIRST_STAND_IN = 0xe000;
const STAND_INS = /([\ue000-\uf8ff])\1*/g;

/** A table in which each row is one line of a terminal of so many places. `head` paints the headers; cells may be painted. */
export function drawTable<Column extends TableColumn>(
  all: readonly Column[],
  rows: readonly (readonly string[])[],
  { places, head, cut }: { readonly places: number; readonly head: (text: string) => string; readonly cut: string },
): DrawnTable<Column> {
  const widths = fittingWidths(all, rows, places);
  const fits = <Item>(items: readonly Item[]): Item[] => items.filter((_, place) => widths[place] !== null);
  const [columns, kept] = [fits(all), fits(widths).map(Number)];
  const cells: string[] = [];
  // cli-table3 takes marks and new emoji for wider or narrower than they are: what it lays out is as wide as the cell and plain.
  const standIn = (cell: string, place: number): string => {
    const fitting = cutPainted(cell, kept[place] ?? 0, cut);
    cells.push(fitting);
    return String.fromCharCode(FIRST_STAND_IN + cells.length - 1).repeat(widthOf(fitting));
  };
  const table = new Table({
    head: columns.map((column, place) => standIn(head(column.header), place)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    colWidths: kept.map((width) => width + GAP),
    // The head's own colour would ignore NO_COLOR; rules between rows only cost lines.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
    chars: Object.fromEntries(BORDERS.map((place) => [place, ''])),
  });
  table.push(...rows.map((row) => fits(row).map(standIn)));
  const drawn = table.toString().replace(STAND_INS, (found) => cells[found.charCodeAt(0) - FIRST_STAND_IN] ?? '');
  return { lines: drawn.split('\n').map((line) => line.trimEnd()), leftOut: all.filter((_, place) => widths[place] === null) };
}

/** Widths with which every row is one line of the terminal. Numbers, which stand to the right, are not cut. */
function fittingWidths(columns: readonly TableColumn[], rows: readonly (readonly string[])[], places: number): readonly (number | null)[] {
  const natural = columns.map(({ header, align, spare = false, whenFilled = false, least }, place) => ({
    width: rows.reduce((width, row) => Math.max(width, widthOf(row[place] ?? '')), widthOf(header)),
    mayBeCut: align !== 'right',
    ...{ spare, whenFilled, least },
  }));
  return fitColumns(natural, places);
}

const BORDERS = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
] as const;
