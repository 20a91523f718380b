import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Store } from '../../../src/domain/store.ts';
import { openStore } from '../../../src/stores/open-store.ts';
import { BINARY, keyctl, temporaryFolder } from '../../harness.ts';
import { count, makeAccount, makeKey, spend } from '../../operations/key-fixture.ts';
import { proveBooks } from '../../proved-books.ts';

const DEBITS = 60;
/** Kills at the n-th change of a name in the folder, of which a restore makes about so many. */
const CHANGES = 26;

let folder: ReturnType<typeof temporaryFolder>;
let apiKey: string;

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  folder.cleanUp();
});

async function inStore<Result>(path: string, act: (store: Store) => Promise<Result>): Promise<Result> {
  const { store } = await openStore({ location: path, mode: 'create', clock: Date.now, randomBytes, busyTimeoutMs: 2_000 });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/**
 * A backup, and the store that went on from it, which was killed as well: what it last did is in its log alone. Since the backup a key was
 * disabled and a tier edited.
 */
async function prepare(): Promise<void> {
  const path = join(folder.path, 'first.db');
  apiKey = await inStore(path, async (store) => {
    for (let number = 0; number < 40; number += 1) await makeAccount(store, `a${String(number)}`);
    return (await makeKey(store, 'prod')).apiKey;
  });
  expect((await keyctl(['backup', join(folder.path, 'backup.db')], { db: path })).code).toBe(0);
  await inStore(path, async (store) => {
    expect(count(await spend(store, apiKey, DEBITS), 'ok')).toBe(DEBITS);
    await store.write((tx) => tx.keys.update(1, { disabledAt: Date.now() }));
    await store.write((tx) => tx.tiers.setLimits('free', new Map()));
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, join(folder.path, `later.db${suffix}`));
  });
}

/** Restores in another process and kills it as soon as the names in the folder have changed so often. False when it was done before. */
async function killedAt(path: string, change: number): Promise<boolean> {
  const args = [BINARY, '--db', path, 'restore', join(folder.path, 'backup.db'), '--yes'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const closed = once(child, 'close');
  let changes = 0;
  const watcher = watch(join(path, '..'), (kind) => {
    if (kind === 'rename') changes += 1;
    if (changes === change) child.kill('SIGKILL');
  });
  const [code] = (await closed) as [number | null];
  watcher.close();
  return code === null;
}

test('kill -9 at any point of a restore leaves the old store or the new one, with its books, and the next restore ends it', async () => {
  await prepare();
  const found = { old: 0, restored: 0, killed: 0 };
  for (let change = 2; change <= CHANGES; change += 2) {
    const place = join(folder.path, `round${String(change)}`);
    const path = join(place, 'keyctl.db');
    mkdirSync(place);
    for (const suffix of ['', '-wal']) copyFileSync(join(folder.path, `later.db${suffix}`), path + suffix);
    if (await killedAt(path, change)) found.killed += 1;
    expect(existsSync(path)).toBe(true);
    const { faults, spent } = await proveBooks(path);
    expect([faults, spent]).toEqual([[], DEBITS * 100]);
    const limits = await inStore(path, (store) => store.read(async (tx) => (await tx.tiers.byName('free'))?.limits.size));
    found[limits === 0 ? 'old' : 'restored'] += 1;
    expect(await inStore(path, (store) => spend(store, apiKey, 1))).toEqual(['api_key_disabled']);
    for (const name of readdirSync(place).filter((file) => /\.replaced-\d+T\d+Z$/.test(file))) {
      // Whatever is kept is whole, unless it is a second name of the store that is still in its place.
      if (limits !== 0) expect((await proveBooks(join(place, name))).spent).toBe(DEBITS * 100);
    }
    const again = await keyctl(['restore', join(folder.path, 'backup.db'), '--yes', '--json'], { db: path });
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect((await proveBooks(path)).spent).toBe(DEBITS * 100);
    expect(readdirSync(place).filter((name) => name.includes('.restoring'))).toEqual([]);
    const { replaced } = JSON.parse(again.stdout) as { replaced: string };
    expect(readdirSync(place)).toContain(basename(replaced));
    rmSync(place, { recursive: true });
  }
  // Something of each, or the kills have missed what they are for.
  expect(found.old).toBeGreaterThan(3);
  expect(found.restored).toBeGreaterThan(0);
  expect(found.killed).toBeGreaterThan(5);
  expect(found.old + found.restored).toBe(CHANGES / 2);
});
