import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { complete } from '../../../src/commands/completing/complete.ts';
import { ENUMERATED } from '../../../src/commands/completing/values.ts';
import { buildProgram } from '../../../src/commands/program.ts';
import { REGISTRY } from '../../../src/commands/registry.ts';
import { KeyctlError } from '../../../src/domain/error.ts';
import type { Store } from '../../../src/domain/store.ts';
import { keyctl, temporaryFolder, temporaryStore, type TestClock } from '../../harness.ts';
import { addAccount, addKey } from '../../stores/contract.ts';
import { piped } from '../piped-call.ts';

let opened: { store: Store; clock: TestClock; path: string; cleanUp: () => Promise<void> };
let asked: (string | undefined)[] = [];

beforeAll(async () => {
  opened = await temporaryStore('2026-11-22T12:00:00.000Z');
  const acme = await addAccount(opened.store, 'acme', 'standard');
  const beta = await addAccount(opened.store, 'beta');
  for (const name of ['web shop', 'mobile', 'Größe']) await addKey(opened.store, acme, { name });
  await addKey(opened.store, acme, { name: 'old', disabledAt: 1 });
  await addKey(opened.store, acme, { name: 'gone', deletedAt: 1 });
  await addKey(opened.store, beta, { name: 'mobile', id: 'key_beta0mobile00000000' });
});

afterAll(() => opened.cleanUp());

const programFor = (words: readonly string[]): Promise<Command> =>
  buildProgram(words, { version: '0', write: () => undefined, run: () => Promise.reject(new Error('completion runs no command')) });

