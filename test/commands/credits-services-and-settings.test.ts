import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { digestApiKey, mintApiKey } from '../../src/domain/api-key.ts';
import type { Store } from '../../src/domain/store.ts';
import { temporaryStore, type Outcome, type TestClock } from '../harness.ts';
import { charge } from '../operations/account-fixture.ts';
import { makeKey } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';

let store: Store;
let clock: TestClock;
let path: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, path, cleanUp } = await temporaryStore('2026-11-22T12:00:00.000Z')));
afterEach(() => cleanUp());

const run = (...argv: string[]): Promise<Outcome> => piped(argv, { path, clock });

async function json(...argv: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(...argv, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('credit', () => {
  test('gives and takes, says that it expires, and is listed newest first', async () => {
    const given = await json('credit', '+5000', '--reason', 'a birthday');
    expect(given).toEqual({
      ...{ id: expect.stringMatching(/^adj_/), at: '2026-11-22T12:00:00.000Z', account: 'default', day: '2026-11-22' },
      ...{ amount: 5_000, reason: 'a birthday', actor: 'root', remaining: 105_000 },
    });
    const taken = await run('credit', '-1500', '--reason', 'a mistake', '--actor', 'alice');
    expect(taken.stdout).toContain('Took 1,500 credits from default for today: 103,500 remain.');
    expect(taken.stdout).toContain('2026-11-23 00:00 UTC');
    const later = await run('credit', '5', '--day', '2026-11-25', '--reason', 'a promise');
    expect(later.stdout).toContain(
      'for 2026-11-25: 100,005 remain. What is not used of them expires at the end of that day, 2026-11-26 00:00 UTC',
    );
    expect(await json('credit', 'list', '--fields', 'amount,day,actor')).toEqual([
      { amount: 5, day: '2026-11-25', actor: 'root' },
      { amount: -1_500, day: '2026-11-22', actor: 'alice' },
      { amount: 5_000, day: '2026-11-22', actor: 'root' },
    ]);
    const rows = (await run('credit', 'list', '--limit', '2')).stdout.trim().split('\n');
    expect(rows.map((row) => row.split('\t').slice(0, 5))).toEqual([
      ['2026-11-25', 'default', '+5', 'a promise', 'root'],
      ['2026-11-22', 'default', '-1500', 'a mistake', 'alice'],
    ]);
    expect(await json('credit', 'list', '--account', 'default', '--limit', '1')).toHaveLength(1);
    expect(await run('credit', 'list', '--account', 'nobody')).toMatchObject({ code: 3 });
  });

  test('taking more than remains is exit 4 and changes nothing', async () => {
    expect(await run('credit', '-100001', '--reason', 'x')).toMatchObject({ code: 4, stdout: '' });
    expect(await json('credit', 'list')).toEqual([]);
    expect(await json('account', 'view', 'default')).toMatchObject({ credits: { adjusted: 0, remaining: 100_000 } });
  });

  test.each([
    '0',
    '+0',
    '-0',
    '1.5',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '1,000',
    '1_000',
    '',
    ' 5',
    '+-5',
    '--5',
    '1000000000000001',
    '9'.repeat(400),
  ])('of %j is exit 2', async (amount) => {
    expect(await run('credit', '--reason', 'x', '--', amount)).toMatchObject({ code: 2, stdout: '' });
    expect(await json('credit', 'list')).toEqual([]);
  });

  test.each(['-1.5', '-1e3', '-0x10', '-Infinity', '-99999999999999999999'])('of %j without -- is exit 2 too', async (amount) => {
    expect(await run('credit', amount, '--reason', 'x')).toMatchObject({ code: 2, stdout: '' });
  });

  test.each(['2026-11-21', '2026-02-30', '2026-13-01', 'yesterday', '1d', '2026-11-22T10:00:00Z', ''])(
    'for the day %j is exit 2',
    async (day) => {
      expect(await run('credit', '+5', '--reason', 'x', '--day', day)).toMatchObject({ code: 2, stdout: '' });
    },
  );

  test('without a reason is exit 2 and names the flag', async () => {
    expect(await run('credit', '+5')).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') });
    expect(await run('credit', '+5', '--reason', ' ')).toMatchObject({ code: 2 });
    expect(await run('credit', '+5', '--reason', 'two\nlines')).toMatchObject({ code: 2 });
  });
});

describe('refund', () => {
  test('gives a debit back once, on its own day, and says the same the second time', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    const [verdict] = await store.settle([
      {
        ...{ subject: { kind: 'digest', digest: digestApiKey(apiKey) }, service: 'default', environment: null, cost: null, ip: null },
        ...{ requestId: 'r-1', requestIdRule: 'json', dryRun: false, fromShell: false },
      },
    ]);
    const id = verdict?.debitId ?? '';
    clock.now += 86_400_000;
    const first = await json('refund', id, '--reason', 'an error of ours');
    expect(first).toEqual({
      ...{ id, at: '2026-11-22T12:00:00.000Z', account: 'default', key: key.id, keyName: 'prod', service: 'default', cost: 100 },
      ...{ balanceAfter: 99_900, requestId: 'r-1', refundedAt: '2026-11-23T12:00:00.000Z' },
    });
    clock.now += 3_600_000;
    const again = await run('refund', id, '--reason', 'twice', '--json');
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('refunded already') });
    expect(JSON.parse(again.stdout)).toEqual(first);
    expect((await run('refund', id, '--reason', 'thrice')).stdout).toContain('was refunded already, at 2026-11-23T12:00:00.000Z');
    expect(await json('account', 'view', 'default')).toMatchObject({ credits: { day: '2026-11-23', remaining: 100_000 } });
    clock.now = Date.parse('2026-11-22T13:00:00.000Z');
    expect(await json('account', 'view', 'default')).toMatchObject({ credits: { day: '2026-11-22', spent: 0, remaining: 100_000 } });
    expect(await json('audit', '--action', 'debit.refund', '--fields', 'target')).toEqual([{ target: id }]);
  });

  test('of a charge from the shell names no key', async () => {
    const [verdict] = await charge(store, 'default', 1);
    const sentence = (await run('refund', verdict?.debitId ?? '', '--reason', 'x')).stdout;
    expect(sentence).toContain('Gave 100 credits of 2026-11-22 back to default');
    expect(await json('account', 'view', 'default')).toMatchObject({ credits: { spent: 0 } });
  });

  test('of no debit is exit 3, whatever was written', async () => {
    for (const id of ['deb_zzzzz', 'deb_', 'DEB_1', '17', 'hunter2-secret', 'deb_hunter2!']) {
      const { code, stderr } = await run('refund', id, '--reason', 'x');
      expect({ id, code }).toEqual({ id, code: 3 });
      expect(stderr).not.toContain('hunter2');
    }
    expect(await run('refund', 'deb_zzzzz')).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') });
  });
});

