import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import { temporaryStore, type TestClock } from '../harness.ts';
import { DAY, HOUR, makeKey, rotate, spend, words } from '../operations/key-fixture.ts';
import { atTerminal, type Answers, type Session } from './scripted-call.ts';

let store: Store;
let clock: TestClock;
let path: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, path, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

const person = (argv: readonly string[], ...answers: Answers): Promise<Session> =>
  atTerminal(argv, answers, { path, clock, unicode: true });
const statusOf = async (name: string): Promise<string> => (await viewKey(store, words(name))).key.status;

describe('create asks', () => {
  test('for name and environment, production being chosen already', async () => {
    const { stdout, stderr, asked } = await person(['create'], 'prod', '');
    expect(asked).toEqual([expect.stringContaining('Name'), expect.stringMatching(/development \(dev\) \| .*production \(prod\)/)]);
    expect(stdout).toMatch(/^kc_prod_[0-9A-Za-z]{36}\n$/);
    expect(stderr).toContain('Created default/prod');
    expect((await viewKey(store, words('prod'))).key.environment).toBe('production');
  });

  test('for what the flags leave out, and for nothing when they say all', async () => {
    expect((await person(['create', '--name', 'a'], 'qa')).asked).toHaveLength(1);
    expect((await viewKey(store, words('a'))).key.environment).toBe('qa');
    expect((await person(['create', '--env', 'qa'], 'b')).asked).toHaveLength(1);
    expect((await person(['create', '--name', 'c', '--env', 'dev'])).asked).toEqual([]);
  });

  test('and Ctrl-C makes no key', async () => {
    expect((await person(['create'], 'prod', 'Ctrl-C')).code).toBe('cancelled');
    await expect(viewKey(store, words('prod'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('without a key, a person chooses', () => {
  test('for disable among the active ones, each with what it did today', async () => {
    const { apiKey } = await makeKey(store, 'busy');
    await makeKey(store, 'idle');
    await makeKey(store, 'ended', { expiresAt: clock.now + 1 });
    await makeKey(store, 'third');
    clock.now += HOUR;
    await spend(store, apiKey, 12);
    const { asked, stdout } = await person(['disable', '--reason', 'leaked'], ['busy', 'third']);
    expect(asked).toEqual([
      expect.stringMatching(/default\/busy +production +12 requests, 1,200 credits today \| default\/idle .*nothing today/),
    ]);
    expect(asked[0]).not.toContain('ended');
    expect(stdout.trim().split('\n')).toEqual([expect.stringContaining('default/busy'), expect.stringContaining('default/third')]);
    expect([await statusOf('busy'), await statusOf('idle'), await statusOf('third')]).toEqual(['disabled', 'active', 'disabled']);
  });

  test('for enable among the disabled ones', async () => {
    await makeKey(store, 'a');
    await makeKey(store, 'b');
    await person(['disable', 'b']);
    const { asked } = await person(['enable'], ['b']);
    expect(asked[0]).not.toContain('default/a');
    expect(await statusOf('b')).toBe('active');
  });

  test('for view, explain and rotate', async () => {
    await makeKey(store, 'prod');
    await makeKey(store, 'other');
    expect((await person(['view'], 'default/other')).stdout).toContain('default/other');
    expect((await person(['explain'], 'default/other')).stdout).toContain(
      'Yes: a request with default/other for default now (2026-11-22 10:00:00 UTC) would pass.\n',
    );
    expect((await person(['rotate', '--grace', '1h'], 'default/prod')).stderr).toContain('goes on until 2026-11-22T11:00:00.000Z');
  });

  test('but where there is none, it is said', async () => {
    for (const argv of [['disable'], ['enable'], ['view']]) expect((await person(argv)).code).toBe('not_found');
  });

  test('and Ctrl-C changes nothing', async () => {
    await makeKey(store, 'prod');
    expect((await person(['disable'], 'Ctrl-C')).code).toBe('cancelled');
    expect(await statusOf('prod')).toBe('active');
  });
});

describe('delete', () => {
  test('asks for the name, typed', async () => {
    await makeKey(store, 'prod');
    const { asked, stdout, code } = await person(['delete', 'prod'], 'prod');
    expect(asked).toEqual([expect.stringContaining('Type prod')]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('Deleted default/prod')]);
  });

  test('of another word deletes nothing', async () => {
    await makeKey(store, 'prod');
    expect((await person(['delete', 'prod'], 'prodd')).code).toBe('cancelled');
    expect(await statusOf('prod')).toBe('active');
  });

  test('with --yes asks nothing, and warns of a predecessor that still passes', async () => {
    await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    const { asked, stderr } = await person(['delete', 'prod', '--yes']);
    expect(asked).toEqual([]);
    expect(stderr).toContain('default/prod~1 still passes');
  });
});

describe('a person reads', () => {
  test('of a key in its grace until when, and what still comes with it', async () => {
    const { apiKey } = await makeKey(store, 'prod', { note: 'of the web shop', dailyCap: 5_000 });
    await rotate(store, 'prod', DAY);
    await spend(store, apiKey, 12);
    clock.now += HOUR;
    const { stdout } = await person(['view', 'prod~1']);
    // What has no room in a line goes on under where it began.
    expect(stdout.replaceAll(/\n {10,}/g, ' ')).toMatch(
      /In its grace: until 2026-11-23T10:00:00.000Z \(in 23 h\); still 12 requests in the last hour, 12 in 24 hours, last used 1 h ago/,
    );
    expect(stdout).toMatch(/Replaced by: +default\/prod \(key_/);
    expect(stdout).toMatch(/Credits: +98,800 of 100,000 left/);
    expect(stdout).toMatch(/Daily cap: +1,200 of 5,000 spent today/);
    expect((await person(['view', 'prod'])).stdout).toMatch(/Its grace: +until 2026-11-23.*still 12 requests in the last hour/);
    clock.now += 22 * HOUR + HOUR / 2;
    expect((await person(['view', 'prod~1'])).stdout).toMatch(
      /still 0 requests in the last hour, 12 in 24 hours, last used\s+23 h 30 min ago/,
    );
    clock.now += HOUR / 2;
    expect((await person(['view', 'prod~1'])).stdout).not.toContain('In its grace');
  });

  test('that nobody comes with the old key any more, and of every older one that still passes', async () => {
    await makeKey(store, 'prod');
    await rotate(store, 'prod', 3 * DAY);
    await rotate(store, 'prod', 2 * DAY);
    const { stdout } = await person(['view', 'prod']);
    expect(stdout).toMatch(/Its grace: +until 2026-11-24T10.*; nobody came with it for 24 hours, never used/);
    expect(stdout).toMatch(/In grace too: +default\/prod~1 \(key_.*\), until 2026-11-25T10/);
  });

  test('of a grace that is over who is still denied', async () => {
    const { key } = await makeKey(store, 'prod');
    await rotate(store, 'prod', 0);
    const denial = { keyId: key.id, account: 'default', service: 'default', code: 'api_key_disabled', ip: null, requestId: null } as const;
    await store.write((tx, now) => tx.usage.addDenials([{ ...denial, at: now, count: 3 }]));
    for (const name of ['prod', 'prod~1']) {
      expect((await person(['view', name])).stdout).toMatch(/Still denied: +the old key: 3 requests in the last hour, 3 in 24 hours/);
    }
  });

  test('a list that has a column for the old keys’ traffic once there is one', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    expect((await person(['list'])).stdout).not.toContain('IN GRACE');
    await rotate(store, 'prod', DAY);
    await spend(store, apiKey, 12);
    const { stdout } = await person(['list']);
    expect(stdout).toContain('IN GRACE');
    expect(stdout).toMatch(/prod~1 .*active.* 12 in 24 h/);
    clock.now += DAY;
    expect((await person(['list'])).stdout).toMatch(/prod~1 .*expired.* over/);
  });

  test('of a denial why, what would help, and what would come after that', async () => {
    await makeKey(store, 'prod', { allowedIps: ['203.0.113.0/24'], dailyCap: 0 });
    await person(['disable', 'prod', '--reason', 'leaked']);
    const { stdout } = await person(['explain', 'prod', '--ip', '203.0.113.9', '--env', 'prod']);
    const asked = 'No: a request with default/prod for default from 203.0.113.9 where prod is insisted on now (2026-11-22 10:00:00 UTC)';
    expect(stdout.split('\n')[0]).toBe(asked);
    expect(stdout).toContain('\nEvery check, in its order:\n');
    expect(stdout).toContain(
      'would be denied: api_key_disabled (403).\n\nThe key is disabled since 2026-11-22T10:00:00.000Z: leaked.\n→ keyctl enable key_',
    );
    expect(stdout).toMatch(
      /\n\nThen it would be denied with insufficient_credits: A request costs 100 credits\. [^]*\n→ Waiting does not help: /,
    );
    expect(stdout.match(/^ {2}[✓✗-] [a-z_]+ +\S/gm)).toHaveLength(12);
    expect(stdout).toMatch(/Credits come back at 2026-11-23 00:00 UTC, in 14 h\.\n$/);
  });

  test('of every check its detail below its code, where the window is narrow', async () => {
    await makeKey(store, 'prod');
    const { stdout } = await atTerminal(['explain', 'prod'], [], { path, clock, columns: 40, unicode: true });
    expect(stdout).toMatch(/^ {2}✓ api_key_disabled\n {4}The key is not disabled\.$/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
  });

  test('of a time in the past what tells of it, with its minutes', async () => {
    const { code, stderr } = await person(['explain', 'prod', '--at', '2020-01-01T09:14:00Z']);
    expect(code).toBe('usage');
    expect(stderr).toContain('keyctl denials --key <key> --since 2020-01-01T09:13:00.000Z --until 2020-01-01T09:15:00.000Z');
  });

  test('of a later moment from when it is reckoned, and no line but a command’s is longer than the window', async () => {
    await makeKey(store, 'prod', { expiresAt: clock.now + DAY });
    const { stdout } = await atTerminal(['explain', 'prod', '--at', '2026-12-01T18:00:00Z'], [], {
      path,
      clock,
      columns: 80,
      unicode: true,
    });
    expect(stdout).toMatch(
      /^No: a request with default\/prod for default at 2026-12-01 18:00:00 UTC would\sbe\sdenied:\sapi_key_expired \(401\)\./,
    );
    expect(stdout).toMatch(/Credits come back at 2026-12-02 00:00 UTC, in 6 h from then\.\n$/);
    expect(stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('→'))).toEqual([]);
  });

  test('a hidden prompt takes the secret of verify and of -', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    const verified = await person(['verify'], apiKey);
    expect([verified.code, verified.asked, verified.stdout]).toEqual([0, ['API key'], expect.stringMatching(/^Admitted\n/)]);
    const disabled = await person(['disable', '-'], apiKey);
    expect(disabled.stdout).toContain('Disabled default/prod');
    const denied = await person(['verify'], apiKey);
    expect([denied.code, denied.stdout]).toEqual([5, expect.stringContaining('api_key_disabled')]);
    for (const { stdout, stderr } of [verified, disabled, denied]) expect(stdout + stderr).not.toContain(apiKey);
  });
});
