import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Call } from '../../src/commands/call.ts';
import { EXIT_CODE_OF_ERROR } from '../../src/commands/exit-codes.ts';
import { buildProgram, parse, type Run } from '../../src/commands/program.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { backupStore, inspectStore, openRestore, openStore } from '../../src/stores/open-store.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { postWebhook } from '../../src/webhook/post-webhook.ts';
import { Output } from '../../src/terminal/output.ts';
import { ACTOR, BINARY, NO_SERVICE_VARIABLES, type Outcome, type TestClock } from '../harness.ts';
import { page } from '../markdown.ts';
import { refuseTold } from '../secrets.ts';

export interface PipedOptions {
  readonly path: string;
  readonly clock: TestClock;
  readonly stdin?: string;
  /** Sees every piece of stdout as it is written. */
  readonly onData?: (text: string) => void;
  /** Resolves when the process would be told to stop. */
  readonly stop?: Promise<NodeJS.Signals>;
  /** How long it waits for a store that somebody holds, instead of a person's ten seconds. */
  readonly busyTimeoutMs?: number;
  /** The disk is full: the store cannot grow beyond so many pages, nor beyond what it has. */
  readonly mostPages?: number;
}

/** Runs a command in this process as a script would: no terminal, nobody to ask, and the test's clock. */
export async function piped(argv: readonly string[], options: PipedOptions): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const opened: { close(): Promise<void> }[] = [];
  const run: Run = async (module, args, flags, globals) => {
    const stdout = {
      write: (text: string): void => {
        written.stdout += text;
        options.onData?.(text);
      },
    };
    const stderr = { write: (text: string) => (written.stderr += text) };
    const { json, fields, quiet } = globals;
    const out = new Output({ stdout, stderr, json, fields, quiet, color: false });
    return (await module.run(newCall(out, globals.actor ?? null, options, opened), args, flags)) ?? 0;
  };
  const ended = async (): Promise<Outcome> => {
    try {
      const program = await buildProgram(argv, { version: 'test', write: (text) => (written.stdout += text), run });
      return { code: await parse(program, argv), ...written };
    } catch (error) {
      if (!(error instanceof KeyctlError)) throw error;
      return { ...written, code: EXIT_CODE_OF_ERROR[error.code], stderr: `${written.stderr}${error.message} ${error.hint ?? ''}` };
    } finally {
      for (const store of opened) await store.close();
    }
  };
  const outcome = await ended();
  refuseTold(argv, outcome.stdout, outcome.stderr);
  return outcome;
}

function newCall(
  out: Output,
  claimed: string | null,
  { path, clock, stdin, stop, mostPages, busyTimeoutMs = 2_000 }: PipedOptions,
  opened: { close(): Promise<void> }[],
): Call {
  return {
    out,
    actor: { ...ACTOR, claimed },
    context: {
      ...{
        env: {},
        stdin: Readable.from(stdin === undefined ? [] : [stdin]),
        clock: () => clock.now,
        randomBytes,
        version: 'test',
        program: BINARY,
        interpreter: process.execPath,
        manual: () => page('docs/cli.md'),
      },
      ...{ identity: () => ACTOR, suspend: () => Promise.resolve(), stopRequested: () => stop ?? new Promise<never>(() => undefined) },
      serviceVariables: () => NO_SERVICE_VARIABLES,
      nodeRelease: process.versions.node,
    },
    storeLocation: () => Promise.resolve(path),
    startActs: () => Promise.reject(new Error('no endpoint is started here')),
    postWebhook: () => Promise.resolve(postWebhook),
    backupStore: (target, watch) => backupStore({ location: path, target, randomBytes, busyTimeoutMs, watch }),
    openRestore: async (backup) => {
      const restoring = await openRestore({ location: path, backup, clock: () => clock.now, randomBytes, busyTimeoutMs });
      opened.push(restoring);
      return restoring;
    },
    upgradeStore: () => Promise.reject(new Error('no store is upgraded here')),
    prompts: () => Promise.resolve(null),
    inspectStore: async (choice) => {
      const options = { location: path, clock: () => clock.now, randomBytes, busyTimeoutMs };
      const inspection = await inspectStore({ ...choice, ...options });
      opened.push(inspection);
      return inspection;
    },
    openOther: async (location, mode) => {
      const { store } = await openStore({ location, mode, clock: () => clock.now, randomBytes, busyTimeoutMs });
      opened.push(store);
      return store;
    },
    openStore: async (mode) => {
      const full = mostPages === undefined ? {} : { mostPages };
      const { store } = openSqliteStore({ path, mode, clock: () => clock.now, randomBytes, busyTimeoutMs, ...full });
      opened.push(store);
      return store;
    },
  };
}
