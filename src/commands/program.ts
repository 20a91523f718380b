import { Command, CommanderError } from 'commander';
import { KeyctlError, usageError } from '../domain/error.ts';
import type { Arguments, CommandModule } from './call.ts';
import { NOUNS, REGISTRY, type Entry } from './registry.ts';
import { isKnown, suggestCommand, suggestOption, suggestSwapped } from './suggestions.ts';

export interface Globals {
  readonly db: string | undefined;
  readonly json: boolean;
  readonly fields: readonly string[] | null;
  readonly quiet: boolean;
  readonly color: boolean;
  readonly input: boolean;
  readonly actor: string | undefined;
}

export type Run = (module: CommandModule, args: Arguments, options: Readonly<Record<string, unknown>>, globals: Globals) => Promise<number>;

export interface ProgramOptions {
  readonly version: string;
  readonly write: (text: string) => void;
  readonly run: Run;
}

/**
 * Builds the command tree. Only the command that `argv` calls is loaded with its options; the others are their names and
 * summaries, so that help and errors cost nothing.
 */
export async function buildProgram(argv: readonly string[], { version, write, run }: ProgramOptions): Promise<Command> {
  const called = calledEntry(argv);
  const program = new Command('keyctl');
  program
    .description('API keys, subscription tiers and daily credits for any HTTP API')
    .version(version, '--version', 'print the version')
    .option('--db <path>', 'the store: a path or a postgres:// URL (else KEYCTL_DB, else the default place)')
    .option('--json', 'print JSON')
    .option('--fields <a,b>', 'print these JSON fields only')
    .option('--quiet', 'leave out the talk on stderr')
    .option('--no-color', 'no colours (NO_COLOR does the same)')
    .option('--no-input', 'never ask; name the missing flag instead')
    .option('--actor <name>', 'who does this, for the audit trail')
    .helpOption('--help', 'show help')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: write, writeErr: () => undefined });
  const nouns = new Map<string, Command>();
  for (const entry of REGISTRY) await addCommand(program, nouns, entry, entry === called, run);
  return program;
}

async function addCommand(program: Command, nouns: Map<string, Command>, entry: Entry, isCalled: boolean, run: Run): Promise<void> {
  const [first = '', second] = entry.path.split(' ');
  const parent = second === undefined ? program : nounCommand(program, nouns, first, entry.group);
  const command = parent
    .command(second ?? first)
    .summary(entry.summary)
    .description(capitalised(entry.summary));
  if (second === undefined) command.helpGroup(`${entry.group}:`);
  if (!isCalled) return;
  const { command: module } = await entry.load();
  module.configure(command);
  command.action(async (...passed: unknown[]) => {
    const args = passed.slice(0, command.registeredArguments.length) as Arguments;
    exitCode.set(program, await run(module, args, command.opts(), readGlobals(program)));
  });
}

/** A noun may be a command itself, as `credit` is. */
function nounCommand(program: Command, nouns: Map<string, Command>, name: string, group: string): Command {
  const known = nouns.get(name) ?? program.commands.find((command) => command.name() === name);
  if (known !== undefined) return known;
  const summary = NOUNS[name] ?? '';
  const noun = program.command(name).summary(summary).description(capitalised(summary)).helpGroup(`${group}:`).helpCommand(false);
  nouns.set(name, noun);
  return noun;
}

function capitalised(summary: string): string {
  return summary.charAt(0).toUpperCase() + summary.slice(1);
}

const exitCode = new WeakMap<Command, number>();

/** Parses and runs. Returns the exit code; throws KeyctlError. */
export async function parse(program: Command, argv: readonly string[]): Promise<number> {
  const [first, second] = positionals(argv);
  // Commander would answer --help of a command that it does not know with the help of all.
  if (first !== undefined && !isKnown(first)) throw noSuchCommand(first, second, 'keyctl --help');
  try {
    await program.parseAsync(argv.map(shieldNegative), { from: 'user' });
    return exitCode.get(program) ?? 0;
  } catch (error) {
    if (error instanceof CommanderError) return translate(error, program, argv);
    throw error;
  }
}

/**
 * `keyctl credit -5000`: to commander that is an option, since `credit` has verbs as well. With the minus sign of
 * typography in place of the hyphen it is an argument; `parseAmount` reads both.
 */
function shieldNegative(argument: string): string {
  return /^-[\d.]/.test(argument) ? `\u2212${argument.slice(1)}` : argument;
}

