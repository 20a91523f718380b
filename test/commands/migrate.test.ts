import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryStore } from '../harness.ts';
import { makeKey } from '../operations/key-fixture.ts';
import { piped } from './piped-call.ts';

let opened: Awaited<ReturnType<typeof temporaryStore>>;
let to: string;

beforeEach(async () => {
  opened = await temporaryStore('2026-11-22T12:00:00.000Z');
  to = join(dirname(opened.path), 'new.db');
  await makeKey(opened.store, 'prod', {});
});

afterEach(() => opened.cleanUp());

const run = (...argv: string[]) => piped(argv, opened);

describe('keyctl migrate', () => {
  test('tries, moves and says what was moved; the old store says where it went', async () => {
    const dry = await run('migrate', '--to', to, '--dry-run');
    expect(dry.stdout).toMatch(
      /^Would move \S+keyctl\.db to \S+new\.db: 1 account, 1 key and 0 debits, \d+ rows in all\. The books balance\. /,
    );
    expect(existsSync(to)).toBe(false);
    const moved = await run('migrate', '--to', to, '--json');
    expect(JSON.parse(moved.stdout)).toEqual({
      ...{ store: opened.path, to, dryRun: false, accounts: 1, keys: 1, debits: 0, rows: expect.any(Number) },
    });
    const again = await run('list');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining(`has moved to ${to}`)]);
    expect((await piped(['list', '--fields', 'name', '--json'], { ...opened, path: to })).stdout).toContain('prod');
  });

  test('needs a place that is empty, and one at all', async () => {
    expect((await run('migrate')).code).toBe(2);
    expect((await run('migrate', '--to', '')).code).toBe(2);
    const own = await run('migrate', '--to', opened.path);
    expect([own.code, own.stderr]).toEqual([4, expect.stringContaining('in use')]);
    expect((await run('migrate', '--to', opened.path, '--dry-run')).code).toBe(4);
    expect((await run('list')).code).toBe(0);
  });
});
