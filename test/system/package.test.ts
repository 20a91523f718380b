import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '../harness.ts';
import { page, ROOT } from '../markdown.ts';
import { cloneInto, environmentOutsideNpm } from './clone.ts';
import { jsonListOf, jsonOf } from './http-client.ts';

// The package as others get it: packed, installed into an empty folder, and used there.

/** better-sqlite3 is compiled where no prebuilt file can be had, which takes minutes. */
const INSTALL_MS = 900_000;
const SQLITE = 'node_modules/better-sqlite3';

const folder = temporaryFolder();
let clone: string;
let packed: string;

beforeAll(async () => {
  clone = cloneInto(folder.path);
  packed = join(folder.path, 'packed');
  mkdirSync(packed);
  await run(clone, 'npm', ['pack', '--pack-destination', packed]);
}, INSTALL_MS);

afterAll(() => {
  folder.cleanUp();
});

/**
 * A folder with a prebuilt file of better-sqlite3, made of what the install of this tree has: what compiles here has compiled then. Its own
 * script for installing looks into such a folder first; where it wants another release of it, it compiles.
 */
async function prebuilt(): Promise<string> {
  const { version: release } = jsonOf(page(`${SQLITE}/package.json`));
  const name = `better-sqlite3-v${String(release)}-node-v${process.versions.modules}-${process.platform}-${process.arch}.tar.gz`;
  const place = join(folder.path, 'prebuilt');
  mkdirSync(place);
  await run(join(ROOT, SQLITE), 'tar', ['-czf', join(place, name), 'build/Release/better_sqlite3.node']);
  return place;
}

async function run(cwd: string, program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { ...environmentOutsideNpm(), KEYCTL_DB: join(folder.path, 'store.db'), ...more };
  const { stdout } = await promisify(execFile)(program, [...args], { cwd, env });
  return stdout;
}

const version = String(jsonOf(page('package.json'))['version']);
const tarball = (): string => join(packed, `keyctl-${version}.tgz`);

test('the tarball has the program and its documents, and nothing that was left over', async () => {
  expect(readdirSync(packed)).toEqual([`keyctl-${version}.tgz`]);
  const files = (await run(packed, 'tar', ['-tzf', tarball()])).trim().split('\n');
  const needed = [
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'bin/keyctl.js',
    'bin/compiled.js',
    'bin/package.json',
    'dist/main.js',
    'dist/store-thread.js',
    'dist/package.json',
    'dist/apikeyctl.1',
    'dist/THIRD-PARTY-LICENSES.txt',
    'docs/cli.md',
    'recipes/nginx/keyctl.conf',
  ];
  for (const file of needed) expect(files).toContain(`package/${file}`);
  const documents =
    /^package\/((bin\/|dist\/)?package\.json|dist\/THIRD-PARTY-LICENSES\.txt|dist\/apikeyctl\.1|README\.md|SECURITY\.md|CHANGELOG\.md|LICENSE|docs\/(screens\/)?[\w-]+\.(md|svg)|recipes\/.+)$/;
  expect(files.filter((file) => !documents.test(file) && !/^package\/(bin|dist)\/[\w/-]+\.js$/.test(file))).toEqual([]);
});

test(
  'an install into an empty folder has a keyctl that works, under both of its names',
  async () => {
    const empty = join(folder.path, 'empty');
    mkdirSync(empty);
    const env = { npm_config_better_sqlite3_local_prebuilds: await prebuilt() };
    await run(empty, 'npm', ['install', '--no-audit', '--no-fund', tarball()], env);
    expect((await run(empty, 'npx', ['keyctl', '--version'])).trim()).toBe(version);
    expect((await run(empty, 'npx', ['apikeyctl', '--version'])).trim()).toBe(version);
    expect(await run(empty, 'npx', ['keyctl', 'create', '--name', 'installed'])).toMatch(/^kc_prod_[0-9A-Za-z]{36}\n$/);
    expect(jsonListOf(await run(empty, 'npx', ['keyctl', 'list', '--json']))).toMatchObject([{ name: 'installed', status: 'active' }]);
  },
  INSTALL_MS,
);

test('npx keyctl and bin/keyctl.js work in the clone', async () => {
  expect((await run(ROOT, 'npx', ['keyctl', '--version'])).trim()).toBe(version);
  expect((await run(ROOT, join(ROOT, 'bin/keyctl.js'), ['--version'])).trim()).toBe(version);
});
