import { widthOf } from './fit.ts';

/** Breaks a text between words, so that no line takes more places than there are; further lines stand under the first one's words. */
export function wrap(text: string, places: number, indent = ''): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    const longer = line.trim() === '' ? line + word : `${line} ${word}`;
    if (widthOf(longer) > places && line.trim() !== '') {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}
