import { stripVTControlCharacters } from 'node:util';

/** Between two columns. */
export const GAP = 2;
/** A text is not cut shorter than this; rather, the last columns are left out. */
const LEAST_WIDTH = 16;

const INVISIBLE = /[\p{M}\p{Cf}]/u;
/** Characters that take two places on a terminal: emoji, and the scripts of East Asia. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** How many places a text takes on a terminal, its colours aside. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (!INVISIBLE.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** The text in exactly so many places: filled up with spaces, or cut, with an ellipsis in its last place. Plain text only. */
export function fitText(text: string, places: number, align: 'left' | 'right' = 'left'): string {
  if (places < 1) return '';
  const missing = places - widthOf(text);
  if (missing >= 0) return align === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text;
  let kept = '';
  for (const character of text) {
    if (widthOf(kept + character) > places - 1) break;
    kept += character;
  }
  // A character of two places may leave the last but one empty.
  return fitText(`${kept}…`, places);
}

/** Breaks a text between words, so that no line takes more places; a word that does by itself stands alone. */
export function wrapWords(text: string, places: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && widthOf(longer) <= places) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join('\n');
}

export interface ColumnWidth {
  readonly width: number;
  /** Text may be cut; a number that is cut would be another number. */
  readonly mayBeCut: boolean;
  /** Left out before the others. */
  readonly spare?: boolean;
}

/**
 * The widths with which columns fit into so many places; null for a column that is left out. The widest texts are cut first; where that is not
 * enough, spare columns are left out and then the others, the last ones first. The first column always stays.
 */
export function fitColumns(columns: readonly ColumnWidth[], places: number): readonly (number | null)[] {
  const order = columns.map((_, place) => place).reverse();
  const leaving = [...order.filter((place) => columns[place]?.spare === true), ...order.filter((place) => columns[place]?.spare !== true)];
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
    const texts = widths.filter((_, place) => columns[place]?.mayBeCut === true);
    const widest = Math.max(0, ...texts);
    if (widest <= LEAST_WIDTH) break;
    const place = widths.findIndex((width, at) => width === widest && columns[at]?.mayBeCut === true);
    widths[place] = widest - 1;
  }
  return widths;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
}
