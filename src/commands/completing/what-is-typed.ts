import type { Command, Option } from 'commander';
import { collect } from '../call.ts';

/** What may come next on a command line. */
export interface Expected {
  /** Verbs and flags, which the program itself knows. */
  readonly words: readonly { readonly value: string; readonly description: string }[];
  /** What stands for the value that is to come, such as `account` or `file`; null where none is. */
  readonly placeholder: string | null;
  /** The command, and its flag or argument, that takes the value: `usage --by`, `config get <setting>`. */
  readonly taker: string | null;
  /** The flag that stands in front of the value in the same word: `--by=`. */
  readonly inWord: string;
}

const NOTHING: Expected = { words: [], placeholder: null, taker: null, inWord: '' };

/** How far the words before the cursor have come. */
interface Place {
  readonly command: Command;
  readonly path: readonly string[];
  /** Arguments given so far. */
  readonly given: number;
  readonly used: ReadonlySet<Option>;
  /** A flag that waits for its value. */
  readonly waiting: Option | null;
  /** After `--` there are arguments only. */
  readonly onlyArguments: boolean;
}

/** What may stand where `current` is begun, after the words before it. */
export function whatIsExpected(program: Command, words: readonly string[], current: string): Expected {
  const place = walk(program, words);
  if (place.waiting !== null) return valueOf(place, place.waiting, '');
  if (place.onlyArguments || !current.startsWith('-'))
    return {
      ...argument(place),
      words: place.onlyArguments ? [] : verbs(place.command.name() === 'help' ? { ...place, command: program } : place),
    };
  const equals = current.indexOf('=');
  if (equals === -1) return { ...NOTHING, words: flags(program, place) };
  const option = findOption(program, place.command, current.slice(0, equals));
  return option === undefined ? NOTHING : valueOf(place, option, current.slice(0, equals + 1));
}

function walk(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, path: [], given: 0, used: new Set(), waiting: null, onlyArguments: false };
  for (const word of words) place = step(program, place, word);
  return place;
}

function step(program: Command, place: Place, word: string): Place {
  const { command, path, given, used } = place;
  if (place.waiting !== null) return { ...place, waiting: null };
  if (!place.onlyArguments && word === '--') return { ...place, onlyArguments: true };
  if (!place.onlyArguments && word.startsWith('-') && word !== '-') {
    const equals = word.indexOf('=');
    const option = findOption(program, command, equals === -1 ? word : word.slice(0, equals));
    if (option === undefined) return place;
    return { ...place, used: new Set([...used, option]), waiting: equals === -1 && takesValue(option) ? option : null };
  }
  const verb = given > 0 || place.onlyArguments ? undefined : command.commands.find((candidate) => candidate.name() === word);
  return verb === undefined ? { ...place, given: given + 1 } : { ...place, command: verb, path: [...path, verb.name()] };
}

function findOption(program: Command, command: Command, flag: string): Option | undefined {
  return [...command.options, ...program.options].find(({ long }) => long === flag);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function valueOf({ path }: Place, option: Option, inWord: string): Expected {
  if (!takesValue(option)) return NOTHING;
  const [, placeholder = ''] = /[<[](.+)[>\]]/.exec(option.flags) ?? [];
  return { words: [], placeholder, taker: [...path, option.long ?? ''].join(' '), inWord };
}

function argument({ command, path, given }: Place): Expected {
  const declared = command.registeredArguments;
  const last = declared.at(-1);
  const found = declared[given] ?? (last?.variadic === true ? last : undefined);
  if (found === undefined) return NOTHING;
  return { words: [], placeholder: found.name(), taker: [...path, `<${found.name()}>`].join(' '), inWord: '' };
}

function verbs({ command, given }: Place): Expected['words'] {
  if (given > 0) return [];
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((verb) => ({ value: verb.name(), description: verb.summary() }));
}

/** The command's own first; what was given already is left out, unless it may be repeated. */
function flags(program: Command, { command, used }: Place): Expected['words'] {
  const own = command === program ? [] : command.options;
  const all = [...own, ...program.options].filter(({ hidden }) => !hidden);
  const left = all.filter((option) => !used.has(option) || option.parseArg === collect);
  const known = new Set<string>();
  const offered = left.flatMap(({ long, description }) => (long == null ? [] : [{ value: long, description }]));
  offered.push({ value: '--help', description: 'show help' });
  return offered.filter(({ value }) => !known.has(value) && known.add(value));
}
