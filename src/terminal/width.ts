import { stripVTControlCharacters } from 'node:util';

/** What takes one place on every terminal: most texts are of these alone, and are as wide as they are long. */
const PLAIN = /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0373\u0386-\u0482\u2010-\u2027\u2500-\u25fc]*$/;

/** Takes no place of its own: what is combined with the character before it, and what only says how others are shown. */
const INVISIBLE = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7fb]/u;
/** Takes two places: emoji, and the scripts of East Asia. */
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18d7f}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]/u;
/** Several that are shown as one picture: joined by U+200D, flags, keycaps, and what U+FE0F makes a picture of. */
const PICTURE = /^(?:\p{Extended_Pictographic}.*(?:\u200d|\ufe0f)|\p{Regional_Indicator}{2}$|[0-9#*]\ufe0f?\u20e3)/u;

/** A colour of skin changes the picture before it; older terminals, tmux 3.3 among them, show it beside that. */
const SKIN = /\p{Emoji_Modifier}/gu;

let segmenter: Intl.Segmenter | null = null;

/** Characters as a person counts them, each with its marks and whatever it is joined with. Plain text only. */
export function charactersOf(text: string): readonly string[] {
  if (PLAIN.test(text)) return [...text];
  // Made when the first such text comes: it takes longer than all that a short command shows.
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** How many places a text takes on a terminal, its colours aside. */
export function widthOf(text: string): number {
  const shown = text.includes('\u001b') ? stripVTControlCharacters(text) : text;
  if (PLAIN.test(shown)) return shown.length;
  return charactersOf(shown).reduce((sum, character) => sum + widthOfCharacter(character), 0);
}

/**
 * Terminals differ about characters of several code points. Where they do this is the larger width: a line that is shorter than it was taken
 * for leaves a gap, one that is longer breaks.
 */
export function widthOfCharacter(character: string): number {
  if (PICTURE.test(character)) return 2 + 2 * (character.match(SKIN)?.length ?? 0);
  let width = 0;
  for (const part of character) if (!INVISIBLE.test(part)) width += WIDE.test(part) ? 2 : 1;
  return width;
}
