import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { temporaryFolder } from './harness.ts';
import { ROOT } from './markdown.ts';

// The build keeps compiled code for a Node that does not by itself. It makes a start shorter, and nothing else of it.

/** Tells on stderr which files of dist were compiled from what was kept, and which were refused. */
const TELL = `
  const { compileFromKept } = require('./bin/compiled.js');
  const told = {};
  compileFromKept((script, kept) => (told[require('node:path').basename(kept).split('.')[0]] = script.cachedDataRejected ?? null));
  process.on('exit', () => process.stderr.write(JSON.stringify(told)));
  void require('./dist/main.js').main();
`;
const KEEPS_BY_ITSELF = 'enableCompileCache' in Module;

let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ['bin', 'dist', 'package.json']) cpSync(join(ROOT, name), join(folder.path, name), { recursive: true });
  mkdirSync(join(folder.path, 'home'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
});

afterEach(() => {
  folder.cleanUp();
});

function kept(): readonly string[] {
  const dist = join(folder.path, 'dist');
  return readdirSync(dist)
    .filter((name) => name.endsWith(`.${process.version}-${process.arch}`))
    .map((name) => join(dist, name));
}

function run(program: readonly string[], args: readonly string[], flags: readonly string[] = []): { stdout: string; stderr: string } {
  const errors = join(folder.path, 'stderr');
  const redirected = ['-c', 'exec "$@" 2>"$0"', errors, process.execPath, ...flags, ...program];
  const env = { PATH: process.env['PATH'] ?? '', HOME: join(folder.path, 'home'), KEYCTL_DB: join(folder.path, 'keyctl.db') };
  const stdout = execFileSync('/bin/sh', [...redirected, ...args], { cwd: folder.path, env, encoding: 'utf8' });
  return { stdout, stderr: readFileSync(errors, 'utf8') };
}

/** What became of each file of dist that a command loads: false where it was compiled from what was kept, true where that was refused. */
function outcomes(...flags: readonly string[]): Record<string, boolean | null> {
  const script = join(folder.path, 'tell.cjs');
  writeFileSync(script, TELL);
  return JSON.parse(run([script], ['list', '--quiet'], flags).stderr) as Record<string, boolean | null>;
}

const create = (name: string): string => run(['bin/keyctl.js'], ['create', '--name', name]).stdout;

test('what create and list load is compiled from what the build has kept, and they do what they do without it', () => {
  expect(create('first')).toMatch(/^kc_prod_\w+\n$/);
  const found = outcomes();
  expect(Object.keys(found)).toEqual(expect.arrayContaining(['main', 'program', 'usual']));
  expect(new Set(Object.values(found))).toEqual(new Set([KEEPS_BY_ITSELF ? null : false]));
});

test.each([
  ['is cut short', (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2))],
  ['is empty', (path: string) => truncateSync(path, 0)],
  ['is something else', (path: string) => writeFileSync(path, 'something else '.repeat(1_000))],
  [
    'cannot be read',
    (path: string) => {
      rmSync(path);
      mkdirSync(path);
    },
  ],
])('where it %s Node compiles as it always does', (_, spoil) => {
  for (const path of kept()) spoil(path);
  expect(create('second')).toMatch(/^kc_prod_\w+\n$/);
  expect(run(['bin/keyctl.js'], ['list']).stdout).toContain('second');
  expect(Object.values(outcomes())).not.toContain(false);
});

test('it is of no use to a Node that compiles otherwise, and does no harm there', () => {
  create('third');
  expect(Object.values(outcomes('--no-opt'))).not.toContain(false);
});

test('a failure tells the place in dist, where the code is', () => {
  expect(existsSync(join(folder.path, 'dist.new'))).toBe(false);
  for (const path of kept()) expect(readFileSync(path, 'latin1')).not.toContain('dist.new');
});
