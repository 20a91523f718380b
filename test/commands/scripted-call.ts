import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Call } from '../../src/commands/call.ts';
import { buildProgram, parse } from '../../src/commands/program.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { backupStore, inspectStore, openRestore, openStore } from '../../src/stores/open-store.ts';
import { postWebhook } from '../../src/webhook/post-webhook.ts';
import { Output } from '../../src/terminal/output.ts';
import type { Choice, Prompts } from '../../src/terminal/prompts.ts';
import { ACTOR, BINARY, NO_SERVICE_VARIABLES, type TestClock } from '../harness.ts';
import { page } from '../markdown.ts';
import { refuseTold } from '../secrets.ts';

/** What a person answers to the prompts, in their order: a text, the labels to choose, or `Ctrl-C`. */
export type Answers = readonly (string | readonly string[])[];

export interface Session {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
  /** The questions that were asked, with what there was to choose. */
  readonly asked: readonly string[];
}

/** A person at a terminal who answers as written down, through the port that inquirer fills otherwise. */
class ScriptedPrompts implements Prompts {
  readonly asked: string[] = [];
  readonly #answers: (string | readonly string[])[];

  constructor(answers: Answers) {
    this.#answers = [...answers];
  }

  async ask(message: string, check: (text: string) => string): Promise<string> {
    return check(this.#next(message));
  }

  async secret(message: string): Promise<string> {
    return this.#next(message);
  }

  async choose<Value>(message: string, choices: readonly Choice<Value>[], preselected?: Value): Promise<Value> {
    const label = this.#next(`${message} ${choices.map((choice) => choice.label).join(' | ')}`);
    const chosen =
      label === '' ? choices.find(({ value }) => value === preselected) : choices.find((choice) => choice.label.includes(label));
    if (chosen === undefined) throw new Error(`nothing to choose is called ${label}`);
    return chosen.value;
  }

  async chooseSome<Value>(message: string, choices: readonly Choice<Value>[]): Promise<readonly Value[]> {
    const labels = this.#take(`${message} ${choices.map((choice) => choice.label).join(' | ')}`);
    return choices.filter((choice) => [labels].flat().some((label) => choice.label.includes(label))).map(({ value }) => value);
  }

  async confirm(message: string): Promise<boolean> {
    return this.#next(message) === 'y';
  }

  async typed(message: string, word: string): Promise<boolean> {
    return this.#next(message) === word;
  }

  #next(message: string): string {
    return String(this.#take(message));
  }

  #take(message: string): string | readonly string[] {
    this.asked.push(message);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error(`nobody wrote down an answer to: ${message}`);
    if (answer === 'Ctrl-C') throw new KeyctlError('cancelled', 'Cancelled; nothing was changed.');
    return answer;
  }
}

/** Runs a command in this process, with a person on both ends of the terminal. `code` is the exit code, or an error's code. */
export async function atTerminal(
  argv: readonly string[],
  answers: Answers,
  {
    path,
    clock,
    columns = 120,
    unicode = false,
  }: { readonly path: string; readonly clock: TestClock; readonly columns?: number; readonly unicode?: boolean },
): Promise<Session> {
  const prompts = new ScriptedPrompts(answers);
  const stdout: string[] = [];
  const stderr: string[] = [];
  const opened: { close(): Promise<void> }[] = [];
  const end = { isTTY: true, columns };
  const sinks = {
    stdout: { ...end, write: (text: string) => stdout.push(text) },
    stderr: { ...end, write: (text: string) => stderr.push(text) },
  };
  const call: Call = {
    out: new Output({ ...sinks, json: false, fields: null, quiet: false, color: false, unicode }),
    actor: ACTOR,
    context: {
      ...{
        env: {},
        stdin: Readable.from([]),
        clock: () => clock.now,
        randomBytes,
        version: 'test',
        program: BINARY,
        interpreter: process.execPath,
        manual: () => page('docs/cli.md'),
      },
      ...{ identity: () => ACTOR, suspend: () => Promise.resolve(), stopRequested: () => new Promise<never>(() => undefined) },
      serviceVariables: () => NO_SERVICE_VARIABLES,
      nodeRelease: process.versions.node,
    },
    storeLocation: async () => path,
    startActs: () => Promise.reject(new Error('no endpoint is started here')),
    postWebhook: () => Promise.resolve(postWebhook),
    backupStore: (target, watch) => backupStore({ location: path, target, randomBytes, busyTimeoutMs: 2_000, watch }),
    openRestore: async (backup) => {
      const restoring = await openRestore({ location: path, backup, clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 });
      opened.push(restoring);
      return restoring;
    },
    upgradeStore: () => Promise.reject(new Error('no store is upgraded here')),
    prompts: async () => prompts,
    inspectStore: async (choice) => {
      const options = { location: path, clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 };
      const inspection = await inspectStore({ ...choice, ...options });
      opened.push(inspection);
      return inspection;
    },
    openOther: () => Promise.reject(new Error('no other store is opened here')),
    openStore: async (mode) => {
      const { store } = await openStore({ location: path, mode, clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 });
      opened.push(store);
      return store;
    },
  };
  try {
    const run = async (...[module, args, options]: Parameters<Parameters<typeof buildProgram>[1]['run']>): Promise<number> =>
      (await module.run(call, args, options)) ?? 0;
    const program = await buildProgram(argv, { version: 'test', write: (text) => void stdout.push(text), run });
    return session(await parse(program, argv));
  } catch (error) {
    if (!(error instanceof KeyctlError)) throw error;
    stderr.push(`${error.message} ${error.hint ?? ''}`);
    return session(error.code);
  } finally {
    for (const store of opened) await store.close();
  }

  function session(code: number | string): Session {
    refuseTold(argv, stdout.join(''), [...stderr, ...prompts.asked].join(''));
    return { code, stdout: stdout.join(''), stderr: stderr.join(''), asked: prompts.asked };
  }
}