describe('service and env', () => {
  test('are made, changed, listed and deleted', async () => {
    expect(await json('service', 'create', 'search')).toEqual({ name: 'search', cost: 100, environment: null });
    expect(await json('service', 'edit', 'search', '--cost', '0', '--env', 'prod')).toEqual({
      name: 'search',
      cost: 0,
      environment: 'production',
    });
    expect(await json('service', 'edit', 'search', '--env', 'none')).toEqual({ name: 'search', cost: 0, environment: null });
    expect((await run('service', 'edit', 'search', '--cost', '0')).stdout).toContain('nothing changed');
    expect(await json('service', 'list', '--fields', 'name')).toEqual([{ name: 'default' }, { name: 'search' }]);
    expect((await run('service', 'list')).stdout).toBe('default\t100\t\nsearch\t0\t\n');
    expect(await json('service', 'delete', 'search')).toEqual({ name: 'search', deleted: true });
    expect(await json('env', 'create', 'staging', '--code', 'stage')).toEqual({ name: 'staging', code: 'stage' });
    expect((await run('env', 'list')).stdout.split('\n')[3]).toBe('staging\tstage');
    expect(await json('env', 'delete', 'stage')).toEqual({ name: 'staging', deleted: true });
  });

  test.each([
    [['service', 'create', 'Search'], 2],
    [['service', 'create', 'search', '--cost', '1000000001'], 2],
    [['service', 'create', 'search', '--cost', '-1'], 2],
    [['service', 'create', 'search', '--cost', '1.5'], 2],
    [['service', 'create', 'search', '--env', 'nowhere'], 3],
    [['service', 'create', 'default'], 4],
    [['service', 'edit', 'default'], 2],
    [['service', 'edit', 'nowhere', '--cost', '1'], 3],
    [['service', 'delete', 'default'], 4],
    [['service', 'delete', 'nowhere'], 3],
    [['env', 'create', 'staging'], 2],
    [['env', 'create', 'staging', '--code', 'x'], 2],
    [['env', 'create', 'staging', '--code', 'STAGE'], 2],
    [['env', 'create', 'none', '--code', 'nn'], 2],
    [['env', 'create', 'qa', '--code', 'qq'], 4],
    [['env', 'create', 'staging', '--code', 'prod'], 4],
    [['env', 'delete', 'production'], 4],
    [['env', 'delete', 'prod'], 4],
    [['env', 'delete', 'nowhere'], 3],
  ])('%j is exit %i', async (argv, code) => {
    expect(await run(...argv)).toMatchObject({ code, stdout: '' });
  });
});

