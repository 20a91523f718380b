import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryFolder, type TestClock } from '../harness.ts';
import { piped } from './piped-call.ts';
import { atTerminal, type Answers } from './scripted-call.ts';

let folder: ReturnType<typeof temporaryFolder>;
let at: { path: string; clock: TestClock };

beforeEach(() => {
  folder = temporaryFolder();
  at = { path: join(folder.path, 'keyctl.db'), clock: { now: Date.parse('2026-11-22T12:00:00.000Z') } };
});

afterEach(() => folder.cleanUp());

async function rows(...argv: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  return JSON.parse((await piped([...argv, '--json'], at)).stdout) as Record<string, unknown>[];
}

describe('keyctl init on a terminal', () => {
  const ANSWERS: Answers = [
    ...['shop', 'y', 'staging', 'stage', 'n', 'y', 'gold', '500000', '20/s', 'n'],
    ...['acme', 'gold', 'web', 'staging', 'y'],
  ];

  test('asks for everything, shows it, and makes all of it', async () => {
    const session = await atTerminal(['init'], ANSWERS, at);
    expect(session.code).toBe(0);
    expect(session.stdout).toMatch(/^shop_stage_[0-9A-Za-z]{36}\n$/);
    expect(session.stderr).toMatch(/Account: +acme, on gold\n/);
    expect(await rows('list')).toMatchObject([{ account: 'acme', name: 'web', environment: 'staging', status: 'active' }]);
    expect(await rows('account', 'list')).toMatchObject([
      { name: 'default', tier: 'free' },
      { name: 'acme', tier: 'gold' },
    ]);
    expect((await rows('tier', 'list')).find(({ name }) => name === 'gold')).toMatchObject({
      dailyCredits: 500_000,
      limits: [{ service: '*', requestsPerSecond: 20, burst: 20 }],
    });
    expect((await piped(['config', 'get', 'key-prefix'], at)).stdout).toBe('shop\n');
    const done = (await rows('audit')).map(({ action }) => action).reverse();
    expect(done).toEqual(['config.set', 'env.create', 'tier.create', 'account.create', 'key.create']);
  });

  test.each(ANSWERS.map((_, count) => count))('writes nothing when the person says Ctrl-C at question %i', async (count) => {
    const session = await atTerminal(['init'], [...ANSWERS.slice(0, count), 'Ctrl-C'], at);
    expect(session).toMatchObject({ code: 'cancelled', stdout: '' });
    expect(existsSync(at.path)).toBe(false);
  });

  test('writes nothing when the person says no at the end', async () => {
    expect(await atTerminal(['init'], [...ANSWERS.slice(0, -1), 'n'], at)).toMatchObject({ code: 'cancelled', stdout: '' });
    expect(existsSync(at.path)).toBe(false);
  });

  test('asks nothing where there is a store in use', async () => {
    await piped(['create', '--name', 'there'], at);
    const session = await atTerminal(['init'], [], at);
    expect(session).toMatchObject({ code: 'conflict', asked: [] });
    expect(session.stderr).toContain(at.path);
  });
});

describe('keyctl init where nobody can be asked', () => {
  test('names the flag that is missing, and makes no store', async () => {
    const call = await piped(['init'], at);
    expect(call).toMatchObject({ code: 2, stdout: '' });
    expect(call.stderr).toContain('--name');
    expect(existsSync(at.path)).toBe(false);
  });

  test.each([
    [['--prefix', 'Not one'], 'prefix'],
    [['--env', 'nowhere'], 'production'],
    [['--tier', 'nothing'], 'professional'],
    [['--add-env', 'qa=x1'], 'qa'],
    [['--add-env', 'new=prod'], 'prod'],
    [['--add-env', 'staging'], 'staging=stage'],
    [['--add-tier', 'gold'], 'gold=500000@20/s'],
    [['--add-tier', 'free=5'], 'tier edit'],
    [['--add-tier', 'gold=many'], 'digits'],
    [['--add-tier', 'gold=5@fast'], '--rate'],
    [['--account', 'Not one'], 'account'],
  ])('refuses %j with a hint, and makes no store', async (flags, hint) => {
    const call = await piped(['init', '--name', 'prod', ...flags], at);
    expect(call).toMatchObject({ code: 2, stdout: '' });
    expect(call.stderr).toContain(hint);
    expect(existsSync(at.path)).toBe(false);
  });

  test('takes everything from flags, with the secret as a field of JSON', async () => {
    const flags = ['--account', 'acme', '--tier', 'gold', '--add-tier', 'gold=500000', '--add-env', 'staging=stage', '--env', 'stage'];
    const call = await piped(['init', '--name', 'prod', ...flags, '--json'], at);
    expect(JSON.parse(call.stdout)).toMatchObject({
      account: 'acme',
      name: 'prod',
      environment: 'staging',
      apiKey: expect.stringMatching(/^kc_stage_/),
    });
    expect((await rows('tier', 'list')).find(({ name }) => name === 'gold')).toMatchObject({ dailyCredits: 500_000, limits: [] });
  });

  test('gives the account that every store has another tier, with its credits at once', async () => {
    expect(await piped(['init', '--name', 'prod', '--tier', 'standard'], at)).toMatchObject({ code: 0 });
    expect(await rows('account', 'list')).toMatchObject([{ name: 'default', tier: 'standard', credits: { granted: 300_000 } }]);
  });

  test('runs once; a store that nobody has used yet is begun', async () => {
    await piped(['serve', '--no-such-flag'], at);
    expect(await piped(['init', '--name', 'first'], at)).toMatchObject({ code: 0 });
    expect(await piped(['init', '--name', 'second'], at)).toMatchObject({ code: 4, stdout: '' });
    expect(await rows('list')).toMatchObject([{ name: 'first' }]);
  });

  test('makes all of it or nothing, and can then be tried again', async () => {
    const twice = ['--add-env', 'staging=stage', '--add-env', 'other=stage'];
    expect(await piped(['init', '--name', 'prod', ...twice], at)).toMatchObject({ code: 4, stdout: '' });
    expect(await rows('env', 'list')).toHaveLength(3);
    const file = join(folder.path, 'secret');
    for (const code of [0, 4]) expect(await piped(['init', '--name', 'prod', '--out', file], at)).toMatchObject({ code, stdout: '' });
  });
});
