import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BINARY } from '../harness.ts';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';
import { Terminals, type Screen } from './terminal.ts';

// Completion as somebody at a keyboard has it: the real shells, on a real terminal, with TAB pressed.

const HOSTILE = '$(touch pwned) `touch pwned`';
const QUOTED = `o'neil: "x" é`;

/** How each shell is started without anybody's settings, and what loads the completion into it. */
const SHELLS = [
  ['bash', ['--norc', '--noprofile', '-i'], ['source <(keyctl completion bash)']],
  ['zsh', ['-f', '-i'], ['autoload -Uz compinit', 'compinit -u -D', 'source <(keyctl completion zsh)']],
  ['fish', ['--no-config', '-i'], ['keyctl completion fish | source']],
] as const;

let home: Installation;
let terminals: Terminals;
let db: string;

beforeAll(async () => {
  for (const program of ['tmux', 'bash', 'zsh', 'fish'] as const) programPath(program);
  home = new Installation();
  db = join(home.folder, 'store.db');
  mkdirSync(join(home.folder, 'bin'));
  for (const name of ['keyctl', 'apikeyctl']) symlinkSync(BINARY, join(home.folder, 'bin', name));
  const run = (...args: readonly string[]): Promise<string> => home.run(['--db', db, ...args]);
  await run('create', '--name', 'prod');
  await run('account', 'create', 'acme');
  for (const name of ['web shop', 'checkout', HOSTILE, QUOTED]) await run('create', '--account', 'acme', '--name', name);
  await run('disable', 'acme/checkout');
  terminals = await Terminals.open(home.folder);
});

afterAll(async () => {
  await terminals.close();
  home.remove();
});

describe.each(SHELLS)('in %s', (shell, options, loading) => {
  let screen: Screen;

  beforeAll(async () => {
    const path = [join(home.folder, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
    const env = {
      ...{ PATH: path, HOME: home.folder, KEYCTL_DB: db, LANG: 'C.UTF-8', PS1: '> ', TERM: 'xterm-256color' },
      HISTFILE: '/dev/null',
    };
    screen = terminals.start([programPath(shell), ...options], { columns: 100, env, folder: home.folder });
    for (const line of [...loading, 'echo "it is" loaded']) screen.types(line, 'Enter');
    await screen.shows('it is loaded');
  });

  let lines = 0;

  /** Types on a fresh line, presses TAB, and waits for the text. */
  async function completes(typed: string, shown: string | RegExp, tabs = 1): Promise<void> {
    lines += 1;
    // Ctrl-C may meet the shell in the middle of a completion, which it ends, and not the line.
    screen.types('C-c');
    screen.types('C-u', ...`echo line ${String(lines)}`, 'Enter');
    await screen.shows(new RegExp(`^line ${String(lines)}$`, 'm'));
    screen.types(...typed, ...Array.from({ length: tabs }, () => 'Tab'));
    await screen.shows(shown);
  }

  test('verbs, flags and their values', async () => {
    await completes('keyctl disab', /keyctl disable *$/m);
    await completes('keyctl tier del', /keyctl tier delete *$/m);
    await completes('keyctl list --unu', /keyctl list --unused-since *$/m);
    await completes('keyctl usage --by ser', /keyctl usage --by service *$/m);
    await completes('keyctl list --status=ex', /keyctl list --status=expired *$/m);
    await completes('apikeyctl explai', /apikeyctl explain *$/m);
  });

  test('names that the store has at that moment', async () => {
    await completes('keyctl tier set stand', /keyctl tier set standard *$/m);
    await completes('keyctl account view ac', /keyctl account view acme *$/m);
    await completes('keyctl create --env qa --service def', /--service default *$/m);
    await completes('keyctl enable acm', /keyctl enable acme\/checkout *$/m);
    // The shells share one store.
    await home.run(['--db', db, 'account', 'create', `zenith-${shell}`]);
    await completes(`keyctl account view zenith-${shell.slice(0, 2)}`, new RegExp(`keyctl account view zenith-${shell} *$`, 'm'));
  });

  test('names with spaces and quotes are put in as one word, and none is ever run', async () => {
    await completes('keyctl view acme/web', /keyctl view acme\/web\\ shop *$/m);
    await completes('keyctl view "acme/web', /keyctl view "acme\/web shop" *$/m);
    await completes("keyctl view 'acme/$", /keyctl view 'acme\/\$\(touch pwned\) `touch pwned`' ?$/m);
    await completes('keyctl view acme/o', /keyctl view acme\/o\\'neil:\\ \\"x\\"\\ é *$/m);
    screen.types('Enter');
    await screen.shows(/Key: +acme\/o'neil: "x" é/);
    expect(existsSync(join(home.folder, 'pwned'))).toBe(false);
  });

  test('what there is to choose is listed', async () => {
    await completes('keyctl disable ', 'default/prod', 2);
    const listed = await screen.shows('acme/web');
    if (shell !== 'bash') expect(listed).toContain('production, active');
  });

  test('files where a file is meant', async () => {
    writeFileSync(join(home.folder, `only-${shell}.csv`), '');
    await completes(`keyctl import only-${shell}`, new RegExp(`keyctl import only-${shell}\\.csv *$`, 'm'));
  });

  test('no word of an error where there is no store, or another file', async () => {
    writeFileSync(join(home.folder, 'foreign.db'), 'something else');
    for (const name of ['missing.db', 'foreign.db']) {
      await completes(`keyctl --db ${home.folder}/${name} view ac`, /view ac$/m, 2);
      screen.types('x --jso', 'Tab');
      expect(await screen.shows(/view acx --json *$/m)).not.toMatch(/no store|not a keyctl|error/i);
    }
  });
});
