import { positions } from './program.ts';

/** What had another name in an earlier release. The old one goes on working for good: scripts know it. */
export interface Renames {
  /** Paths, such as `tier set`. */
  readonly commands: readonly { readonly from: string; readonly to: string }[];
  /** Long options of a command, named by its present path. */
  readonly options: readonly { readonly command: string; readonly from: string; readonly to: string }[];
}

/** None so far. An entry here is all that a rename needs; help and documents know only the new name. */
export const RENAMES: Renames = { commands: [], options: [] };

/** The arguments with present names in place of former ones, and a sentence about each that was replaced. */
export function followRenames(
  argv: readonly string[],
  { commands, options }: Renames,
): { argv: readonly string[]; notes: readonly string[] } {
  const places = positions(argv);
  const words = places.map((place) => argv[place] ?? '');
  const command = commands.find(({ from }) => from === words.join(' ')) ?? commands.find(({ from }) => from === words[0]);
  const notes = command === undefined ? [] : [renamed(`keyctl ${command.from}`, `keyctl ${command.to}`)];
  const replaced = command === undefined ? argv : withCommand(argv, places.slice(0, command.from.split(' ').length), command.to);
  const path = positions(replaced).map((place) => replaced[place] ?? '');
  const theirs = options.filter((option) => option.command === path.join(' ') || option.command === path[0]);
  const end = replaced.includes('--') ? replaced.indexOf('--') : replaced.length;
  const followed = replaced.map((argument, place) => {
    const option = place < end ? theirs.find(({ from }) => argument === from || argument.startsWith(`${from}=`)) : undefined;
    if (option === undefined) return argument;
    notes.push(renamed(option.from, option.to));
    return option.to + argument.slice(option.from.length);
  });
  return { argv: followed, notes };
}

function withCommand(argv: readonly string[], places: readonly number[], path: string): readonly string[] {
  return argv.flatMap((argument, place) => (place === places[0] ? path.split(' ') : places.includes(place) ? [] : [argument]));
}

function renamed(from: string, to: string): string {
  return `${from} is called ${to} now; the old name goes on working.`;
}
