import { charactersOf, widthOf, widthOfCharacter } from './width.ts';

export { widthOf } from './width.ts';

/** Between two columns. */
export const GAP = 2;
/** A text is not cut shorter than this; rather, the last columns are left out. */
const LEAST_WIDTH = 16;
const ESCAPE = '\u001b';

/** The text in exactly so many places: filled up with spaces, or cut, with the mark `cut` at its end. Plain text only. */
export function fitText(text: string, places: number, cut: string, align: 'left' | 'right' = 'left'): string {
  if (places < 1) return '';
  if (widthOf(text) <= places) return padText(text, places, align);
  const mark = cut.slice(0, places);
  // A character of two places may leave one empty.
  return padText(beginningOf(text, places - widthOf(mark)) + mark, places);
}

/** The text, painted or not, filled up with spaces. */
export function padText(text: string, places: number, align: 'left' | 'right' = 'left'): string {
  const spaces = ' '.repeat(Math.max(0, places - widthOf(text)));
  return align === 'left' ? text + spaces : spaces + text;
}

/** As much of a plain text as so many places hold. */
function beginningOf(text: string, places: number): string {
  let [kept, width] = ['', 0];
  for (const character of charactersOf(text)) {
    width += widthOfCharacter(character);
    if (width > places) break;
    kept += character;
  }
  return kept;
}

/** What colours begin and end with: every other piece of a text that is split by it is one of these. */
const COLOURS = new RegExp(String.raw`(${ESCAPE}\[[\d;]*m)`);

/** A painted text that is cut where it takes more places; the colours of what is left stay. */
export function cutPainted(text: string, places: number, cut: string): string {
  if (widthOf(text) <= places) return text;
  const mark = cut.slice(0, places);
  let left = places - widthOf(mark);
  let [kept, over] = ['', false];
  for (const [place, piece] of text.split(COLOURS).entries()) {
    if (place % 2 === 1) kept += piece;
    else if (!over) {
      const some = beginningOf(piece, left);
      over = some !== piece;
      left -= widthOf(some);
      kept += over ? some + mark : some;
    }
  }
  return kept;
}

/** Breaks a text between words, so that no line takes more places; a word that does by itself stands alone. */
export function wrapWords(text: string, places: number): string {
  const lines: string[][] = [];
  // Before the first line there is none that has room.
  let width = Infinity;
  for (const word of text.split(' ')) {
    const more = widthOf(word);
    width += 1 + more;
    if (width <= places) lines.at(-1)?.push(word);
    else {
      lines.push([word]);
      width = more;
    }
  }
  return lines.map((words) => words.join(' ')).join('\n');
}

/** The same of every line of a text; what is indented goes on indented. */
export function wrapLines(text: string, places: number): string {
  const wrapped = text.split('\n').map((line) => {
    const indent = /^ */.exec(line)?.[0] ?? '';
    return widthOf(line) <= places ? line : wrapBehind(indent, line.slice(indent.length), places);
  });
  return wrapped.join('\n');
}

/** A text behind its label, whose further lines stand under its first. Either may be painted; `places` is for both. */
export function wrapBehind(label: string, text: string, places: number): string {
  const indent = widthOf(label);
  const room = Math.max(LEAST_WIDTH, places - indent);
  return label + (widthOf(text) <= room ? text : wrapWords(text, room).replaceAll('\n', `\n${' '.repeat(indent)}`));
}

export interface ColumnWidth {
  readonly width: number;
  /** Text may be cut; a number that is cut would be another number. */
  readonly mayBeCut: boolean;
  /** Left out before the others. */
  readonly spare?: boolean;
  /** Left out after the others: it is there only because something is in it. */
  readonly whenFilled?: boolean;
  /** A text is not cut shorter than this; without it than 16 places. */
  readonly least?: number | undefined;
}

/**
 * The widths with which columns fit into so many places; null for a column that is left out. The widest texts are cut first; where that is not
 * enough, spare columns are left out, then the others, and then those that are there only when filled, of each kind the last ones first. The
 * first column always stays.
 */
export function fitColumns(columns: readonly ColumnWidth[], places: number): readonly (number | null)[] {
  const rank = ({ spare, whenFilled }: ColumnWidth): number => (spare === true ? 0 : whenFilled === true ? 2 : 1);
  const order = columns.map((column, place) => ({ place, rank: rank(column) })).slice(1);
  const leaving = order.toSorted((one, other) => one.rank - other.rank || other.place - one.place).map(({ place }) => place);
  for (let gone = 0; ; gone += 1) {
    const left = new Set(leaving.slice(0, gone));
    const kept = columns.filter((_, place) => !left.has(place));
    const widths = cutTexts(kept, places);
    if (total(widths) > places && kept.length > 1) continue;
    const rest = [...widths];
    return columns.map((_, place) => (left.has(place) ? null : (rest.shift() ?? null)));
  }
}

function cutTexts(columns: readonly ColumnWidth[], places: number): readonly number[] {
  const widths = columns.map(({ width }) => width);
  while (total(widths) > places) {
    const mayGiveWay = (width: number, at: number): boolean => columns[at]?.mayBeCut === true && width > (columns[at].least ?? LEAST_WIDTH);
    const widest = Math.max(0, ...widths.filter(mayGiveWay));
    if (widest === 0) break;
    const place = widths.findIndex((width, at) => width === widest && mayGiveWay(width, at));
    widths[place] = widest - 1;
  }
  return widths;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
}
