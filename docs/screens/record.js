// `npm run screens`: the pictures of docs/screens, made by the program itself in a real terminal (tmux), at several widths.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeLivedInStore } from './lived-in-store.js';
import { screenAsSvg } from './svg.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BINARY = join(HERE, '../../bin/keyctl.js');
const MOST_LOOKS = 400;
const LOOK_AGAIN_MS = 50;
const BETWEEN_REQUESTS_MS = 140;

/** What is recorded: a command, or what is typed into it, and what the screen shows when it is ready to be taken. */
const SCREENS = [
  {
    name: 'init',
    columns: [80],
    args: ['--db', 'new.db', 'init', '--out', 'first.key'],
    types: [
      { after: /Prefix of your keys/, keys: ['Enter'] },
      { after: /Environments are/, keys: ['Enter'] },
      { after: /Tiers are/, keys: ['Enter'] },
      { after: /first account/, keys: ['acme', 'Enter'] },
      { after: /Its tier/, keys: ['Down', 'Enter'] },
      { after: /first key/, keys: ['Enter'] },
      { after: /Environment of that key/, keys: ['Enter'] },
      { after: /Make it so/, keys: ['y', 'Enter'] },
    ],
    shows: /mode 0600/,
  },
  {
    name: 'create',
    columns: [80],
    args: ['create', '--account', 'acme', '--name', 'nightly', '--out', 'nightly.key'],
    types: [{ after: /Environment/, keys: ['Enter'] }],
    shows: /mode 0600/,
  },
  { name: 'list', columns: [80, 200], args: ['list'], shows: /initech/ },
  { name: 'usage', columns: [80, 200], args: ['usage', '--account', 'globex', '--since', '1d', '--by', 'hour'], shows: /come back/ },
  { name: 'status', columns: [80, 200], args: ['status'], shows: /at 00:00 UTC/ },
  { name: 'watch', columns: [80, 200], args: ['status', '--watch'], beside: 'traffic', shows: /[1-9][\d.]* requests\/s|requests a second/ },
  { name: 'explain', columns: [80, 200], args: ['explain', 'globex/prod'], shows: /request_limit_reached|rate/i },
  { name: 'disable', columns: [80], args: ['disable', 'acme/tests', '--reason', 'found in a public repository'], shows: /Disabled/ },
];

const { values } = parseArgs({ options: { to: { type: 'string', default: HERE }, only: { type: 'string' } } });

class Terminal {
  #socket;
  #env;
  #folder;

  constructor(folder) {
    this.#folder = folder;
    this.#socket = join(folder, 'tmux.sock');
    this.#env = { PATH: process.env.PATH, HOME: folder, TERM: 'xterm-256color', LANG: 'C.UTF-8', KEYCTL_DB: join(folder, 'keyctl.db') };
  }

  /** Runs keyctl in a terminal of its own, types what is to be typed, and returns what is on the screen then, with its colours. */
  async record({ args, types = [], shows }, columns, rows) {
    const program = ['sh', '-c', '"$@"; read -r forever', 'sh', process.execPath, BINARY, ...args];
    this.#tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-s',
      'screen',
      '-x',
      String(columns),
      '-y',
      String(rows),
      '-c',
      this.#folder,
      ...program,
    );
    try {
      for (const { after, keys } of types) {
        await this.#wait(after);
        this.#tmux('send-keys', '-t', 'screen', ...keys);
      }
      await this.#wait(shows);
      return this.#tmux('capture-pane', '-p', '-e', '-t', 'screen');
    } finally {
      this.#tmux('kill-session', '-t', 'screen');
    }
  }

  async #wait(pattern) {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      if (pattern.test(this.#tmux('capture-pane', '-p', '-t', 'screen'))) return;
      await setTimeout(LOOK_AGAIN_MS);
    }
    throw new Error(`The screen does not show ${String(pattern)}:\n${this.#tmux('capture-pane', '-p', '-t', 'screen')}`);
  }

  #tmux(...args) {
    return execFileSync('tmux', ['-S', this.#socket, ...args], { encoding: 'utf8', env: this.#env });
  }
}

/** A server with a customer that sends a few requests a second, so that there is something to watch. */
async function traffic(folder, secret) {
  const env = { ...process.env, KEYCTL_DB: join(folder, 'keyctl.db') };
  const server = spawn(process.execPath, [BINARY, 'serve', '--port', '0'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const port = await new Promise((resolve, reject) => {
    server.stderr.on('data', (chunk) => {
      said += String(chunk);
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said);
      if (found !== null) resolve(found[1]);
    });
    server.once('exit', () => reject(new Error(`serve ended: ${said}`)));
  });
  const asking = setInterval(() => {
    fetch(`http://127.0.0.1:${port}/verify`, { headers: { 'X-API-Key': secret } }).catch(() => undefined);
  }, BETWEEN_REQUESTS_MS);
  return async () => {
    clearInterval(asking);
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  };
}

const ROWS = 44;
const folder = mkdtempSync(join(tmpdir(), 'keyctl-screens-'));
try {
  const secret = await makeLivedInStore(join(folder, 'keyctl.db'));
  const terminal = new Terminal(folder);
  for (const screen of SCREENS.filter(({ name }) => values.only === undefined || name === values.only)) {
    const stop = screen.beside === 'traffic' ? await traffic(folder, secret) : () => undefined;
    for (const columns of screen.columns) {
      const shown = await terminal.record(screen, columns, ROWS);
      const file = join(values.to, `${screen.name}-${String(columns)}.svg`);
      writeFileSync(file, screenAsSvg(shown, columns, `keyctl ${screen.args.join(' ')}`));
      process.stderr.write(`${file}\n`);
    }
    await stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
