import { widthOf } from './fit.ts';

/** What a line of text may be wide before the eye loses it. */
const WIDEST = 100;

/** Text in lines that fit. A word that is wider than that stands alone. */
export function paragraph(text: string, columns: number): string {
  return wrapped(text, Math.min(columns, WIDEST)).join('\n');
}

/** A term, and beside it, from a column on, what it means, whose further lines stand under its first. */
export function hanging(term: string, meaning: string, indent: number, columns: number): string {
  const lines = wrapped(meaning, Math.max(20, Math.min(columns, WIDEST) - indent));
  const space = ' '.repeat(indent);
  const first = widthOf(term) < indent ? term + ' '.repeat(indent - widthOf(term)) + (lines.shift() ?? '') : term;
  return [first, ...lines.map((line) => space + line)].map((line) => line.trimEnd()).join('\n');
}

/** Rows of a table as terms and meanings: all cells but the long ones at the end stand in columns in front of these. */
export function rows(table: readonly (readonly string[])[], columns: number): string {
  const short = table.every(([, second = '', third]) => third !== undefined && widthOf(second) <= 20) ? 2 : 1;
  const widths = Array.from({ length: short }, (_, place) => Math.min(30, Math.max(...table.map((row) => widthOf(row[place] ?? '')))));
  const indent = 2 + widths.reduce((sum, width) => sum + width + 2, 0);
  const drawn = table.map((row) => {
    const terms = widths.map((width, place) => (row[place] ?? '') + ' '.repeat(Math.max(0, width - widthOf(row[place] ?? '')) + 2));
    const meaning = row
      .slice(short)
      .filter((cell) => cell !== '')
      .join(' ');
    return hanging(`  ${terms.join('').trimEnd()}`, meaning, indent, columns);
  });
  return drawn.join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && widthOf(line) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
