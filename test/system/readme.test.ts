import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { page } from '../markdown.ts';
import { cloneInto, environmentOutsideNpm } from './clone.ts';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';
import { eventually, freePort } from './running.ts';
import { Terminals } from './terminal.ts';

// What the README says to type, typed into a real terminal in a clone.

const README = page('README.md');
const BUILD_MS = 480_000;

let home: Installation;
let terminals: Terminals;
let clone: string;

beforeAll(async () => {
  programPath('tmux');
  home = new Installation();
  clone = cloneInto(home.folder);
  terminals = await Terminals.open(home.folder);
});

afterAll(async () => {
  await terminals.close();
  home.remove();
});

function environment(store: string, port: number): Record<string, string> {
  return { ...environmentOutsideNpm(), KEYCTL_DB: join(home.folder, store), KEYCTL_SERVE_PORT: String(port), PS1: '$ ' };
}

/** Resolves when nobody listens there any more. */
function closed(port: number): Promise<void> {
  return eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          reject(new Error('somebody listens still'));
        });
        socket.once('error', () => {
          resolve();
        });
      }),
  );
}

test(
  'npm start builds, shows a first key with the curl line that verifies it, and serves until Ctrl-C',
  async () => {
    expect(README).toContain('npm install && npm start');
    const port = await freePort();
    const env = environment('start.db', port);
    const screen = terminals.start(['npm', 'start'], { columns: 200, env, folder: clone });
    const shown = await eventually(() => screen.shows(/Serving on/));
    // Only npm's own two headings and what keyctl says: no list of what was built.
    expect(shown.trim().split('\n').length).toBeLessThan(20);
    const line = shown.split('\n').find((candidate) => candidate.includes('curl')) ?? '';
    expect(line).toMatch(/kc_prod_[0-9A-Za-z]{36}/);
    const asked = terminals.start(['sh', '-c', line], { columns: 200, env });
    const { code, lines } = await asked.ended();
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('200 OK');
    screen.types('C-c');
    await closed(port);
  },
  BUILD_MS,
);

test(
  'the ten commands can be pasted as they stand',
  async () => {
    const port = await freePort();
    const [, block = ''] = /^## Ten commands$.*?^```sh\n(.*?)^```$/ms.exec(README) ?? [];
    expect(block.trim().split('\n')).toHaveLength(10);
    const screen = terminals.start(['bash', '--norc', '-i'], { columns: 200, env: environment('ten.db', port), folder: clone });
    screen.types(block.replaceAll('8080', String(port)), 'echo the end', 'Enter');
    const shown = await eventually(() => screen.shows(/^the end$/m));
    expect(shown.match(/HTTP\/1\.1 \d+ \w+/g)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 403 Forbidden']);
    expect(shown).toMatch(/^deb_.*prod.*100/m);
    await closed(port);
    screen.types('exit', 'Enter');
    expect((await screen.ended()).lines.join('\n')).not.toContain('command not found');
  },
  BUILD_MS,
);
