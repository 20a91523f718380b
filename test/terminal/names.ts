import fc from 'fast-check';

/** What names are written with that terminals show otherwise than a character a place. */
const PIECES = [
  ...['a', 'key', ' ', '-', 'é', 'e\u0301', 'ß', 'Ж', 'λ', '…', '№', '│'],
  ...['鍵', 'の', '키', '\u1112\u1161\u11ab', '𠮷', '𰻞', 'Ａ', 'ｱ', '〈'],
  ...['🔑', '👩‍👩‍👧‍👦', '👍🏽', '🇩🇪', '❤️', '1️⃣', '🏳️‍🌈', '🫠'],
  ...['กำ', 'ลัง', 'क्षि', 'नमस्ते', 'שָׁ', 'مُ', 'z̴̡̛̩', 'e\u20dd', '\u200d', '\ufe0f', '\u0301'],
];

/** Names of any script, up to some hundred places wide. */
export const anyName: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 60 })
  .map((pieces) => pieces.join(''));
