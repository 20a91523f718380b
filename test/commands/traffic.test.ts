import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { formatInstant } from '../../src/domain/utc-day.ts';
import { BINARY, temporaryStore } from '../harness.ts';
import { charge } from '../operations/account-fixture.ts';
import { makeKey, spend } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe('keyctl debits and denials', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const run = (...argv: string[]) => piped(argv, { path: opened.path, clock: opened.clock });

  test('debits are JSON objects with the contract’s fields, newest first', async () => {
    const { key, apiKey } = await makeKey(opened.store, 'prod');
    await spend(opened.store, apiKey, 1);
    await charge(opened.store, 'default', 1);
    const rows = JSON.parse((await run('debits', '--json')).stdout) as Record<string, unknown>[];
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ key: null, keyName: null, balanceAfter: 99_800 });
    expect(rows[1]).toEqual({
      ...{ id: expect.stringMatching(/^deb_[0-9a-z]+$/), at: formatInstant(NOON), account: 'default', key: key.id, keyName: 'prod' },
      ...{ service: 'default', cost: 100, balanceAfter: 99_900, requestId: null, refundedAt: null },
    });
  });

  test('none are an empty list in JSON and nothing in a pipe', async () => {
    expect((await run('debits', '--json')).stdout).toBe('[]\n');
    expect(await run('debits')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await run('denials', '--json')).stdout).toBe('[]\n');
  });

  test('through a pipe come all rows, with full ids and ISO times, or as many as --limit says', async () => {
    await charge(opened.store, 'default', 1_000);
    const lines = (await run('debits')).stdout.split('\n').slice(0, -1);
    expect(lines).toHaveLength(1_000);
    expect(lines[0]).toMatch(/^deb_[0-9a-z]+\t2026-11-22T12:00:00\.000Z\tdefault\t\tdefault\t100\t0\t\t$/);
    expect((await run('debits', '--limit', '7')).stdout.split('\n').slice(0, -1)).toEqual(lines.slice(0, 7));
  });

  test('denials have their codes and true counts', async () => {
    await opened.store.write((tx, now) =>
      tx.usage.addDenials([
        { at: now, keyId: null, account: null, service: 'default', code: 'invalid_api_key', ip: '203.0.113.7', requestId: 'r1', count: 9 },
      ]),
    );
    expect(JSON.parse((await run('denials', '--json', '--code', 'invalid_api_key')).stdout)).toEqual([
      {
        ...{ at: formatInstant(NOON), account: null, key: null, keyName: null, service: 'default' },
        ...{ code: 'invalid_api_key', ip: '203.0.113.7', requestId: 'r1', count: 9 },
      },
    ]);
    expect((await run('denials', '--since', '1h', '--code', 'ip_not_allowed')).stdout).toBe('');
  });

  test('--follow shows the last ones and those that come, one a line, until it is told to stop', async () => {
    await charge(opened.store, 'default', 12);
    let stop: (signal: NodeJS.Signals) => void = () => undefined;
    const stopped = new Promise<NodeJS.Signals>((resolve) => (stop = resolve));
    let lines = 0;
    const followed = piped(['debits', '--follow', '--json'], {
      path: opened.path,
      clock: opened.clock,
      stop: stopped,
      onData: () => {
        lines += 1;
        if (lines === 10) void charge(opened.store, 'default', 2);
        if (lines === 12) stop('SIGINT');
      },
    });
    const { code, stdout } = await followed;
    expect(code).toBe(0);
    const balances = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { balanceAfter: number }).balanceAfter);
    expect(balances).toEqual(Array.from({ length: 12 }, (_, index) => 99_700 - index * 100));
  });

  test('--follow can be stopped while it still catches up', async () => {
    for (let batch = 0; batch < 5; batch += 1) await charge(opened.store, 'default', 1_000, 1);
    let stop: (signal: NodeJS.Signals) => void = () => undefined;
    const stopped = new Promise<NodeJS.Signals>((resolve) => (stop = resolve));
    const { code, stdout } = await piped(['debits', '--follow', '--since', '1d'], {
      path: opened.path,
      clock: opened.clock,
      stop: stopped,
      // As a signal comes: in a later turn of the loop.
      onData: () =>
        setImmediate(() => {
          stop('SIGINT');
        }),
    });
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n').length).toBeLessThan(5_000);
  });

  test.each([
    [['debits', '--limit', '0'], '--limit'],
    [['debits', '--follow', '--until', '1h'], '--follow and --until'],
    [['debits', '--request-id', 'with space'], '--request-id'],
    [['debits', '--since', 'soon'], '--since'],
    [['denials', '--code', 'ok'], 'invalid_api_key'],
    [['denials', '--code', 'kc_prod'], '--code'],
    [['denials', '--fields', 'nonsense'], 'at, account, key, keyName, service, code, ip, requestId, count'],
  ])('%j is refused with exit 2', async (argv, words) => {
    const { code, stdout, stderr } = await run(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('with space');
  });

  test('a reader that goes away has all it wanted: exit 0, silently', async () => {
    for (let batch = 0; batch < 10; batch += 1) await charge(opened.store, 'default', 1_000, 1);
    const env = { PATH: process.env['PATH'] ?? '', KEYCTL_DB: opened.path };
    for (const argv of [['debits'], ['debits', '--json']]) {
      const child = spawn(process.execPath, [BINARY, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (chunk) => (stderr += String(chunk)));
      child.stdout.once('data', () => child.stdout.destroy());
      const [code] = (await once(child, 'close')) as [number | null];
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });

  test('Ctrl-C ends --follow with exit 0', async () => {
    await charge(opened.store, 'default', 1);
    const env = { PATH: process.env['PATH'] ?? '', KEYCTL_DB: opened.path };
    const child = spawn(process.execPath, [BINARY, 'debits', '--follow'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});