/** What a shell is offered, without the descriptions; the last of the words is being typed. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  asked = [];
  const openStore = (location: string | undefined): Promise<Store> => {
    asked.push(location);
    return Promise.resolve(opened.store);
  };
  const answer = await complete({ argv: ['__complete', 'zsh'], input: ['keyctl', ...words].join('\0'), programFor, openStore });
  const [kind, ...lines] = answer.trimEnd().split('\n');
  return kind === 'files' ? ['(files)'] : lines.map((line) => line.split('\t')[0] ?? '');
}

describe('verbs and flags', () => {
  test('every command is offered, and nothing that is none', async () => {
    expect(await offered('')).toEqual([...new Set(REGISTRY.map(({ path }) => path.split(' ')[0]))]);
    expect(asked).toEqual([]);
  });

  test('a noun offers its verbs; what is a command and a noun offers both', async () => {
    expect(await offered('tier', '')).toEqual(['list', 'view', 'create', 'edit', 'delete', 'set']);
    expect(await offered('tier', 'e')).toEqual(['edit']);
    expect(await offered('credit', '')).toEqual(['list']);
    expect(await offered('help', 'e')).toEqual(['edit', 'enable', 'explain', 'env', 'export', 'environment', 'exit-codes']);
    expect(await offered('help', 'tier', 'e')).toEqual(['edit']);
    expect(await offered('--db', 'x.db', '--json', 'acc')).toEqual(['account']);
  });

  test('flags are those of the command and the global ones, each once and until it is given', async () => {
    const flags = await offered('tier', 'set', '-');
    expect(flags).toEqual(expect.arrayContaining(['--account', '--now', '--at-reset', '--dry-run', '--db', '--json', '--help']));
    expect(new Set(flags).size).toBe(flags.length);
    expect(await offered('tier', 'set', '--now', '--json', '--n')).toEqual(['--no-color', '--no-input']);
    expect(await offered('audit', '--ac')).toEqual(['--actor', '--action']);
    expect(await offered('create', '--service', 'a', '--service', 'b', '--s')).toEqual(['--service']);
    expect(await offered('create', '--service', '--s')).toEqual([]);
    expect(await offered('tier', 'set', '--', '--n')).toEqual([]);
  });
});

describe('values of which there are few', () => {
  test.each(Object.entries(ENUMERATED))('%s takes each that is offered', async (taker, values) => {
    const words = taker.split(' ');
    const last = words.pop() ?? '';
    expect(await offered(...words, ...(last.startsWith('<') ? [] : [last]), '')).toEqual(expect.arrayContaining([...values]));
    for (const value of values) {
      const argv = [...words, ...(last.startsWith('<') ? [] : [last]), value, ...(taker.startsWith('config set') ? ['900d'] : [])];
      const call = await piped(argv, opened);
      // A prefix is no length of time, so that setting refuses it; it is a setting all the same.
      if (value === 'key-prefix' && call.code === 2) expect(call.stderr).toContain('prefix');
      else expect(call).toMatchObject({ code: 0 });
    }
  });

  test('in one word with the flag too', async () => {
    expect(await offered('list', '--status=d')).toEqual(['disabled', 'deleted']);
    expect(await offered('usage', '--by', 'ho')).toEqual(['hour']);
  });

  test('files are left to the shell', async () => {
    for (const words of [
      ['backup', ''],
      ['create', '--out', ''],
      ['--db', ''],
      ['serve', '--token-file=x'],
    ]) {
      expect(await offered(...words)).toEqual(['(files)']);
    }
  });
});

describe('names of the store', () => {
  test('accounts, tiers, services and environments stand where one is meant', async () => {
    expect(await offered('account', 'view', '')).toEqual(['acme', 'beta', 'default']);
    expect(await offered('create', '--account=a')).toEqual(['acme']);
    expect(await offered('tier', 'set', 'st')).toEqual(['standard', 'startup']);
    expect(await offered('create', '--env', '')).toEqual(['development', 'qa', 'production']);
    expect(await offered('usage', '--service', '')).toEqual(['default']);
  });

  test('a key is its account and name, or its name where that is enough', async () => {
    expect(await offered('view', '')).toEqual(['acme/Größe', 'acme/mobile', 'acme/old', 'acme/web shop', 'beta/mobile']);
    expect(await offered('view', 'acme/')).toEqual(['acme/Größe', 'acme/mobile', 'acme/old', 'acme/web shop']);
    expect(await offered('view', 'acme/w')).toEqual(['acme/web shop']);
    expect(await offered('view', 'we')).toEqual(['web shop']);
    expect(await offered('view', 'mob')).toEqual([]);
    expect(await offered('view', 'key_be')).toEqual(['key_beta0mobile00000000']);
    expect(await offered('view', 'Gro\u0308')).toEqual(['Größe']);
    expect(await offered('charge', '--key', 'beta')).toEqual(['beta/mobile']);
  });

  test('a command is offered the keys that it does something to, and none twice', async () => {
    expect(await offered('enable', '')).toEqual(['acme/old']);
    expect(await offered('disable', 'acme/')).toEqual(['acme/Größe', 'acme/mobile', 'acme/web shop']);
    expect(await offered('disable', 'acme/mobile', 'acme/')).toEqual(['acme/Größe', 'acme/web shop']);
  });

  test('no name is offered where a new one is made', async () => {
    expect(await offered('account', 'create', '')).toEqual([]);
    expect(await offered('rename', 'acme/mobile', '')).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('they come from the store of --db', async () => {
    await offered('--db', 'other.db', 'view', '');
    expect(asked).toEqual(['other.db']);
    await offered('view', '--db=another.db', '');
    expect(asked).toEqual(['another.db']);
  });

  test('a store that cannot be used is no names, and no error', async () => {
    const openStore = (): Promise<Store> => Promise.reject(new KeyctlError('store_busy', 'busy'));
    const ask = (input: string): Promise<string> => complete({ argv: ['__complete', 'fish'], input, programFor, openStore });
    expect(await ask('keyctl\nview\n')).toBe('names\n');
    expect(await ask('keyctl\nvi')).toBe('names\nview\tshow one key\n');
  });
});

test('of more names than anybody looks through none is offered, and keys become folders', async () => {
  const large = await temporaryStore('2026-11-22T12:00:00.000Z');
  try {
    const first = await addAccount(large.store, 'big');
    for (let number = 0; number < 1_001; number += 1) await addKey(large.store, first, { name: `k${String(number)}` });
    const answer = (typed: string): Promise<string> =>
      complete({
        ...{ argv: ['__complete', 'bash', '='], input: `keyctl view ${typed}`, programFor },
        openStore: () => Promise.resolve(large.store),
      });
    expect(await answer('')).toBe('names\nbig/\ndefault/\n');
    expect(await answer('big/')).toBe('names\n');
    expect((await answer('big/k99')).split('\n')).toHaveLength(13);
  } finally {
    await large.cleanUp();
  }
});

describe('the program', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.cleanUp());

  test.each(['missing.db', 'foreign.db', 'folder'])(
    'is silent about a store that is %s, makes none, and never shows what was typed',
    async (name) => {
      const db = `${folder.path}/${name}`;
      if (name === 'foreign.db') await keyctl(['list'], { db });
      const secret = `kc_prod_${'A'.repeat(36)}`;
      const call = await keyctl(['__complete', 'zsh'], { db, stdin: `keyctl\0verify\0${secret}\0--account\0` });
      expect(call).toEqual({ code: 0, stdout: 'names\n', stderr: '' });
      expect((await keyctl(['list'], { db })).code).toBe(3);
    },
  );

  test('prints a script for each shell, and none for another', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const call = await keyctl(['completion', shell], { db: '/nowhere/keyctl.db' });
      expect(call).toMatchObject({ code: 0, stderr: '' });
      expect(call.stdout).toContain('__complete');
      const json = await keyctl(['completion', shell, '--json'], { db: '/nowhere/keyctl.db' });
      expect(JSON.parse(json.stdout)).toEqual({ shell, script: call.stdout });
    }
    expect(await keyctl(['completion', 'csh'], { db: '/nowhere/keyctl.db' })).toMatchObject({ code: 2, stdout: '' });
  });
});
