import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { helpAsOption, isBare, runBare } from './commands/bare.ts';
import type { Call, CommandModule, Context, StartedActs, StoreMode } from './commands/call.ts';
import { refuseSecrets } from './commands/call.ts';
import { EXIT, EXIT_CODE_OF_ERROR } from './commands/exit-codes.ts';
import { buildProgram, parse, positionals, type Globals } from './commands/program.ts';
import { followRenames, RENAMES } from './commands/renamed.ts';
import { takeServiceVariables } from './commands/serve-variables.ts';
import { checkLocation, locateStore } from './config.ts';
import { KeyctlError } from './domain/error.ts';
import { checkText } from './domain/names.ts';
import type { Actor, Store } from './domain/store.ts';
import { backupStore, inspectStore, isUrl, openRestore, openStore, upgradeStore } from './stores/open-store.ts';
import { speaksUnicode } from './terminal/glyphs.ts';
import { Output, wrappedFor } from './terminal/output.ts';

// The composition root: the only file that knows the process, its clock and its randomness.

const SHELL_BUSY_TIMEOUT_MS = 10_000;
/** Somebody pressed TAB and waits. */
const COMPLETION_BUSY_TIMEOUT_MS = 200;
/** Within this a signal to this process has arrived. */
const UNTIL_STOPPED_MS = 50;
/** The global options of a call behind which no person and no script stands. */
const NOBODY: Globals = { db: undefined, json: false, fields: null, quiet: true, color: false, input: false, actor: undefined };

/** Runs keyctl with this process's arguments and sets its exit code. */
export async function main(): Promise<void> {
  const { argv: given, notes } = followRenames(process.argv.slice(2), RENAMES);
  const argv = helpAsOption(given, positionals(given));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that went away, as in `keyctl list | head -1`, has all it wanted.
    process.exit(error.code === 'EPIPE' ? EXIT.done : report(unwritable(error), wantsJson(argv)));
  });
  process.stderr.on('error', () => undefined);
  // A person learns the new name; what a script reads stays as it was.
  if (process.stderr.isTTY && !wantsJson(given) && !given.includes('--quiet')) for (const note of notes) process.stderr.write(`${note}\n`);
  try {
    process.exitCode = process.stdout.isTTY && isBare(argv, positionals(argv)) ? await runBare(argv, run) : await run(argv);
  } catch (error) {
    process.exitCode = report(error, wantsJson(argv));
  }
}

async function run(argv: readonly string[]): Promise<number> {
  if (argv[0] === '__complete') return answerShell(argv);
  if (argv[0] === '__man') return writeManPage();
  refuseSecrets(argv);
  const version = readVersion();
  const program = await buildProgram(argv, {
    version,
    write: (text) => process.stdout.write(text),
    run: (module, args, options, globals) => invoke(module, args, options, globals, version),
  });
  return parse(program, argv);
}

/** What a shell asks at TAB, with the line on stdin; nobody reads an error there. */
async function answerShell(argv: readonly string[]): Promise<number> {
  const { complete } = await import('./commands/completing/complete.ts');
  const opened: { close(): Promise<void> }[] = [];
  const openForNames = (db: string | undefined): Promise<Store> =>
    newCall({ ...NOBODY, db }, readVersion(), opened).openStore('read', COMPLETION_BUSY_TIMEOUT_MS);
  const programFor = (words: readonly string[]): Promise<Command> =>
    buildProgram(words, { version: '', write: () => undefined, run: () => Promise.resolve(EXIT.done) });
  try {
    process.stdout.write(await complete({ argv, input: readFileSync(0, 'utf8'), programFor, openStore: openForNames }));
    return EXIT.done;
  } finally {
    for (const closable of opened) await closable.close();
  }
}