/** Commander's usage errors repeat the argument, which may be a secret: only its code and its suggestion are used. */
function translate(error: CommanderError, program: Command, argv: readonly string[]): number {
  if (error.exitCode === 0) return 0;
  const path = calledEntry(argv)?.path;
  const help = path === undefined ? nounHelp(program, argv) : `keyctl ${path} --help`;
  const suggestion = meantOption(error, program, path) ?? /\(Did you mean (.+?)\?\)/s.exec(error.message)?.[1];
  const hint = suggestion === undefined ? `See: ${help}` : `Did you mean ${suggestion}? See: ${help}`;
  const [first = '', second = ''] = positionals(argv);
  switch (error.code) {
    case 'commander.unknownOption':
      throw usageError('There is no such option.', hint);
    case 'commander.unknownCommand':
      throw noSuchCommand(first, second, help);
    case 'commander.excessArguments': {
      const swapped = suggestSwapped(first, second);
      if (swapped !== null) throw usageError('There are too many arguments.', `Did you mean keyctl ${swapped}? See: ${help}`);
      throw usageError(
        'There are too many arguments.',
        isNamedByOption(program, path) ? `A name is given with --name. See: ${help}` : hint,
      );
    }
    case 'commander.missingArgument':
    case 'commander.missingMandatoryOptionValue':
    case 'commander.optionMissingArgument':
    case 'commander.conflictingOption':
      // These name only what the command itself declares.
      throw usageError(`${capitalised(error.message.replace(/^error: /, ''))}.`, hint);
    case 'commander.help':
      throw usageError('A command is missing.', `See: ${help}`);
    default:
      throw new KeyctlError('usage', 'The arguments cannot be understood.', { hint, cause: error });
  }
}

/** Which option of the command is meant by one that other programs have. The typed one is looked up, and never repeated. */
function meantOption(error: CommanderError, program: Command, path: string | undefined): string | undefined {
  const typed = /unknown option '([^'=]+)/.exec(error.message)?.[1];
  if (typed === undefined) return undefined;
  const taken = [...program.options, ...(commandAt(program, path)?.options ?? [])].map(({ long }) => long ?? '');
  return suggestOption(typed, new Set([...taken, '--help'])) ?? undefined;
}

/** Whether the name is an option, as in `create --name prod`, where other programs have it as an argument. */
function isNamedByOption(program: Command, path: string | undefined): boolean {
  const command = commandAt(program, path);
  return command?.registeredArguments.length === 0 && command.options.some(({ long }) => long === '--name');
}

function commandAt(program: Command, path: string | undefined): Command | undefined {
  const words = path?.split(' ') ?? [];
  return words.reduce<Command | undefined>((parent, word) => parent?.commands.find((command) => command.name() === word), program);
}

function noSuchCommand(first: string, second: string | undefined, help: string): KeyctlError {
  const meant = suggestCommand(first, second);
  return usageError('There is no such command.', meant === null ? `See: ${help}` : `Did you mean ${meant}? See: ${help}`);
}

/** The help of the noun that was called without a verb, or with one that it does not have; else that of all. */
function nounHelp(program: Command, argv: readonly string[]): string {
  const noun = program.commands.find((command) => command.name() === positionals(argv)[0]);
  return `keyctl ${noun === undefined ? '' : `${noun.name()} `}--help`;
}

const GLOBALS_WITH_VALUE = new Set(['--db', '--fields', '--actor']);

/** The first two words that are neither options nor their values: the command. */
export function positionals(argv: readonly string[]): string[] {
  return positions(argv).map((place) => argv[place] ?? '');
}

/** Where these words stand. */
export function positions(argv: readonly string[]): readonly number[] {
  const found: number[] = [];
  for (let index = 0; index < argv.length && found.length < 2; index += 1) {
    const argument = argv[index] ?? '';
    if (argument === '--') break;
    if (GLOBALS_WITH_VALUE.has(argument)) index += 1;
    else if (!argument.startsWith('-') || argument === '-') found.push(index);
  }
  return found;
}

/** The entry that the arguments call: the longest path of the registry that they begin with. */
function calledEntry(argv: readonly string[]): Entry | undefined {
  const [first, second] = positionals(argv);
  return REGISTRY.find((entry) => entry.path === `${first ?? ''} ${second ?? ''}`) ?? REGISTRY.find((entry) => entry.path === first);
}

function readGlobals(program: Command): Globals {
  const options: Record<string, unknown> = program.opts();
  const fields = typeof options['fields'] === 'string' ? options['fields'].split(',').map((field) => field.trim()) : null;
  return {
    db: typeof options['db'] === 'string' ? options['db'] : undefined,
    json: options['json'] === true || fields !== null,
    fields,
    quiet: options['quiet'] === true,
    color: options['color'] !== false,
    input: options['input'] !== false,
    actor: typeof options['actor'] === 'string' ? options['actor'] : undefined,
  };
}
