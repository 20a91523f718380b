import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { mintApiKey } from '../../src/domain/api-key.ts';
import { REGISTRY } from '../../src/commands/registry.ts';
import { temporaryFolder, type TestClock } from '../harness.ts';
import { Secrets } from '../secrets.ts';
import { piped } from './piped-call.ts';

// Somebody's secret in the wrong place: every argument and every option of every command gets one. Where the command refuses it, nothing
// that it says repeats any of it. A key of our own whole form does not even get here: it is refused before anything is parsed.

let folder: ReturnType<typeof temporaryFolder>;
const clock: TestClock = { now: Date.parse('2026-11-22T12:00:00Z') };
const secrets = new Secrets();

const run = (argv: readonly string[], stdin = '') =>
  piped(argv, { path: join(folder.path, 'keyctl.db'), clock, stdin, stop: Promise.resolve('SIGTERM') }).catch((error: unknown) => ({
    code: 1,
    stdout: '',
    stderr: error instanceof Error ? error.message : '',
  }));

/** Where the tests run. */
const home = process.cwd();

beforeAll(async () => {
  folder = temporaryFolder();
  // A secret that is taken for the path of a new file makes one beside the store.
  process.chdir(folder.path);
  for (const line of ['account create acme', 'create --name main --account acme', 'service create maps']) {
    expect((await run(line.split(' '))).code).toBe(0);
  }
});

afterAll(() => {
  process.chdir(home);
  folder.cleanUp();
});

/** What stands for an argument when another one holds the secret, by the name in its help. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  ...{ key: 'acme/main', account: 'acme', name: 'fresh', tier: 'free', service: 'maps', environment: 'qa', amount: '+5' },
  ...{ debit: 'deb_1', setting: 'keep-debits', value: '40d', file: 'nothing/here' },
};

/** What a command insists on beside its arguments, so that it comes to look at the one that holds the secret. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  ...{ create: ['--name', 'fresh', '--account', 'acme'], rotate: ['--grace', '0'], 'tier create': ['--daily-credits', '5'] },
  ...{ 'tier set': ['--account', 'acme'], 'env create': ['--code', 'fresh'], simulate: ['--requests', '1', '--account', 'acme'] },
  ...{ credit: ['--reason', 'a test', '--account', 'acme'], refund: ['--reason', 'a test'], charge: ['--account', 'acme'] },
  ...{ restore: ['--yes'], delete: ['--yes'], 'tier edit': ['--rate', '5/s'], 'service edit': ['--cost', '5'], edit: ['--note', 'a'] },
};

/** These say which path they tried: a file is named by whoever runs the command, and has to be found again. */
const NAMES_A_PATH = new Set(['backup <file>', 'restore <file>', 'export --out', 'import <file>', 'serve --socket']);

interface Place {
  readonly path: string;
  /** `<key>` or `--note`. */
  readonly place: string;
  readonly argv: (secret: string) => readonly string[];
}

/** Every place of every command where a word can be given. */
async function places(): Promise<readonly Place[]> {
  const found: Place[] = [];
  for (const { path, load } of REGISTRY) {
    const { command } = await load();
    const cli = new Command(path);
    command.configure(cli);
    const names = cli.registeredArguments.map((argument) => argument.name());
    const words = names.map((name) => PLACEHOLDERS[name] ?? 'fresh');
    const needed = NEEDED[path] ?? [];
    names.forEach((name, index) => {
      const argv = (secret: string) => [...path.split(' '), ...words.map((word, at) => (at === index ? secret : word)), ...needed];
      found.push({ path, place: `<${name}>`, argv });
    });
    for (const { long, required } of cli.options) {
      if (!required || typeof long !== 'string') continue;
      const others = needed.flatMap((word, at) => (needed[at - 1] === long || word === long ? [] : [word]));
      found.push({ path, place: long, argv: (secret) => [...path.split(' '), ...words, ...others, long, secret] });
    }
    found.push({ path, place: 'too many', argv: (secret) => [...path.split(' '), ...words, ...needed, secret, secret] });
    found.push({ path, place: 'an option', argv: (secret) => [...path.split(' '), `--${secret}`] });
  }
  return found;
}

/** Somebody else's key; one of ours that lost its last character on the way; one inside a path. */
const WRONG: Readonly<Record<string, () => string>> = {
  foreign: () => `sk_Live-${randomBytes(18).toString('base64url')}`,
  'cut short': () => mintApiKey('kc', 'prod', randomBytes).slice(0, -1),
  'in a path': () => `${folder.path}/nowhere/${mintApiKey('kc', 'prod', randomBytes).slice(0, -1)}`,
};

describe.each(['', '--json'])('%s', (form) => {
  test.each(Object.keys(WRONG))('a secret that is %s, in every place of every command', async (kind) => {
    const told: string[] = [];
    let refused = 0;
    for (const { path, place, argv } of await places()) {
      if (NAMES_A_PATH.has(`${path} ${place}`)) continue;
      const secret = WRONG[kind]?.() ?? '';
      // The folder that it may stand in is none: a refusal may say where the store is.
      secrets.add(secret.slice(secret.lastIndexOf('/') + 1));
      const { code, stdout, stderr } = await run([...argv(secret), ...(form === '' ? [] : [form])]);
      if (code === 0) continue;
      refused += 1;
      if (secrets.findIn(stdout + stderr).length > 0) told.push(`${path} ${place}: exit ${String(code)}`);
    }
    expect(told).toEqual([]);
    expect(refused).toBeGreaterThan(100);
  });

  test('a secret on stdin, of a key that is not there, by every command that reads one', async () => {
    const told: string[] = [];
    for (const line of [
      'view -',
      'disable -',
      'enable -',
      'delete - --yes',
      'rotate - --grace 0',
      'rename - a',
      'edit - --note a',
      'explain -',
      'verify',
    ]) {
      for (const secret of [mintApiKey('kc', 'prod', randomBytes), `sk_Live-${randomBytes(18).toString('base64url')}`, 'x'.repeat(5_000)]) {
        secrets.add(secret);
        const { stdout, stderr } = await run([...line.split(' '), ...(form === '' ? [] : [form])], `${secret}\n`);
        if (secrets.findIn(stdout + stderr).length > 0) told.push(line);
      }
    }
    expect(told).toEqual([]);
  });
});