describe('config', () => {
  test('get gives the value alone, list and JSON where it comes from', async () => {
    expect(await run('config', 'get', 'keep-debits')).toMatchObject({ code: 0, stdout: '35d\n', stderr: 'That is the default.\n' });
    expect((await run('config', 'set', 'keep-debits', '60d')).stdout).toBe('Set keep-debits to 60d.\n');
    expect(await run('config', 'get', 'keep-debits')).toMatchObject({
      stdout: '60d\n',
      stderr: 'Set in this store; the default is 35d.\n',
    });
    expect(await json('config', 'get', 'keep-debits')).toMatchObject({
      name: 'keep-debits',
      value: '60d',
      default: '35d',
      source: 'store',
    });
    expect(await json('config', 'list', '--fields', 'name,source')).toContainEqual({ name: 'key-prefix', source: 'default' });
    expect((await run('config', 'unset', 'keep-debits')).stdout).toBe('Put keep-debits back to 35d.\n');
    expect((await run('config', 'unset', 'keep-debits')).stdout).toContain('was not set');
    expect(await run('config', 'set', 'keep-debits', '5m')).toMatchObject({ code: 2 });
    expect(await run('config', 'get', 'hunter2')).toMatchObject({ code: 2, stderr: expect.not.stringContaining('hunter2') });
  });

  test('scanner-rule is TOML whose expression finds a key with any prefix, and nothing in prose', async () => {
    await run('config', 'set', 'key-prefix', 'acme');
    const { stdout } = await run('config', 'scanner-rule');
    expect(stdout).toMatch(/^\[\[rules\]\]\nid = "keyctl-api-key"\n/);
    const regex = new RegExp(/^regex = '''(.*)'''$/m.exec(stdout)?.[1] ?? 'nothing', 'g');
    const keywords = JSON.parse(/^keywords = (.*)$/m.exec(stdout)?.[1] ?? '[]') as string[];
    for (const prefix of ['kc', 'acme']) {
      const apiKey = mintApiKey(prefix, 'prod', randomBytes);
      expect(`curl -H "X-API-Key: ${apiKey}" https://example.com`.match(regex)).toEqual([apiKey]);
      expect(keywords.some((word) => apiKey.includes(word))).toBe(true);
    }
    const prose = 'Keys begin with kc_prod_ or acme_qa_, then 36 characters such as 0-9A-Za-z; kc_prod_… is a mask.';
    expect(prose.match(regex)).toBeNull();
    expect(await json('config', 'scanner-rule')).toMatchObject({ id: 'keyctl-api-key', keywords: ['kc_', 'acme_'] });
  });
});

test('a store that is not there is exit 3, except for the commands that make one', async () => {
  const missing = { path: `${path}.missing`, clock };
  for (const argv of [['account', 'list'], ['tier', 'set', 'free'], ['credit', '+5', '--reason', 'x'], ['config', 'list'], ['audit']]) {
    expect({ argv, code: (await piped(argv, missing)).code }).toEqual({ argv, code: 3 });
  }
  expect((await piped(['tier', 'create', 'gold', '--daily-credits', '5'], missing)).code).toBe(0);
});
