import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, renameSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BINARY, keyctl, temporaryStore, type TestClock } from '../harness.ts';
import type { Store } from '../../src/domain/store.ts';
import { addAccount } from '../operations/account-fixture.ts';
import { piped } from './piped-call.ts';

// `audit --follow --json` as what ships the trail to somewhere else: nothing missing, nothing twice, in order, across restarts.

let store: Store;
let clock: TestClock;
let path: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, path, cleanUp } = await temporaryStore('2026-11-22T12:00:00.000Z')));
afterEach(() => cleanUp());

type Entry = Readonly<Record<string, unknown>>;

/** Collects the stream of a process that follows, until `enough` says so, and ends it with the signal. */
async function shipped(after: number, enough: (entries: readonly Entry[]) => boolean, signal: NodeJS.Signals): Promise<Entry[]> {
  const child: ChildProcess = spawn(process.execPath, [BINARY, 'audit', '--follow', '--json', '--after', String(after)], {
    env: { PATH: process.env['PATH'] ?? '', KEYCTL_DB: path },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { stdout } = child;
  if (stdout === null) throw new RangeError('a child without its stdout');
  const closed = once(child, 'close');
  const entries: Entry[] = [];
  for await (const line of createInterface({ input: stdout })) {
    entries.push(JSON.parse(line) as Entry);
    if (!enough(entries)) continue;
    child.kill(signal);
    break;
  }
  await closed;
  return entries;
}

test('entries of several processes at once come in their order, without a gap', async () => {
  const processes = 6;
  const made = Promise.all(
    Array.from({ length: processes }, (_, index) => keyctl(['create', '--name', `key-${String(index)}`, '--quiet'], { db: path })),
  );
  const entries = await shipped(0, (seen) => seen.length === processes, 'SIGTERM');
  for (const { code } of await made) expect(code).toBe(0);
  expect(entries.map(({ number }) => number)).toEqual(Array.from({ length: processes }, (_, index) => index + 1));
  expect(entries.map(({ targetName }) => targetName).sort()).toEqual(
    Array.from({ length: processes }, (_, index) => `default/key-${String(index)}`),
  );
});

test('who was killed goes on after the last entry that arrived: nothing is missing and nothing comes twice', async () => {
  for (const name of ['a', 'b', 'c']) await addAccount(store, name);
  const first = await shipped(0, (seen) => seen.length === 2, 'SIGKILL');
  await addAccount(store, 'd');
  const rest = await shipped(Number(first[1]?.['number']), (seen) => seen.at(-1)?.['targetName'] === 'd', 'SIGTERM');
  expect([...first.slice(0, 2), ...rest].map(({ targetName }) => targetName)).toEqual(['a', 'b', 'c', 'd']);
});

describe('--after', () => {
  const names = async (...argv: string[]): Promise<unknown[]> => {
    const { code, stdout } = await piped(['audit', '--json', '--fields', 'targetName', ...argv], { path, clock });
    expect(code).toBe(0);
    return (JSON.parse(stdout) as Entry[]).map(({ targetName }) => targetName);
  };

  test('lists what came after an entry, whatever the clock said', async () => {
    for (const name of ['a', 'b', 'c']) {
      await addAccount(store, name);
      clock.now -= 3_600_000;
    }
    expect(await names('--after', '1')).toEqual(['c', 'b']);
    expect(await names('--after', '3')).toEqual([]);
    expect(await names('--after', '0', '--limit', '1')).toEqual(['c']);
  });

  test('past the end of the trail is another store, or an older state of this one: exit 4 instead of a wait for ever', async () => {
    await addAccount(store, 'a');
    const { code, stdout, stderr } = await piped(['audit', '--follow', '--json', '--after', '2'], { path, clock });
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain('ends with entry 1');
  });

  test.each(['-1', '1.5', 'x'])('%s is exit 2', async (number) => {
    expect((await piped(['audit', '--after', number], { path, clock })).code).toBe(2);
  });
});

test('whoever follows is told when another file takes the place of the store', async () => {
  await addAccount(store, 'a');
  const child = spawn(process.execPath, [BINARY, 'audit', '--follow', '--json', '--after', '0'], {
    env: { PATH: process.env['PATH'] ?? '', KEYCTL_DB: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (chunk) => (told += String(chunk)));
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  copyFileSync(path, `${path}.copy`);
  renameSync(`${path}.copy`, path);
  expect(await closed).toEqual([1, null]);
  expect(JSON.parse(told)).toMatchObject({ error: { code: 'failed', message: expect.stringContaining('removed or replaced') } });
});
