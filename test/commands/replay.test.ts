import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { temporaryStore } from '../harness.ts';
import { addAccount, charge } from '../operations/account-fixture.ts';
import { piped } from './piped-call.ts';
import { atTerminal } from './scripted-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe('keyctl simulate --replay', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  /** Two accounts on two days: acme asks for 1,015 requests yesterday, of which 15 are denied, and for 20 today. */
  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON - MS_PER_DAY).toISOString());
    const { store, clock } = opened;
    await addAccount(store, 'acme');
    await charge(store, 'acme', 1_000);
    await charge(store, 'default', 10);
    await store.write((tx, now) =>
      tx.usage.addDenials([
        { at: now, keyId: null, account: 'acme', service: 'default', code: 'insufficient_credits', ip: null, requestId: null, count: 15 },
      ]),
    );
    clock.now = NOON - MS_PER_HOUR;
    await charge(store, 'acme', 20);
    clock.now = NOON;
  });

  afterEach(() => opened.cleanUp());

  const replay = (...argv: string[]) => piped(['simulate', '--replay', ...argv], opened);

  test('through a pipe there is a line for each tier and day, those without traffic too', async () => {
    const { code, stdout, stderr } = await replay('2d', '--account', 'acme', '--tier', 'standard', '--tier', 'free');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'free\t2026-11-20\t0\t0\t0\t0\t',
      'free\t2026-11-21\t1015\t15\t0\t1\t2026-11-21T12:00:00.000Z',
      'free\t2026-11-22\t20\t0\t0\t0\t',
      'standard\t2026-11-20\t0\t0\t0\t0\t',
      'standard\t2026-11-21\t1015\t0\t5\t1\t',
      'standard\t2026-11-22\t20\t0\t0\t0\t',
      '',
    ]);
  });

  test('with --json it has the documented fields, all accounts, and what it cannot know', async () => {
    const report = JSON.parse((await replay('2026-11-21', '--tier', 'free', '--json')).stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      ...{ from: '2026-11-21T00:00:00.000Z', to: '2026-11-22T12:00:00.000Z', account: null, requests: 1_045 },
      ...{ deniedThen: { insufficient_credits: 15 }, cheapest: null },
      accounts: [
        { account: 'acme', tier: 'free', requests: 1_035, busiestDay: 101_500, cheapest: null },
        { account: 'default', tier: 'free', requests: 10, busiestDay: 1_000, cheapest: 'free' },
      ],
      unknown: [{ code: 'denied_demand' }, { code: 'today' }],
      tiers: [
        {
          ...{ tier: 'free', hypothetical: false, dailyCredits: 100_000, fits: false, accountsDenied: 1 },
          limits: [{ service: '*', requestsPerSecond: 5, burst: 5 }],
          ...{ denied: { insufficient_credits: 15 }, exhaustedAt: '2026-11-21T12:00:00.000Z' },
          days: [
            { day: '2026-11-21', requests: 1_025, accountsDenied: 1 },
            { day: '2026-11-22', requests: 20, denied: {}, accountsDenied: 0, exhaustedAt: null },
          ],
        },
      ],
    });
  });

  test.each([80, 200])('a person at %i columns sees tiers, days and accounts, and no line is longer', async (columns) => {
    const argv = ['simulate', '--replay', '2d', '--daily-credits', '101500', '--rate', 'none', '--tier', 'free', '--tier', 'standard'];
    const { stdout } = await atTerminal(argv, [], { ...opened, columns });
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('2 accounts, 2026-11-20 to 2026-11-22: 1,045 requests, 15 of them denied then.');
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
    expect(stdout).toMatch(/^free +100,000 +15 +- +1\.4 % +1\/3 +1/m);
    expect(stdout).toMatch(/^hypothetical +101,500 +- +- +- +- +-/m);
    expect(stdout).toMatch(/^standard +300,000 +- +5 +0\.5 % +1\/3 +1/m);
    expect(stdout).toMatch(/^2026-11-21 +1,025 +15 of 1 account +- +5 of 1 account$/m);
    expect(stdout).toContain('\n... and 1 day without a request.\n');
    expect(stdout).not.toMatch(/^2026-11-20 /m);
    expect(stdout).toMatch(/^acme +free +1,035 +101,500 +hypothetical$/m);
    expect(stdout).toContain('The cheapest that would have denied nothing: hypothetical.');
    expect(stdout).toContain('What this cannot know:\n  Denied requests were replayed as they came');
  });

  test('for one account a day says from when on', async () => {
    const { stdout } = await atTerminal(['simulate', '--replay', '1d', '--account', 'acme', '--tier', 'free'], [], opened);
    expect(stdout).toMatch(/^2026-11-21 +1,015 +15 from 12:00$/m);
    expect(stdout).toContain('None of these would have been enough.');
    const { stdout: none } = await atTerminal(['simulate', '--replay', '2026-11-22', '--account', 'default'], [], opened);
    expect(none).toBe('default, 2026-11-22 to 2026-11-22: 0 requests.\n');
  });

  test('--exit-code is 5 when no tier that was tried would have done', async () => {
    expect((await replay('2d', '--tier', 'free', '--exit-code')).code).toBe(5);
    expect((await replay('2d', '--tier', 'free', '--tier', 'professional', '--exit-code')).code).toBe(0);
    expect((await replay('2026-11-22', '--tier', 'free', '--exit-code')).code).toBe(0);
  });

  test.each([
    [['--replay', 'soon'], 2, '--replay cannot be read'],
    [['--replay', '2030-01-01'], 2, '--replay lies in the future'],
    [['--replay', '2d', '--requests', '5'], 2, '--requests does not go with --replay'],
    [['--replay', '2d', '--at', '2026-11-22'], 2, '--at does not go with --replay'],
    [['--replay', '2d', '--service', 'default'], 2, '--service does not go with --replay'],
    [['--requests', '5', '--daily-credits', '5'], 2, '--daily-credits needs --replay'],
    [['--requests', '5', '--tier', 'free', '--tier', 'standard'], 2, '--tier is given twice'],
    [['--replay', '2d', '--rate', 'fast'], 2, '--rate must be from 1/s'],
    [['--replay', '2d', '--daily-credits', '1.5'], 2, '--daily-credits must be a whole number'],
    [['--replay', '2d', '--tier', 'gold'], 3, 'There is no such tier'],
    [['--replay', '2d', '--account', 'nobody'], 3, 'There is no such account'],
    [['--replay', '2d', '--fields', 'nope'], 2, 'from, to, account, requests, deniedThen, tiers, cheapest, accounts, unknown'],
  ])('%j is refused', async (argv, exit, words) => {
    const { code, stdout, stderr } = await piped(['simulate', ...argv], opened);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr).toContain(words);
  });
});
