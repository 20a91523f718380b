import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryStore } from '../harness.ts';
import { addAccount, charge } from '../operations/account-fixture.ts';
import { makeKey } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const FIELDS = ['account', 'tier', 'requests', 'accepted', 'denied', 'cost', 'remaining', 'exhaustedAt', 'dryRun'];

describe('keyctl charge and simulate', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const run = (...argv: string[]) => piped(argv, { path: opened.path, clock: opened.clock });

  test('charge takes one request unless told otherwise, and says what is left', async () => {
    const { code, stdout } = await run('charge', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual(FIELDS);
    expect(report).toMatchObject({
      account: 'default',
      tier: 'free',
      requests: 1,
      accepted: 1,
      cost: 100,
      remaining: 99_900,
      dryRun: false,
    });
    const told = await run('charge', '--requests', '2');
    expect(told.stdout).toContain('2 of 2 requests, 200 credits');
    expect(told.stdout).toContain('99,700 credits');
  });

  test('what does not fit is exit 5, and the result stands on stdout', async () => {
    const { code, stdout, stderr } = await run('charge', '--requests', '1001', '--json');
    expect({ code, stderr }).toEqual({ code: 5, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      accepted: 1_000,
      denied: { insufficient_credits: 1 },
      exhaustedAt: '2026-11-22T12:00:00.000Z',
    });
    const [denial] = JSON.parse((await run('denials', '--json')).stdout) as unknown[];
    expect(denial).toMatchObject({ code: 'insufficient_credits', account: 'default', count: 1 });
  });

  test('simulate says the same beforehand and changes nothing; exit 5 comes only when asked for', async () => {
    const simulated = await run('simulate', '--requests', '1001', '--tier', 'free', '--account', 'default', '--json');
    expect(simulated.code).toBe(0);
    const report = JSON.parse(simulated.stdout) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual(FIELDS);
    expect(report).toMatchObject({ accepted: 1_000, denied: { insufficient_credits: 1 }, dryRun: true });
    expect((await run('simulate', '--requests', '1001', '--exit-code')).code).toBe(5);
    expect((await run('simulate', '--requests', '1000', '--exit-code')).code).toBe(0);
    expect((await run('debits')).stdout).toBe('');
    expect((await run('denials')).stdout).toBe('');
  });

  test('simulate reads arrivals by the second, the minute and the hour', async () => {
    const ends = async (rate: string) => (await run('simulate', '--requests', '61', '--arrivals', rate)).stdout;
    expect(await ends('1/s')).toContain('2026-11-22T12:01:00.000Z');
    expect(await ends('60/m')).toContain('2026-11-22T12:01:00.000Z');
    expect(await ends('1/h')).toContain('2026-11-25T00:00:00.000Z');
  });

  test('a key goes by any of its names, and among several accounts one has to be named', async () => {
    await makeKey(opened.store, 'prod');
    await addAccount(opened.store, 'acme');
    expect((await run('charge', '--key', 'prod')).code).toBe(0);
    for (const argv of [['charge'], ['simulate', '--requests', '1']]) {
      const { code, stderr } = await run(...argv);
      expect(code).toBe(2);
      expect(stderr).toContain('--account');
    }
    expect((await run('charge', '--account', 'acme')).code).toBe(0);
    expect((await run('simulate', '--requests', '1', '--tier', 'startup')).stdout).toContain('a new one on startup');
  });

  test.each([
    [['charge', '--requests', '0'], '--requests'],
    [['charge', '--requests', '-5'], '--requests'],
    [['charge', '--requests', '1.5'], '--requests'],
    [['charge', '--requests', 'NaN'], '--requests'],
    [['charge', '--requests', '1000001'], '--requests'],
    [['charge', '--account', 'default', '--key', 'prod'], '--account and --key'],
    [['simulate'], '--requests'],
    [['simulate', '--requests', '10000001'], '--requests'],
    [['simulate', '--requests', '5', '--arrivals', '0/s'], '--arrivals'],
    [['simulate', '--requests', '5', '--arrivals', '10'], '--arrivals'],
    [['simulate', '--requests', '5', '--arrivals', '1/d'], '--arrivals'],
    [['simulate', '--requests', '5', '--at', 'noon'], '--at'],
  ])('%j is refused with exit 2', async (argv, words) => {
    const { code, stdout, stderr } = await run(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  test('ten million requests are no trouble', async () => {
    const { stdout } = await run('simulate', '--requests', '10000000', '--tier', 'professional', '--arrivals', '1000/s', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ requests: 10_000_000, dryRun: true });
  });

  test('what is spent is left alone by a simulation of another day', async () => {
    await charge(opened.store, 'default', 1_000);
    const { stdout } = await run('simulate', '--requests', '3', '--at', '2026-11-23', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ accepted: 3, remaining: 99_700 });
  });
});