/** What `npm run build` makes dist/apikeyctl.1 with. */
async function writeManPage(): Promise<number> {
  const [{ manPage }, { REGISTRY }] = await Promise.all([import('./commands/helping/man-page.ts'), import('./commands/registry.ts')]);
  const program = await buildProgram([], { version: '', write: () => undefined, run: () => Promise.resolve(EXIT.done) });
  process.stdout.write(await manPage({ version: readVersion(), page: readManual(), program, registry: REGISTRY }));
  return EXIT.done;
}

async function invoke(
  module: CommandModule,
  args: Parameters<CommandModule['run']>[1],
  options: Parameters<CommandModule['run']>[2],
  globals: Globals,
  version: string,
): Promise<number> {
  const opened: { close(): Promise<void> }[] = [];
  const call = newCall(globals, version, opened);
  try {
    return (await module.run(call, args, options)) ?? EXIT.done;
  } finally {
    for (const closable of opened) await closable.close();
  }
}

function newOutput({ json, fields, quiet, color }: Globals): Output {
  return new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    json,
    fields,
    quiet,
    color: color && process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    unicode: speaksUnicode(process.env, process.platform),
  });
}

function newCall(globals: Globals, version: string, opened: { close(): Promise<void> }[]): Call {
  const out = newOutput(globals);
  const context = newContext(version);
  const storeLocation = (): Promise<string> => locateStore({ flag: globals.db, env: process.env, exists: existsSync, dataDirectory });
  const actor = newActor(globals, context);
  return {
    context,
    out,
    actor,
    storeLocation,
    prompts: async () => {
      if (!globals.input || globals.json || !process.stdout.isTTY || !isatty(0)) return null;
      return (await import('./terminal/inquirer-prompts.ts')).inquirerPrompts(out.unicode);
    },
    startActs: async (store, busyTimeoutMs) => {
      const location = await storeLocation();
      if (isUrl(location)) return startActsOverNetwork(store, { location, busyTimeoutMs, ...context }, opened);
      const { startThreadedActs } = await import('./threaded-acts.ts');
      const acts = await startThreadedActs({ location, busyTimeoutMs });
      opened.push(acts);
      return { ...acts, blocks: true, ended: acts.ended };
    },
    postWebhook: async () => (await import('./webhook/post-webhook.ts')).postWebhook,
    upgradeStore: async (choice) => {
      const { clock } = context;
      return upgradeStore({
        ...choice,
        actor,
        clock,
        env: context.env,
        location: await storeLocation(),
        busyTimeoutMs: SHELL_BUSY_TIMEOUT_MS,
      });
    },
    backupStore: async (target, watch) =>
      backupStore({ location: await storeLocation(), target, randomBytes, busyTimeoutMs: SHELL_BUSY_TIMEOUT_MS, watch }),
    openRestore: async (backup) => {
      const { clock } = context;
      const restoring = await openRestore({
        ...{ location: await storeLocation(), backup, clock, randomBytes, busyTimeoutMs: SHELL_BUSY_TIMEOUT_MS },
      });
      opened.push(restoring);
      return restoring;
    },
    inspectStore: async (choice) => {
      const { clock } = context;
      const options = { clock, randomBytes, env: context.env, location: await storeLocation(), busyTimeoutMs: SHELL_BUSY_TIMEOUT_MS };
      const inspection = await inspectStore({ ...choice, ...options });
      opened.push(inspection);
      return inspection;
    },
    openStore: async (mode: StoreMode, busyTimeoutMs = SHELL_BUSY_TIMEOUT_MS) => {
      const { clock } = context;
      const { env } = process;
      const { store, created } = await openStore({ location: await storeLocation(), mode, clock, randomBytes, busyTimeoutMs, env });
      opened.push(store);
      if (created) out.note(`Made a store at ${store.location}`);
      return store;
    },
    openOther: async (location, mode) => {
      const { clock } = context;
      checkLocation('--to', location);
      const { env } = process;
      const { store } = await openStore({ location, mode, clock, randomBytes, busyTimeoutMs: SHELL_BUSY_TIMEOUT_MS, env });
      opened.push(store);
      return store;
    },
  };
}

