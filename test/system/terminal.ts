import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BINARY } from '../harness.ts';
import { programPath } from './programs.ts';
import { eventually, start, type Running } from './running.ts';

/** keyctl on a real terminal, as somebody sitting there sees it. */
export interface Screen {
  /** Waits until the screen shows the text. */
  shows(text: string | RegExp): Promise<string>;
  /** Types: names of keys such as `Enter`, `Up` and `C-c`, and other texts as they stand. */
  types(...keys: readonly string[]): void;
  /** What is on the screen now, without what has scrolled out of it. */
  sees(): string;
  /** Gives the window another size. */
  resizes(columns: number, rows: number): void;
  /** Sends the program a signal, such as `TERM`. */
  signals(signal: NodeJS.Signals): void;
  state(): ScreenState;
  /** Waits for the end of the program; `lines` is what is on the screen then. */
  ended(): Promise<Ended>;
}

export interface ScreenState {
  /** Whether a program has the whole screen, and what was there before waits behind it. */
  readonly otherScreen: boolean;
  readonly cursor: boolean;
}

export interface Ended {
  readonly code: number;
  readonly lines: readonly string[];
  /** Whether anything was painted. */
  readonly escapes: boolean;
  /** Whether a line was wider than the terminal, so that it went on in the next. */
  readonly wrapped: boolean;
}

export interface ScreenOptions {
  readonly db: string;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProgramOptions {
  readonly columns: number;
  readonly env: Readonly<Record<string, string>>;
  readonly folder?: string;
}

/** The program, and then its exit code on a line of its own. The shell outlives a Ctrl-C and waits, so that the screen stays. */
const SHELL = 'trap : INT; "$@"; printf "\\nexit %s\\n" "$?"; read -r forever';

/** A tmux server of its own, in the foreground, so that it ends with the tests. */
export class Terminals {
  readonly #socket: string;
  readonly #server: Running;
  #count = 0;

  private constructor(socket: string, server: Running) {
    this.#socket = socket;
    this.#server = server;
  }

  static async open(folder: string): Promise<Terminals> {
    const socket = join(folder, 'tmux.sock');
    const server = start(programPath('tmux'), ['-D', '-S', socket, '-f', '/dev/null'], {
      HOME: folder,
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
    });
    const terminals = new Terminals(socket, server);
    await eventually(() => terminals.#tmux('start-server'));
    return terminals;
  }

  /** Runs keyctl. */
  run(args: readonly string[], { db, columns = 80, env = {} }: ScreenOptions): Screen {
    return this.start([process.execPath, BINARY, ...args], { columns, env: { KEYCTL_DB: db, ...env } });
  }

  /** Runs a program in a folder. */
  start(command: readonly string[], { columns, env, folder = '/' }: ProgramOptions): Screen {
    this.#count += 1;
    const name = `screen${String(this.#count)}`;
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const size = ['-x', String(columns), '-y', '40', '-c', folder];
    this.#tmux('new-session', '-d', '-s', name, ...size, 'sh', '-c', SHELL, 'sh', 'env', ...variables, ...command);
    return this.#screen(name);
  }

  /** An interactive bash, with job control, in which a test types what a person would. */
  shell({ columns, env }: ProgramOptions): Screen {
    return this.start(['bash', '--norc', '--noprofile', '-i'], { columns, env: { ...env, PS1: '$ ' } });
  }

  #screen(name: string): Screen {
    const screen = (): string => this.#tmux('capture-pane', '-p', '-S', '-', '-t', name);
    return {
      shows: (text) =>
        eventually(() => {
          const seen = screen();
          if (typeof text === 'string' ? seen.includes(text) : text.test(seen)) return seen;
          throw new Error(`the screen does not show ${String(text)}:\n${seen}`);
        }),
      types: (...keys) => {
        this.#tmux('send-keys', '-t', name, ...keys);
      },
      sees: () => this.#tmux('capture-pane', '-p', '-t', name),
      resizes: (columns, rows) => {
        this.#tmux('resize-window', '-t', name, '-x', String(columns), '-y', String(rows));
      },
      signals: (signal) => {
        const shell = this.#tmux('display-message', '-p', '-t', name, '#{pane_pid}').trim();
        process.kill(Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim()), signal);
      },
      state: () => {
        const flags = this.#tmux('display-message', '-p', '-t', name, '#{alternate_on}#{cursor_flag}').trim();
        return { otherScreen: flags.startsWith('1'), cursor: flags.endsWith('1') };
      },
      ended: () =>
        eventually(() => {
          const lines = screen().split('\n');
          const end = lines.findLastIndex((line) => /^exit \d+$/.test(line));
          if (end === -1) throw new Error(`the program runs still:\n${lines.join('\n')}`);
          const escapes = this.#tmux('capture-pane', '-p', '-e', '-t', name).includes('\u001b[');
          const unbroken = this.#tmux('capture-pane', '-p', '-J', '-S', '-', '-t', name).trimEnd().split('\n');
          const wrapped = unbroken.length !== screen().trimEnd().split('\n').length;
          return { wrapped, code: Number(lines[end]?.slice('exit '.length)), lines: lines.slice(0, end), escapes };
        }),
    };
  }

  async close(): Promise<void> {
    try {
      // Whichever server has the socket: a client that comes before ours listens starts one of its own, which outlives the tests.
      this.#tmux('kill-server');
    } catch {
      // None has it.
    }
    await this.#server.stop();
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync(programPath('tmux'), ['-S', this.#socket, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
