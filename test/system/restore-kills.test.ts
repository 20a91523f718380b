import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BINARY, keyctl, temporaryFolder } from '../harness.ts';
import { proveBooks } from '../proved-books.ts';
import { programPath } from './programs.ts';

let folder: ReturnType<typeof temporaryFolder>;

/** A backup, and the store that went on from it: a key was disabled since, and a tier's limit edited. */
beforeAll(async () => {
  folder = temporaryFolder();
  const db = join(folder.path, 'later.db');
  for (const args of [
    ['create', '--name', 'prod'],
    ['charge', '--requests', '5'],
    ['backup', join(folder.path, 'backup.db')],
    ['disable', 'prod'],
    ['charge', '--requests', '7'],
    ['tier', 'edit', 'free', '--rate', '77/s'],
  ]) {
    expect(await keyctl(args, { db })).toMatchObject({ code: 0 });
  }
});

afterAll(() => {
  folder.cleanUp();
});

/** Restores, with a kill -9 right after the n-th call of the kernel's. False when there were not so many. */
function killedAt(db: string, call: string, nth: number): boolean {
  const restore = [process.execPath, BINARY, '--db', db, 'restore', join(folder.path, 'backup.db'), '--yes'];
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${String(nth)}`];
  const { status } = spawnSync(programPath('strace'), ['-f', '-qq', '-o', '/dev/null', ...inject, ...restore], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder.path },
  });
  return status !== 0;
}

test.each(['link', 'rename', 'unlink', 'fsync'])(
  'a kill -9 at each %s of a restore leaves the old store or the new one',
  async (call) => {
    const db = join(folder.path, call, 'keyctl.db');
    let kills = 0;
    for (;;) {
      mkdirSync(join(folder.path, call));
      copyFileSync(join(folder.path, 'later.db'), db);
      if (!killedAt(db, call, kills + 1)) break;
      kills += 1;
      // First a command that only reads: what was left has to be of use to it as well.
      expect(await keyctl(['view', 'prod', '--json', '--fields', 'status'], { db })).toMatchObject({ stdout: '{"status":"disabled"}\n' });
      const { faults, spent } = await proveBooks(db);
      expect([faults, spent]).toEqual([[], 1_200]);
      expect(existsSync(`${db}-journal`)).toBe(false);
      expect((await keyctl(['restore', join(folder.path, 'backup.db'), '--yes'], { db })).code).toBe(0);
      expect(readdirSync(join(folder.path, call)).filter((name) => name.includes('.restoring'))).toEqual([]);
      rmSync(join(folder.path, call), { recursive: true });
    }
    expect(kills).toBeGreaterThan(0);
  },
  480_000,
);
