/**
 * The candidate that was most likely meant by a mistyped word, or null. One letter wrong, missing, too many or in its neighbour's place
 * counts one; a third of the word may be wrong, and at least one letter.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let found: string | null = null;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const wrong = distance(word, candidate);
    if (wrong < least) [found, least] = [candidate, wrong];
  }
  return found;
}

/** "Did you mean acme? " before another hint, or nothing. Only what there is is repeated, never the word itself: it may be a secret. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates);
  return found === null ? '' : `Did you mean ${found}? `;
}

/** Optimal string alignment: Levenshtein's distance with swapped neighbours. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, place) => place);
  for (let row = 1; row <= one.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1];
      const steps = [at(last, column) + 1, at(line, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1)];
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (swapped) steps.push(at(before, column - 2) + 1);
      line.push(Math.min(...steps));
    }
    [before, last] = [last, line];
  }
  return at(last, other.length);
}

function at(line: readonly number[], place: number): number {
  return line[place] ?? Infinity;
}
