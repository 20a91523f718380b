import type { Command } from 'commander';
import { KeyctlError } from '../../domain/error.ts';
import type { Store } from '../../domain/store.ts';
import { completeNames, type Candidate } from '../../operations/complete-names.ts';
import { SHELLS, type Shell } from './shells.ts';
import { forBash, readLine, type TypedLine } from './shell-line.ts';
import { ENUMERATED, FILES, NAMED_BY, STATUS_FOR } from './values.ts';
import { whatIsExpected, type Expected } from './what-is-typed.ts';

export interface Asked {
  /** `__complete`, the shell, and for bash readline's word breaks. */
  readonly argv: readonly string[];
  /** The line from bash; the words from the others, the one that is being typed last. */
  readonly input: string;
  /** The commands, with the flags of the one that the words call. */
  readonly programFor: (words: readonly string[]) => Promise<Command>;
  /** Opens a store for reading, the usual one or that of `--db`. */
  readonly openStore: (location: string | undefined) => Promise<Store>;
}

/**
 * What the shell is to offer. Nobody asked for an answer in words here, and one would land in the middle of the line that somebody types:
 * where the store is missing, busy or none of ours, there are just no names.
 */
export async function complete({ argv, input, programFor, openStore }: Asked): Promise<string> {
  const shell = SHELLS.find((known) => known === argv[1]);
  if (shell === undefined) return '';
  const typed = readTyped(shell, input, argv[2] ?? '');
  // `keyctl help tier set` is about what would stand there without `help`.
  const words = typed.words.slice(typed.words[1] === 'help' && typed.words.length > 2 ? 2 : 1);
  const program = await programFor(words);
  const expected = whatIsExpected(program, words, typed.current);
  if (expected.placeholder !== null && FILES.includes(expected.placeholder)) return 'files\n';
  const value = typed.current.slice(expected.inWord.length);
  const found = [
    ...expected.words.filter((word) => word.value.startsWith(typed.current)),
    ...(await values(expected, value, words, openStore)),
  ];
  return ['names', ...found.map((candidate) => asLine(shell, typed, expected, candidate)), ''].join('\n');
}

function readTyped(shell: Shell, input: string, breaks: string): TypedLine {
  if (shell === 'bash') return readLine(input, breaks);
  const words = input.split(shell === 'zsh' ? '\0' : '\n');
  const last = words.pop() ?? '';
  // fish has taken the quotes from all words but the last.
  return { words, current: shell === 'fish' ? readLine(last, '').current : last, quote: '', settled: 0 };
}

async function values(
  { placeholder, taker }: Expected,
  typed: string,
  words: readonly string[],
  openStore: Asked['openStore'],
): Promise<readonly Candidate[]> {
  if (placeholder === null || taker === null) return [];
  const few = ENUMERATED[taker];
  if (few !== undefined) return few.filter((value) => value.startsWith(typed)).map((value) => ({ value, description: '' }));
  const kinds = NAMED_BY[placeholder];
  if (kinds === undefined) return [];
  const status = STATUS_FOR[taker.split(' ')[0] ?? ''];
  try {
    const store = await openStore(chosenStore(words));
    const found = await Promise.all(
      kinds.map((kind) => completeNames(store, { kind, typed, ...(status === undefined ? {} : { status }) })),
    );
    const offered = new Map(found.flat().map((candidate) => [candidate.value, candidate]));
    // A key that is given already is not meant again.
    return [...offered.values()].filter(({ value }) => placeholder !== 'key' || !words.includes(value));
  } catch (error) {
    if (error instanceof KeyctlError) return [];
    throw error;
  }
}

/** The store that the line itself names with `--db`. */
function chosenStore(words: readonly string[]): string | undefined {
  const place = words.findLastIndex((word) => word === '--db' || word.startsWith('--db='));
  const word = words[place];
  return word === '--db' ? words[place + 1] : word?.slice('--db='.length);
}

function asLine(shell: Shell, typed: TypedLine, { inWord }: Expected, { value, description }: Candidate): string {
  switch (shell) {
    case 'bash':
      return forBash(inWord + value, typed);
    case 'zsh':
      // zsh has taken the flag away itself.
      return `${value}\t${description}`;
    case 'fish':
      return `${inWord}${value}\t${description}`;
  }
}
