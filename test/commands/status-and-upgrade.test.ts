import Database from 'better-sqlite3';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isBare, runBare } from '../../src/commands/bare.ts';
import { positionals } from '../../src/commands/program.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { MIGRATIONS, SCHEMA_VERSION } from '../../src/stores/sqlite/schema.ts';
import { keyctl, temporaryFolder, temporaryStore } from '../harness.ts';
import { charge } from '../operations/account-fixture.ts';
import { makeKey, spend } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe('keyctl status', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const run = (...argv: string[]) => piped(argv, { path: opened.path, clock: opened.clock });

  test('tells a person where the store is, what today was, and what to do next', async () => {
    const empty = await run('status');
    expect(empty.code).toBe(0);
    expect(empty.stdout).toContain(opened.path);
    expect(empty.stdout).toContain('keyctl create --name prod');
    await makeKey(opened.store, 'prod', { expiresAt: NOON + 86_400_000 });
    await charge(opened.store, 'default', 1_000);
    const { stdout } = await run('status');
    expect(stdout).toContain('1,000 admitted, 100,000 credits');
    expect(stdout).toContain('default/prod  in 1 d');
    expect(stdout).toContain('Reset:   in 12 h, at 00:00 UTC; keyctl reset never ran');
    expect(stdout).toMatch(/default {2}free {2}#+ {2}100 % of 100,000 {2}spent\n/);
    expect(stdout).toContain('keyctl reset');
    await run('reset');
    expect((await run('status')).stdout).not.toContain('Run keyctl reset');
  });

  test('--json has its fields', async () => {
    const status = JSON.parse((await run('status', '--json')).stdout) as Record<string, unknown>;
    expect(Object.keys(status)).toEqual([
      ...['store', 'day', 'today', 'accounts', 'busiest', 'keys', 'expiring', 'lastReset', 'resetsAt', 'resetsInSeconds'],
      ...['at', 'hours', 'tightest', 'pace', 'servers', 'alerts'],
    ]);
    expect(status).toMatchObject({ store: opened.path, day: '2026-11-22', resetsInSeconds: 43_200 });
    expect((await run('status', '--fields', 'secret')).code).toBe(2);
  });

  test.each([
    [['--every', '5s'], '--watch'],
    [['--watch', '--json', '--every', '100'], '1s to 1h'],
    [['--watch', '--json', '--every', '2h'], '1s to 1h'],
    [['--watch'], 'With --json'],
  ])('%j is refused with exit 2', async (argv, words) => {
    const { code, stdout, stderr } = await run('status', ...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  test('--watch --json writes a line for each look until it is told to stop', async () => {
    const { apiKey } = await makeKey(opened.store, 'prod');
    await spend(opened.store, apiKey, 20);
    let [lines, stop] = ['', (_: NodeJS.Signals) => {}];
    const stopped = new Promise<NodeJS.Signals>((resolve) => (stop = resolve));
    const { code } = await piped(['status', '--watch', '--every', '1s', '--fields', 'at,pace'], {
      ...{ path: opened.path, clock: opened.clock, stop: stopped },
      onData: (text) => {
        lines += text;
        opened.clock.now += 1_000;
        if (lines.split('\n').length > 2) stop('SIGTERM');
      },
    });
    expect(code).toBe(0);
    const looks = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(looks.map(({ at }) => at)).toEqual(['2026-11-22T12:00:00.000Z', '2026-11-22T12:00:01.000Z']);
    expect(looks[0]).toMatchObject({
      pace: {
        seconds: 10,
        requestsPerSecond: 2,
        creditsPerSecond: 200,
        keys: [{ account: 'default', keyName: 'prod', requestsPerSecond: 2 }],
      },
    });
  });
});

describe('keyctl without a command', () => {
  const bare = (argv: readonly string[]): boolean => isBare(argv, positionals(argv));

  test('is what names none and asks for nothing else', () => {
    for (const argv of [[], ['--db', 'other.db'], ['--no-color'], ['--json']]) expect(bare(argv)).toBe(true);
    for (const argv of [['list'], ['--db', 'other.db', 'list'], ['--help'], ['--version'], ['--', 'list'], ['nonsense']])
      expect(bare(argv)).toBe(false);
  });

  test('is status, and without a store the help', async () => {
    const ran: (readonly string[])[] = [];
    const withStore = (argv: readonly string[]) => {
      ran.push(argv);
      return Promise.resolve(0);
    };
    expect(await runBare(['--no-color'], withStore)).toBe(0);
    expect(ran).toEqual([['--no-color', 'status']]);
    const without = (argv: readonly string[]) =>
      argv.includes('status') ? Promise.reject(new KeyctlError('store_missing', 'none')) : withStore(argv);
    expect(await runBare([], without)).toBe(0);
    expect(ran.at(-1)).toEqual(['--help']);
  });

  test('any other trouble with the store is told', async () => {
    await expect(runBare([], () => Promise.reject(new KeyctlError('store_damaged', 'bad')))).rejects.toThrow('bad');
  });

  test('where no person sits, a command is missing', async () => {
    const folder = temporaryFolder();
    const { code, stdout, stderr } = await keyctl([], { db: join(folder.path, 'none.db') });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('keyctl --help');
    folder.cleanUp();
  });
});

describe('keyctl upgrade', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
    await opened.store.close();
  });

  afterEach(() => opened.cleanUp());

  test('of a store that is new enough says so', async () => {
    const { code, stdout } = await keyctl(['upgrade', '--json'], { db: opened.path });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      store: opened.path,
      from: SCHEMA_VERSION,
      to: SCHEMA_VERSION,
      migrations: [],
      backup: null,
      dryRun: false,
    });
    expect((await keyctl(['upgrade', '--dry-run'], { db: opened.path })).stdout).toContain('nothing to do');
  });

  test('is what every other command asks for where the store is older', async () => {
    const db = new Database(opened.path);
    db.exec('DELETE FROM schema_versions WHERE version > 1; UPDATE schema_versions SET version = 0');
    db.close();
    for (const argv of [['list'], ['charge'], ['create', '--name', 'prod'], ['serve', '--port', '0']]) {
      const { code, stderr } = await keyctl(argv, { db: opened.path });
      expect(code).toBe(1);
      expect(stderr).toContain('keyctl upgrade');
    }
    const { stdout } = await keyctl(['upgrade', '--dry-run', '--json'], { db: opened.path });
    expect(JSON.parse(stdout)).toMatchObject({
      from: 0,
      to: SCHEMA_VERSION,
      migrations: MIGRATIONS.map(({ version }) => version),
      dryRun: true,
    });
  });

  test('without a store is exit 3, and makes none', async () => {
    const { code, stderr } = await keyctl(['upgrade'], { db: `${opened.path}.none` });
    expect(code).toBe(3);
    expect(stderr).toContain(`${opened.path}.none`);
  });
});