/** Whoever waits for a network holds up nobody: no thread is needed, but a connection, so that no batch waits for what is done beside. */
async function startActsOverNetwork(
  store: Store,
  options: Pick<Parameters<typeof openStore>[0], 'location' | 'busyTimeoutMs' | 'clock' | 'randomBytes' | 'env'>,
  opened: { close(): Promise<void> }[],
): Promise<StartedActs> {
  const { store: settling } = await openStore({ ...options, mode: 'write' });
  opened.push(settling);
  const [{ servedActs }, { alertActs }] = await Promise.all([import('./operations/served-acts.ts'), import('./operations/alert-acts.ts')]);
  return {
    ...{ ...servedActs(store), ...alertActs(store, options.randomBytes), settle: (requests) => settling.settle(requests), blocks: false },
    ended: new Promise(() => undefined),
  };
}

function newContext(version: string): Context {
  return {
    env: process.env,
    get stdin() {
      return process.stdin;
    },
    clock: Date.now,
    randomBytes,
    version,
    program: fileURLToPath(new URL('../bin/keyctl.js', import.meta.url)),
    interpreter: process.execPath,
    nodeRelease: process.versions.node,
    manual: readManual,
    identity: () => ({ osUser: osUser(), sudoUser: process.env['SUDO_USER'] ?? null, host: hostname() }),
    stopRequested: () =>
      new Promise((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      }),
    suspend,
    serviceVariables: () => takeServiceVariables(process.env, process.pid),
  };
}

/** Where no shell waits for it nothing stops, and it goes on at once. */
async function suspend(): Promise<void> {
  if (process.platform === 'win32') return;
  // The whole group, as the terminal would do it: whoever started this waits as well.
  process.kill(0, 'SIGTSTP');
  await new Promise((resolve) => setTimeout(resolve, UNTIL_STOPPED_MS));
  // Who has no terminal is not told that its window has another size: it is looked up.
  process.emit('SIGWINCH');
}

function newActor(globals: Globals, context: Context): Actor {
  return { claimed: globals.actor === undefined ? null : checkText('name for --actor', globals.actor), ...context.identity() };
}

/** A user id without an entry in the user database, as in a container, has no name. */
function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

async function dataDirectory(): Promise<string> {
  const { default: envPaths } = await import('env-paths');
  return envPaths('keyctl', { suffix: '' }).data;
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}

function readManual(): string {
  return readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');
}

/** stdout is a full disk, say. What the command did stands by then, so the message says what is lost. */
function unwritable(cause: NodeJS.ErrnoException): KeyctlError {
  const hint = 'What the command did stands. A secret that it would have shown is lost: rotate or delete that key.';
  return new KeyctlError('failed', `stdout cannot be written: ${cause.code ?? 'unknown'}.`, { hint, cause });
}

/** Asked before parsing, so that an error of parsing is JSON as well. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const before = end === -1 ? argv : argv.slice(0, end);
  return before.some(
    (argument) => argument === '--json' || argument.startsWith('--json=') || argument === '--fields' || argument.startsWith('--fields='),
  );
}

/** Tells a failure on stderr and returns its exit code. A failure nobody foresaw shows its own message, never the arguments. */
function report(error: unknown, json: boolean): number {
  const known = error instanceof KeyctlError ? error : null;
  const code = known?.code ?? 'failed';
  const message = known?.message ?? `keyctl failed unexpectedly: ${error instanceof Error ? error.message : 'unknown'}`;
  const hint = known?.hint ?? null;
  if (json) process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else process.stderr.write(wrappedFor(process.stderr, `keyctl: ${message}\n${hint === null ? '' : `  ${hint}\n`}`));
  if (known === null && process.env['KEYCTL_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return EXIT_CODE_OF_ERROR[code];
}
