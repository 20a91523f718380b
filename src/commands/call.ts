import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { usageError, KeyctlError } from '../domain/error.ts';
import { looksLikeApiKey } from '../domain/api-key.ts';
import type { Inspection, InspectionChoice } from '../domain/inspection.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Restoring, StoreBackup, Watch } from '../domain/store-backup.ts';
import type { StoreUpgrade, UpgradeChoice } from '../domain/store-upgrade.ts';
import type { Actor, Store } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import type { PostWebhook } from '../domain/webhook-post.ts';
import type { AlertActs } from '../operations/alert-acts.ts';
import type { ServedActs } from '../operations/served-acts.ts';
import type { Output } from '../terminal/output.ts';
import type { Prompts } from '../terminal/prompts.ts';
import type { ServiceVariables } from './serve-variables.ts';

/** What a command gets from the composition root. Nothing else in keyctl touches the process, its clock or its randomness. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined; setRawMode?: (raw: boolean) => unknown };
  readonly clock: () => Instant;
  readonly randomBytes: RandomBytes;
  readonly version: string;
  /** The file that a shell starts this program from. */
  readonly program: string;
  /** docs/cli.md as it came with this release: what it says is said there and nowhere else. */
  readonly manual: () => string;
  /** The file of Node that runs it. */
  readonly interpreter: string;
  /** Its release, such as 22.12.0. */
  readonly nodeRelease: string;
  /** The user of the operating system, for the audit trail and for permissions. */
  readonly identity: () => Omit<Actor, 'claimed'>;
  /** Resolves at the first SIGINT or SIGTERM. */
  readonly stopRequested: () => Promise<NodeJS.Signals>;
  /** Stops the process, as a shell does at Ctrl-Z; resolves when it goes on. */
  readonly suspend: () => Promise<void>;
  /** What a service manager said in the environment. Asked again, it has said nothing: it is taken out of there. */
  readonly serviceVariables: () => ServiceVariables;
}

export type StoreMode = 'read' | 'write' | 'create';

/** One invocation of a command. */
/** With a connection of their own, so that nothing else is in their way. */
export interface StartedActs extends ServedActs, AlertActs {
  /** Whoever waits for the store holds up the whole thread, so that these have one of their own; false where the store is behind a network. */
  readonly blocks: boolean;
  /** Resolves when that thread is no more; nothing brings it back. */
  readonly ended: Promise<Error>;
}

export interface Call {
  readonly context: Context;
  readonly out: Output;
  readonly actor: Actor;
  /** Opens the store once; closed by the caller of the command. `create` makes a missing one and says where on stderr. */
  openStore(mode: StoreMode, busyTimeoutMs?: number): Promise<Store>;
  /** Opens another store than the one of this call, at a place that stands among the arguments; closed by the caller of the command. */
  openOther(location: string, mode: StoreMode): Promise<Store>;
  /** What `serve` writes, beside the `store` that it has open for the rest. */
  startActs(store: Store, busyTimeoutMs: number): Promise<StartedActs>;
  /** Sends messages to a webhook. */
  postWebhook(): Promise<PostWebhook>;
  /** Moves the store to the newest schema, or says what that would do; nothing else opens a store that is older. */
  upgradeStore(choice: Omit<UpgradeChoice, 'actor'>): Promise<StoreUpgrade>;
  /** Copies the store to a new file and proves the copy. */
  backupStore(target: string, watch: Watch): Promise<StoreBackup>;
  /** Opens a backup that is to be put in the store's place; closed by the caller of the command. */
  openRestore(backup: string): Promise<Restoring>;
  /** Looks at how the store is kept, whatever state it is in, and opens it for reading if it can be; closed by the caller of the command. */
  inspectStore(choice: InspectionChoice): Promise<Inspection>;
  /** Where the store is or would be. */
  storeLocation(): Promise<string>;
  /** The prompts, or null where nobody can be asked: no terminal on one of the ends, or `--no-input`. */
  prompts(): Promise<Prompts | null>;
}

/** Positional arguments as commander gives them: a text each, undefined for an optional one left out, an array for a variadic one. */
export type Arguments = readonly (string | readonly string[] | undefined)[];

export interface CommandModule {
  /** Adds arguments, options and help text; the name and the summary stand in the registry. */
  configure(command: Command): void;
  /** Runs the command; a number is its exit code, nothing is 0. */
  run(call: Call, args: Arguments, options: Readonly<Record<string, unknown>>): Promise<number | undefined>;
}

/** A required positional argument. */
export function text(args: Arguments, index: number): string {
  const value = args[index];
  if (typeof value === 'string') return value;
  throw new RangeError(`argument ${String(index)} is not declared as required`);
}

/** An option that takes a value, or undefined. Given twice, commander keeps the last. */
export function option(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

export function flag(options: Readonly<Record<string, unknown>>, name: string): boolean {
  return options[name] === true;
}

/** A repeatable option, declared with `collect`. */
export function list(options: Readonly<Record<string, unknown>>, name: string): readonly string[] | undefined {
  const value = options[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}

/** For commander: `--service a --service b` gives both. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** A whole number from `least` to `most` from a flag. */
export function wholeNumber(name: string, value: string, least: number, most: number): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw usageError(`${name} must be a whole number from ${String(least)} to ${String(most)}.`);
}

/** Fails with exit 2 and the flag to give, where a prompt would have asked. */
export function missing(flagName: string, what: string): KeyctlError {
  return usageError(`${flagName} is missing: ${what}.`, `Give ${flagName}; nobody can be asked here.`);
}

/** Fails with 130: the person at the prompt changed their mind. */
export function cancelled(): KeyctlError {
  return new KeyctlError('cancelled', 'Cancelled; nothing was changed.');
}

/**
 * Reads a secret: from a hidden prompt where a person sits, else from stdin, with exactly one newline stripped from its end.
 * Throws `usage` when nothing comes.
 */
export async function readSecret(call: Call): Promise<string> {
  const prompts = await call.prompts();
  if (prompts !== null) return prompts.secret('API key');
  if (call.context.stdin.isTTY === true) throw usageError('The API key is read from stdin.', 'Pipe it in: keyctl verify < key.txt');
  let input = '';
  for await (const chunk of call.context.stdin) {
    input += String(chunk);
    if (input.length > 4_096) throw usageError('There is more on stdin than one API key.');
  }
  const secret = input.replace(/\r?\n$/, '');
  if (secret !== '') return secret;
  throw usageError('There is no API key on stdin.', 'Pipe it in: keyctl verify < key.txt');
}

/**
 * Refuses a secret among the arguments before anything else is done with them. The argument is not repeated.
 */
export function refuseSecrets(argv: readonly string[]): void {
  if (!argv.some(looksLikeApiKey)) return;
  throw new KeyctlError('secret_in_argument', 'An API key stands among the arguments; nothing was done.', {
    hint: 'The shell history and the process list have seen it: rotate it with keyctl rotate - --grace 0, giving it on stdin.',
  });
}
