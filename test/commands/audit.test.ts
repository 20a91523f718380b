import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { BINARY, temporaryStore, type Outcome, type TestClock } from '../harness.ts';
import { addAccount } from '../operations/account-fixture.ts';
import { makeKey } from '../operations/key-fixture.ts';
import { piped, type PipedOptions } from './piped-call.ts';
import { atTerminal } from './scripted-call.ts';

let store: Store;
let clock: TestClock;
let path: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, path, cleanUp } = await temporaryStore('2026-11-22T12:00:00.000Z')));
afterEach(() => cleanUp());

const run = (argv: readonly string[], more: Partial<PipedOptions> = {}): Promise<Outcome> => piped(argv, { path, clock, ...more });

async function actions(...argv: string[]): Promise<unknown[]> {
  const { code, stdout } = await run(['audit', '--json', '--fields', 'action', ...argv]);
  expect(code).toBe(0);
  return (JSON.parse(stdout) as { action: unknown }[]).map(({ action }) => action);
}

describe('audit', () => {
  test('shows who did what to what, newest first', async () => {
    await run(['account', 'create', 'acme', '--actor', 'alice']);
    clock.now += 60_000;
    await run(['tier', 'set', 'standard', '--account', 'acme']);
    const entries = JSON.parse((await run(['audit', '--json'])).stdout) as Record<string, unknown>[];
    expect(entries).toHaveLength(2);
    expect(Object.keys(entries[1] ?? {})).toEqual([
      ...['number', 'at', 'actor', 'osUser', 'sudoUser', 'host', 'action', 'targetKind', 'target', 'targetName', 'before', 'after'],
    ]);
    expect(entries[1]).toMatchObject({
      ...{ number: 1, at: '2026-11-22T12:00:00.000Z', actor: 'alice', osUser: 'root', sudoUser: null, host: 'test' },
      ...{ action: 'account.create', targetKind: 'account', targetName: 'acme', before: null, after: { tier: 'free' } },
    });
    expect(entries[0]).toMatchObject({ action: 'tier.set', actor: 'root', before: { tier: 'free' }, after: { tier: 'standard' } });
    const [newest = ''] = (await run(['audit'])).stdout.split('\n');
    expect(newest.split('\t').slice(0, 4)).toEqual(['2026-11-22T12:01:00.000Z', 'root', 'tier.set', 'acme']);
  });

  test('is narrowed by actor, action, target and time', async () => {
    await run(['account', 'create', 'acme', '--actor', 'alice']);
    clock.now += 3_600_000;
    await run(['account', 'create', 'globex']);
    await run(['service', 'create', 'search']);
    expect(await actions('--actor', 'alice')).toEqual(['account.create']);
    expect(await actions('--action', 'service')).toEqual(['service.create']);
    expect(await actions('--target', 'globex')).toEqual(['account.create']);
    expect(await actions('--since', '30m')).toEqual(['service.create', 'account.create']);
    expect(await actions('--until', '2026-11-22T13:00:00Z')).toEqual(['account.create']);
    expect(await actions('--since', '2026-11-23')).toEqual([]);
    expect(await actions('--limit', '1')).toEqual(['service.create']);
    expect(await actions('--actor', 'nobody')).toEqual([]);
  });

  test('finds a key by its secret from stdin, and never holds one', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    const found = await run(['audit', '--target', '-', '--json'], { stdin: `${apiKey}\n` });
    expect(JSON.parse(found.stdout)).toEqual([expect.objectContaining({ action: 'key.create', target: key.id })]);
    expect(found.stdout).not.toContain(apiKey);
    expect(await run(['audit', '--target', '-'], { stdin: 'kc_prod_nothing' })).toMatchObject({ code: 3 });
  });

  test.each([
    [['--since', 'yesterday']],
    [['--since', '2026-02-30']],
    [['--until', '2026-11-22T10:00:00']],
    [['--limit', '0']],
    [['--limit', '1e3']],
    [['--fields', 'secret']],
    [['--follow', '--until', '2026-11-23']],
  ])('%j is exit 2', async (options) => {
    expect(await run(['audit', ...options])).toMatchObject({ code: 2, stdout: '' });
  });

  test('on a terminal is a table, and says when there is nothing', async () => {
    expect((await atTerminal(['audit'], [], { path, clock })).stderr).toContain('Nothing of that kind');
    await addAccount(store, 'acme');
    clock.now += 120_000;
    const { stdout } = await atTerminal(['audit', '--actor', 'tester'], [], { path, clock });
    expect(stdout).toMatch(/2 min ago +tester +account\.create +acme/);
  });
});

describe('audit --follow', () => {
  test('prints one JSON object a line as entries come, and ends when it is told to', async () => {
    await addAccount(store, 'before');
    let stop: (signal: NodeJS.Signals) => void = () => undefined;
    const stopped = new Promise<NodeJS.Signals>((resolve) => (stop = resolve));
    let seen = 0;
    const onData = (): void => {
      seen += 1;
      if (seen === 1) void addAccount(store, 'after');
      else stop('SIGTERM');
    };
    const { code, stdout } = await run(['audit', '--follow', '--limit', '1', '--json', '--fields', 'targetName'], {
      stop: stopped,
      onData,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"targetName":"before"}\n{"targetName":"after"}\n' });
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('as a process ends with 0 at %s', async (signal) => {
    await addAccount(store, 'before');
    const child = spawn(process.execPath, [BINARY, 'audit', '--follow', '--limit', '1', '--json'], {
      env: { PATH: process.env['PATH'] ?? '', KEYCTL_DB: path },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const names: unknown[] = [];
    const closed = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout })) {
      names.push((JSON.parse(line) as Record<string, unknown>)['targetName']);
      if (names.length === 1) await addAccount(store, 'after');
      else child.kill(signal);
    }
    expect(await closed).toEqual([0, null]);
    expect(names).toEqual(['before', 'after']);
  });
});
