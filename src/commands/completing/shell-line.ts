/** A command line as far as it is typed: whole words, without their quotes, and the one that is being typed. */
export interface TypedLine {
  readonly words: readonly string[];
  readonly current: string;
  /** The quote that is still open in `current`, or an empty text. */
  readonly quote: '' | "'" | '"';
  /** How much of `current` stands before the place where readline begins to put text in: it does so after a break character too. */
  readonly settled: number;
}

/** Takes a line apart as a shell does, but for expansions: nothing in it is run or looked up. `breaks` are readline's word breaks. */
export function readLine(line: string, breaks: string): TypedLine {
  const words: string[] = [];
  let current: string | null = null;
  let quote: TypedLine['quote'] = '';
  let settled = 0;
  for (let place = 0; place < line.length; place += 1) {
    const character = line.charAt(place);
    const so: string = current ?? '';
    if (quote !== '' && character === quote) {
      quote = '';
      current = so;
      settled = so.length;
    } else if (character === '\\' && (quote === '' || (quote === '"' && /["$`\\]/.test(line.charAt(place + 1))))) {
      place += 1;
      current = so + line.charAt(place);
    } else if (quote !== '') {
      current = so + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      current = so;
      settled = so.length;
    } else if (/\s/.test(character)) {
      if (current !== null) words.push(current);
      current = null;
      settled = 0;
    } else {
      current = so + character;
      if (breaks.includes(character)) settled = current.length;
    }
  }
  return { words, current: current ?? '', quote, settled };
}

/** What bash is to put in for a candidate: what is not settled yet, with what means something to bash made harmless. */
export function forBash(candidate: string, { quote, settled }: TypedLine): string {
  const rest = candidate.slice(settled);
  if (quote === "'") return rest;
  if (quote === '"') return rest.replaceAll(/["$`\\]/g, String.raw`\$&`);
  return rest.replaceAll(/[^\w./@%+,:=~\u0080-\u{10ffff}-]/gu, String.raw`\$&`);
}
