import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { temporaryStore, type Outcome, type TestClock } from '../harness.ts';
import { charge } from '../operations/account-fixture.ts';
import { piped } from './piped-call.ts';
import { atTerminal } from './scripted-call.ts';

let store: Store;
let clock: TestClock;
let path: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, path, cleanUp } = await temporaryStore('2026-11-22T12:00:00.000Z')));
afterEach(() => cleanUp());

const run = (...argv: string[]): Promise<Outcome> => piped(argv, { path, clock });
const person = (...argv: string[]) => atTerminal(argv, [], { path, clock });

async function json(...argv: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(...argv, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('account', () => {
  test('create, view and list show one and the same account', async () => {
    const created = await json('account', 'create', 'acme', '--tier', 'standard', '--external-id', 'C-17');
    expect(created).toMatchObject({ name: 'acme', externalId: 'C-17', tier: 'standard', pendingTier: null, status: 'active' });
    expect(await json('account', 'view', 'acme')).toEqual(created);
    expect(await json('account', 'list', '--tier', 'standard')).toEqual([created]);
    expect(await json('account', 'list', '--tier', 'startup')).toEqual([]);
    expect(await json('account', 'list', '--limit', '1')).toEqual([expect.objectContaining({ name: 'default' })]);
    expect(await json('account', 'view', 'acme', '--fields', 'tier,name')).toEqual({ tier: 'standard', name: 'acme' });
  });

  test('list through a pipe gives plain digits, whole ids and ISO times', async () => {
    await run('account', 'create', 'acme');
    await run('tier', 'set', 'standard', '--account', 'acme', '--at-reset');
    await charge(store, 'acme', 3);
    const { stdout } = await run('account', 'list', '--limit', '2');
    const [, acme = ''] = stdout.trim().split('\n');
    const columns = [expect.stringMatching(/^acct_[a-z0-9]{20}$/), 'acme', '', 'free', 'standard from 2026-11-23'];
    expect(acme.split('\t')).toEqual([...columns, 'active', '300', '99700', '2026-11-22T12:00:00.000Z']);
  });

  test('rename, suspend and resume say what became of it', async () => {
    expect((await run('account', 'rename', 'default', 'acme')).stdout).toMatch(/^Renamed default to acme \(acct_/);
    expect(await run('account', 'rename', 'default', 'x')).toMatchObject({ code: 3 });
    expect((await run('account', 'suspend', 'acme', '--reason', 'does not pay')).stdout).toContain('Suspended acme');
    expect((await run('account', 'suspend', 'acme')).stdout).toContain('suspended already');
    expect(await json('account', 'resume', 'acme')).toMatchObject({ status: 'active' });
    expect((await run('account', 'resume', 'acme')).stdout).toContain('was not suspended');
  });

  test.each(['', 'Acme', '-x', 'a b', 'a'.repeat(64), 'x'.repeat(10_000), 'ключ', '😀', 'a\u0000b', '../etc'])(
    'is not called %j',
    async (name) => {
      const { code, stderr } = await run('account', 'create', '--', name);
      expect(code).toBe(2);
      if (name.length > 2) expect(stderr).not.toContain(name);
      expect(await store.read((tx) => tx.accounts.count({}))).toBe(1);
    },
  );

  test('conflicts are exit 4 and unknown ones exit 3, without repeating the words', async () => {
    await run('account', 'create', 'acme', '--external-id', 'C-17');
    expect(await run('account', 'create', 'acme')).toMatchObject({ code: 4 });
    expect(await run('account', 'create', 'globex', '--external-id', 'C-17')).toMatchObject({ code: 4 });
    for (const argv of [
      ['account', 'view', 'hunter2-secret'],
      ['account', 'list', '--tier', 'hunter2-secret'],
      ['account', 'create', 'globex', '--tier', 'hunter2-secret'],
      ['tier', 'view', 'hunter2-secret'],
      ['tier', 'set', 'hunter2-secret', '--account', 'acme'],
      ['tier', 'delete', 'hunter2-secret'],
    ]) {
      const { code, stdout, stderr } = await run(...argv);
      expect({ argv, code }).toEqual({ argv, code: 3 });
      expect(stdout + stderr).not.toContain('hunter2');
    }
  });

  test('a field that is not there is exit 2 before anything is changed', async () => {
    const { code, stderr } = await run('account', 'create', 'acme', '--fields', 'nom');
    expect(code).toBe(2);
    expect(stderr).toContain('id, name, externalId, tier');
    expect(await store.read((tx) => tx.accounts.byName('acme'))).toBeNull();
  });
});

describe('tier', () => {
  test('list and view have the shape of the contract', async () => {
    const free = { name: 'free', dailyCredits: 100_000, limits: [{ service: '*', requestsPerSecond: 5, burst: 5 }], accounts: 1 };
    expect(await json('tier', 'view', 'free')).toEqual({ ...free, pendingDailyCredits: null });
    expect(await json('tier', 'list', '--fields', 'name')).toEqual(
      ['free', 'standard', 'startup', 'advanced', 'professional'].map((name) => ({ name })),
    );
    expect((await run('tier', 'list')).stdout.split('\n')[0]).toBe('free\t100000\t\t5/s\t1');
  });

  test('create and edit read rates, bursts and limits of services', async () => {
    await run('service', 'create', 'search');
    const created = await json(
      'tier',
      'create',
      'gold',
      '--daily-credits',
      '500',
      '--rate',
      '10/s',
      '--limit',
      'search=20/s:40',
      '--limit',
      'default=3/s',
    );
    expect(created).toMatchObject({
      limits: [
        { service: '*', requestsPerSecond: 10, burst: 10 },
        { service: 'default', requestsPerSecond: 3, burst: 3 },
        { service: 'search', requestsPerSecond: 20, burst: 40 },
      ],
    });
    const edited = await json('tier', 'edit', 'gold', '--rate', 'none', '--limit', 'search=none', '--daily-credits', '600');
    expect(edited).toMatchObject({
      ...{ dailyCredits: 500, pendingDailyCredits: { dailyCredits: 600, from: '2026-11-23' } },
      limits: [{ service: 'default', requestsPerSecond: 3, burst: 3 }],
    });
    expect(await json('tier', 'edit', 'gold', '--limit', '*=7/s:9')).toMatchObject({
      limits: [{ service: '*', requestsPerSecond: 7, burst: 9 }, { service: 'default' }],
    });
  });

  test.each([
    [['--daily-credits', '-5']],
    [['--daily-credits', '1.5']],
    [['--daily-credits', '1e3']],
    [['--daily-credits', '0x10']],
    [['--daily-credits', 'NaN']],
    [['--daily-credits', '1000000000000001']],
    [['--daily-credits', '9'.repeat(400)]],
    [['--daily-credits', '']],
    [[]],
    [['--daily-credits', '5', '--rate', '10']],
    [['--daily-credits', '5', '--rate', '0/s']],
    [['--daily-credits', '5', '--rate', '1.5/s']],
    [['--daily-credits', '5', '--rate', '10/m']],
    [['--daily-credits', '5', '--rate', '1000001/s']],
    [['--daily-credits', '5', '--rate', '5/s', '--burst', '0']],
    [['--daily-credits', '5', '--rate', '5/s', '--burst', '1000001']],
    [['--daily-credits', '5', '--burst', '5']],
    [['--daily-credits', '5', '--rate', 'none', '--burst', '5']],
    [['--daily-credits', '5', '--limit', 'default']],
    [['--daily-credits', '5', '--limit', '=5/s']],
    [['--daily-credits', '5', '--limit', 'default=5/s:']],
    [['--daily-credits', '5', '--limit', 'default=5/s:6:7']],
    [['--daily-credits', '5', '--limit', 'default=5/s', '--limit', 'default=6/s']],
    [['--daily-credits', '5', '--limit', '*=5/s', '--rate', '5/s']],
  ])('create with %j is exit 2 and makes nothing', async (options) => {
    expect(await run('tier', 'create', 'gold', ...options)).toMatchObject({ code: 2, stdout: '' });
    expect((await store.read((tx) => tx.tiers.all())).map(({ name }) => name)).not.toContain('gold');
  });

  test.each([
    [[], 'no rate limit'],
    [['--rate', '5/s', '--limit', 'default=20/s:40'], 'rate limit 5/s, default 20/s:40'],
  ])('create with %j says %s', async (options, limits) => {
    const { stdout } = await run('tier', 'create', 'gold', '--daily-credits', '1000', ...options);
    expect(stdout).toBe(`Created the tier gold: 1,000 credits a day, ${limits}.\n`);
  });

  test('delete is exit 4 while it is in use, and says who to look at', async () => {
    expect(await run('tier', 'delete', 'free')).toMatchObject({ code: 4, stderr: expect.stringContaining('account list --tier free') });
    expect(await json('tier', 'delete', 'startup')).toEqual({ name: 'startup', deleted: true });
    await run('tier', 'set', 'standard');
    expect((await run('tier', 'delete', 'free')).stderr).toContain('needs --tier');
    expect(await run('account', 'create', 'acme')).toMatchObject({ code: 2, stderr: expect.stringContaining('--tier is missing') });
    expect(await run('account', 'create', 'acme', '--tier', 'standard')).toMatchObject({ code: 0 });
  });

  test('edit says when it holds, what waits, and how to take it back', async () => {
    expect((await run('tier', 'edit', 'free', '--daily-credits', '200000')).stdout).toContain(
      'From 2026-11-23, 00:00 UTC, it gives 200,000',
    );
    const now = await run('tier', 'edit', 'free', '--daily-credits', '150000', '--now');
    expect(now.stdout).toContain('150,000 credits a day');
    expect(now.stderr).toContain('still waits; cancel it with: keyctl tier edit free --daily-credits 150000');
    expect((await run('tier', 'edit', 'free', '--daily-credits', '150000')).stdout).toContain(
      'The change to 200,000 that waited for 2026-11-23 is dropped',
    );
    expect((await run('tier', 'edit', 'free', '--daily-credits', '150000')).stdout).toContain('nothing changed');
  });
});

describe('tier set', () => {
  test('says what happens when: up at once, down at midnight, back again', async () => {
    expect((await run('tier', 'set', 'standard')).stdout).toBe('default is on standard from now on: 300,000 credits remain today.\n');
    expect((await run('tier', 'set', 'free')).stdout).toBe('default stays on standard today and goes to free on 2026-11-23, 00:00 UTC.\n');
    expect((await run('tier', 'set', 'free')).stdout).toContain('goes to free on 2026-11-23 already; nothing changed');
    expect((await run('tier', 'set', 'standard')).stdout).toContain('the change to free from 2026-11-23 is cancelled');
    expect((await run('tier', 'set', 'standard')).stdout).toContain('on standard already; nothing changed');
    expect((await run('tier', 'set', 'free', '--now')).stdout).toContain('default is on free from now on');
    expect(await json('tier', 'set', 'standard', '--at-reset')).toMatchObject({
      tier: 'free',
      pendingTier: { tier: 'standard', from: '2026-11-23' },
    });
  });

  test('--now and --at-reset exclude each other', async () => {
    expect(await run('tier', 'set', 'standard', '--now', '--at-reset')).toMatchObject({ code: 2 });
    expect(await run('tier', 'set', 'standard', '--now', '--at-reset', '--dry-run')).toMatchObject({ code: 2 });
  });

  test('needs the account as soon as there are several', async () => {
    await run('account', 'create', 'acme');
    expect(await run('tier', 'set', 'standard')).toMatchObject({ code: 2, stderr: expect.stringContaining('--account') });
  });

  test('--dry-run tells first, in words, in columns and as JSON, and changes nothing', async () => {
    await charge(store, 'default', 5);
    const account = { account: 'default', used: 500, oldRemaining: 99_500, newRemaining: 299_500, from: '2026-11-22' };
    expect(await json('tier', 'set', 'standard', '--dry-run')).toEqual({
      tier: 'standard',
      dryRun: true,
      from: '2026-11-22',
      accounts: [account],
    });
    expect(await json('tier', 'set', 'standard', '--dry-run', '--fields', 'accounts,from')).toEqual({
      accounts: [account],
      from: '2026-11-22',
    });
    expect((await run('tier', 'set', 'standard', '--dry-run')).stdout).toBe('default\t500\t99500\t299500\t2026-11-22\n');
    const shown = await person('tier', 'set', 'standard', '--dry-run');
    expect(shown.stdout).toMatch(/ACCOUNT +USED TODAY +OLD REMAINING +NEW REMAINING +FROM/);
    expect(shown.stdout).toMatch(/default +500 +99,500 +299,500 +2026-11-22/);
    expect(shown.stderr).toContain('nothing was changed');
    expect(await json('tier', 'set', 'free', '--dry-run')).toEqual({ tier: 'free', dryRun: true, from: null, accounts: [] });
    expect(await run('tier', 'set', 'standard', '--dry-run', '--fields', 'x')).toMatchObject({ code: 2 });
    expect(await json('account', 'view', 'default')).toMatchObject({ tier: 'free' });
  });

  test('tier edit --dry-run shows every account of the tier', async () => {
    for (const name of ['acme', 'globex']) await run('account', 'create', name);
    await charge(store, 'acme', 5);
    const rows = await json('tier', 'edit', 'free', '--daily-credits', '300', '--now', '--dry-run');
    expect(rows).toEqual({
      ...{ tier: 'free', dryRun: true, from: '2026-11-22' },
      accounts: [
        { account: 'default', used: 0, oldRemaining: 100_000, newRemaining: 300, from: '2026-11-22' },
        { account: 'acme', used: 500, oldRemaining: 99_500, newRemaining: 0, from: '2026-11-22' },
        { account: 'globex', used: 0, oldRemaining: 100_000, newRemaining: 300, from: '2026-11-22' },
      ],
    });
    expect((await run('tier', 'edit', 'free', '--daily-credits', '300', '--dry-run')).stdout.trim().split('\n')).toHaveLength(3);
    expect(await json('tier', 'view', 'free')).toMatchObject({ dailyCredits: 100_000, pendingDailyCredits: null });
  });
});

describe('for a person at a terminal', () => {
  test('an account and a tier are told in words', async () => {
    await run('account', 'create', 'acme', '--tier', 'standard', '--external-id', 'C-17');
    await run('credit', '+2500', '--account', 'acme', '--reason', 'a test');
    await run('tier', 'set', 'free', '--account', 'acme');
    const account = (await person('account', 'view', 'acme')).stdout;
    expect(account).toContain('302,500 of 302,500 left today (+2,500 by operators)');
    expect(account).toContain('standard, free from 2026-11-23 (in 12 h)');
    await run('tier', 'edit', 'standard', '--daily-credits', '400000', '--burst', '20');
    const tier = (await person('tier', 'view', 'standard')).stdout;
    expect(tier).toContain('300,000; 400,000 from 2026-11-23');
    expect(tier).toContain('10/s:20');
  });

  test('lists are tables, and empty ones say what to do next', async () => {
    expect((await person('account', 'list')).stdout).toMatch(/ID +NAME +EXTERNAL ID +TIER/);
    expect((await person('account', 'list', '--tier', 'startup')).stderr).toContain('keyctl account create');
    expect((await person('tier', 'list')).stdout).toMatch(/professional +10,000,000 +- +40\/s +0/);
    expect((await person('service', 'list')).stdout).toMatch(/default +100 +any/);
    expect((await person('env', 'list')).stdout).toMatch(/production +prod/);
    expect((await person('credit', 'list')).stderr).toContain('keyctl credit +5000');
  });

  test('credit and refund ask for the reason', async () => {
    const session = await atTerminal(['credit', '+5'], ['a birthday'], { path, clock });
    expect(session).toMatchObject({ code: 0, asked: ['Reason'] });
    expect(session.stdout).toContain('Gave 5 credits to default for today');
    expect(await atTerminal(['credit', '+5'], ['Ctrl-C'], { path, clock })).toMatchObject({ code: 'cancelled' });
    expect(await json('credit', 'list', '--fields', 'amount,reason')).toEqual([{ amount: 5, reason: 'a birthday' }]);
  });
});
