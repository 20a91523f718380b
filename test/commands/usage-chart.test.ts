import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { widthOf } from '../../src/terminal/fit.ts';
import { temporaryStore } from '../harness.ts';
import { addAccount, charge } from '../operations/account-fixture.ts';
import { makeKey, spend } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';
import { atTerminal } from './scripted-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe('the picture of keyctl usage', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const shown = async (argv: readonly string[], columns = 80) =>
    (await atTerminal(['usage', ...argv], [], { path: opened.path, clock: opened.clock, columns })).stdout;

  test('of days has the allowance as a line, and above it what was denied', async () => {
    await charge(opened.store, 'default', 500);
    opened.clock.now = NOON + MS_PER_DAY;
    await charge(opened.store, 'default', 1_000);
    const denial = { account: 'default', keyId: null, service: null, ip: null, requestId: null };
    await opened.store.write((tx, now) => tx.usage.addDenials([{ ...denial, at: now, code: 'insufficient_credits', count: 1_000 }]));
    const text = await shown(['--since', '1d', '--by', 'day']);
    expect(text).toContain(
      [
        ' 200k |      xxxxx',
        '      |      xxxxx',
        '      |      xxxxx',
        '      |      xxxxx',
        ' 100k |------#####-',
        '      |      #####',
        '      |##### #####',
        '      |##### #####',
        '    0 +------------',
        '       22    23',
        '       2026-11',
        '       # credits spent   x denied, at 100 a request   - allowance',
      ].join('\n'),
    );
  });

  test('of hours has the allowance of the day, spread over its hours', async () => {
    await charge(opened.store, 'default', 60);
    const text = await shown([]);
    expect(text).toContain('- allowance / 24');
    expect(text).toMatch(/ {6}\|-{60}####-\n/);
  });

  test('follows what the day granted: another tier, credits that were given', async () => {
    await addAccount(opened.store, 'acme', 'standard');
    await charge(opened.store, 'acme', 1_500);
    opened.clock.now = NOON + MS_PER_DAY;
    await piped(['credit', '+300000', '--account', 'acme', '--reason', 'a test'], { path: opened.path, clock: opened.clock });
    const text = await shown(['--account', 'acme', '--since', '1d', '--by', 'day']);
    expect(text).toContain(' 600k |      ------');
    expect(text).toContain(' 300k |------');
  });

  test('of a key with a cap has the cap as its line', async () => {
    const { apiKey } = await makeKey(opened.store, 'capped', { dailyCap: 1_000 });
    await spend(opened.store, apiKey, 10);
    expect(await shown(['--key', 'capped', '--since', '1d', '--by', 'day'])).toMatch(/ {3}1k \|-{6}#####-\n/);
  });

  test('of what costs nothing counts requests', async () => {
    await charge(opened.store, 'default', 5, 0);
    const text = await shown([]);
    expect(text).toContain('# requests admitted');
    expect(text).not.toContain('allowance /');
  });

  test('is not drawn of nothing, of a single row, nor of anything but time', async () => {
    expect(await shown([])).not.toContain('+---');
    await charge(opened.store, 'default', 5);
    for (const argv of [
      ['--since', '2026-11-22T12:00:00Z'],
      ['--by', 'account'],
      ['--by', 'key'],
      ['--by', 'code'],
      ['--by', 'service'],
    ]) {
      expect(await shown(argv)).not.toContain('+---');
    }
    expect(await shown([])).toContain('+---');
  });

  test('is for persons: a pipe, --json and --csv have none', async () => {
    await charge(opened.store, 'default', 5);
    for (const argv of [[], ['--json'], ['--csv']]) {
      expect((await piped(['usage', ...argv], { path: opened.path, clock: opened.clock })).stdout).not.toContain('+---');
    }
  });

  test.each([30, 40, 80, 200])('no line is wider than a terminal of %i columns', async (columns) => {
    await charge(opened.store, 'default', 700);
    for (const argv of [[], ['--since', '30d'], ['--since', '7d', '--by', 'hour']]) {
      for (const line of (await shown(argv, columns)).split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    }
  });
});

test('keyctl usage tells an hour to a person without its seconds', async () => {
  const opened = await temporaryStore(new Date(NOON).toISOString());
  const { stdout } = await atTerminal(['usage'], [], { path: opened.path, clock: opened.clock, columns: 80 });
  await opened.cleanUp();
  expect(stdout).toMatch(/^2026-11-22 00:00 +0 /m);
  expect(stdout).not.toContain('000Z');
});

describe('keyctl usage by account or key on a terminal', () => {
  test('shows those that spent the most, and how many more there are', async () => {
    const opened = await temporaryStore(new Date(NOON).toISOString());
    for (let number = 1; number <= 60; number += 1) {
      await addAccount(opened.store, `customer-${String(number)}`);
      await charge(opened.store, `customer-${String(number)}`, number);
    }
    const { stdout, stderr } = await atTerminal(['usage', '--by', 'account'], [], { path: opened.path, clock: opened.clock, columns: 80 });
    const rows = stdout.split('\n').filter((line) => line.startsWith('customer-'));
    expect(rows).toHaveLength(50);
    expect(rows[0]).toMatch(/^customer-60 .* 60 +6,000/);
    expect(stderr).toContain('... and 10 more');
    expect(stdout).toContain('1,830 requests, 183,000 credits');
    const script = await piped(['usage', '--by', 'account'], { path: opened.path, clock: opened.clock });
    expect(script.stdout.split('\n')[0]).toMatch(/^customer-1\t/);
    expect(script.stdout.trimEnd().split('\n')).toHaveLength(60);
    await opened.cleanUp();
  });
});
