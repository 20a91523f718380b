import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { temporaryStore } from '../harness.ts';
import { addAccount, charge } from '../operations/account-fixture.ts';
import { makeKey, spend } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe('keyctl usage', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const usage = (...argv: string[]) => piped(['usage', ...argv], { path: opened.path, clock: opened.clock });

  test('through a pipe rows come tab-separated, all of them', async () => {
    await charge(opened.store, 'default', 3);
    const { code, stdout, stderr } = await usage();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(13);
    expect(lines.at(-1)).toBe('2026-11-22T12:00:00.000Z\t3\t300\t0');
  });

  test('--json has the contract’s fields, and --fields chooses among them', async () => {
    const { stdout } = await usage('--json', '--since', '2026-11-22T12:00:00Z');
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual(['from', 'to', 'by', 'rows', 'total', 'credits', 'forecast']);
    expect(report).toMatchObject({ by: 'hour', total: { requests: 0, credits: 0, denied: {} }, credits: { remaining: 100_000 } });
    expect(JSON.parse((await usage('--fields', 'by,total')).stdout)).toEqual({
      by: 'hour',
      total: { requests: 0, credits: 0, denied: {} },
    });
    const unknown = await usage('--fields', 'nonsense');
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain('from, to, by, rows, total, credits, forecast');
  });

  test('an invoice is a month of accounts in CSV, from the daily usage', async () => {
    await addAccount(opened.store, 'acme', 'standard');
    await charge(opened.store, 'acme', 2);
    opened.clock.now = Date.parse('2027-02-01T08:00:00.000Z');
    const { code, stdout } = await usage('--month', '2026-11', '--by', 'account', '--csv');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^bucket,account,accountId,externalId,tier,requests,credits,denied\r\nacme,acme,acct_[a-z0-9]{20},,standard,2,200,0\r\n$/,
    );
  });

  test('CSV quotes what needs it, and no name becomes a formula', async () => {
    for (const name of ['say "hi", you', '=1+1']) await spend(opened.store, (await makeKey(opened.store, name)).apiKey, 1);
    const { stdout } = await usage('--by', 'key', '--csv');
    const [, first, second] = stdout.split('\r\n');
    expect(first).toMatch(/^"default\/say ""hi"", you",default,acct_/);
    expect(second).toMatch(/^default\/=1\+1,default,acct_/);
  });

  test('--key may come as the secret on stdin', async () => {
    const { apiKey } = await makeKey(opened.store, 'prod');
    await spend(opened.store, apiKey, 4);
    await charge(opened.store, 'default', 1);
    const { stdout } = await piped(['usage', '--key', '-', '--json'], { path: opened.path, clock: opened.clock, stdin: `${apiKey}\n` });
    expect(JSON.parse(stdout)).toMatchObject({ total: { requests: 4 }, credits: { spent: 500 } });
    expect(stdout).not.toContain(apiKey);
  });

  test('hours that are not kept any more are said to be gone', async () => {
    opened.clock.now = NOON + 100 * MS_PER_DAY;
    const { code, stderr } = await usage('--since', '60d', '--by', 'account');
    expect(code).toBe(0);
    expect(stderr).toContain('keep-hourly-usage');
    expect((await usage('--since', '60d', '--by', 'day')).stderr).toBe('');
  });

  test.each([
    [['--by', 'week'], 'hour, day, account, key, service, code'],
    [['--month', '2026-13'], '--month cannot be read'],
    [['--month', '2026-11', '--since', '1h'], '--month excludes'],
    [['--since', 'yesterday'], '--since cannot be read'],
    [['--since', '2026-11-22T10:00:00'], '--since cannot be read'],
    [['--until', '2026-02-30'], '--until cannot be read'],
    [['--since', '2026-11-22T12:00:00Z', '--until', '2026-11-22T12:30:00Z'], 'The period is empty'],
    [['--since', '3y'], '--since cannot be read'],
    [['--since', '2000-01-01', '--by', 'hour'], 'rows'],
    [['--csv', '--json'], '--csv and --json'],
    [['--account', 'default', '--key', 'prod'], '--account and --key'],
  ])('%j is refused with exit 2 and a word of help', async (argv, words) => {
    const { code, stdout, stderr } = await usage(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  test('what does not exist is exit 3', async () => {
    for (const argv of [
      ['--account', 'nobody'],
      ['--key', 'nothing'],
      ['--service', 'nowhere'],
    ]) {
      expect((await usage(...argv)).code).toBe(3);
    }
  });

  test('midnight by the host’s clock is nothing to it', async () => {
    opened.clock.now = Date.parse('2026-11-22T23:59:59.999Z');
    await charge(opened.store, 'default', 1);
    opened.clock.now += 1;
    const { stdout } = await usage('--json');
    expect(JSON.parse(stdout)).toMatchObject({ from: '2026-11-23T00:00:00.000Z', total: { requests: 0 } });
    opened.clock.now += MS_PER_HOUR;
    const { stdout: yesterday } = await usage('--since', '1d', '--by', 'day');
    expect(yesterday.split('\n')[0]).toBe('2026-11-22\t1\t100\t0');
  });
});
