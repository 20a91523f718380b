import Database from 'better-sqlite3';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Restoring } from '../../../src/domain/store-backup.ts';
import type { Store } from '../../../src/domain/store.ts';
import { planRestore, restoreStore } from '../../../src/operations/restore-store.ts';
import { backupStore, openRestore, openStore } from '../../../src/stores/open-store.ts';
import { errorCode } from '../../../src/stores/sqlite/database.ts';
import { SCHEMA_VERSION } from '../../../src/stores/sqlite/schema.ts';
import { ACTOR, BINARY, keyctl, temporaryFolder } from '../../harness.ts';
import { failureOf } from '../../operations/account-fixture.ts';
import { makeKey, spend } from '../../operations/key-fixture.ts';
import { proveBooks } from '../../proved-books.ts';
import { eventually, start } from '../../system/running.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let backup: string;
let now: number;
let apiKey: string;

function open(at = path, mode: 'read' | 'create' = 'create'): Promise<{ store: Store }> {
  return openStore({ location: at, mode, clock: () => now, randomBytes, busyTimeoutMs: 100 });
}

async function inStore<Result>(act: (store: Store) => Promise<Result>, at = path): Promise<Result> {
  const { store } = await open(at);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/** A store with a key and a backup, in which the key was disabled since, and one debit was made. */
beforeEach(async () => {
  folder = temporaryFolder();
  path = join(folder.path, 'keyctl.db');
  backup = join(folder.path, 'backup.db');
  now = NOON;
  apiKey = await inStore(async (store) => (await makeKey(store, 'prod')).apiKey);
  await backupStore({ location: path, target: backup, randomBytes, busyTimeoutMs: 100, watch: () => undefined });
  now += 1_000;
  await inStore(async (store) => {
    await spend(store, apiKey, 1);
    await store.write((tx) => tx.keys.update(1, { disabledAt: now }));
    await store.write((tx) => tx.config.set('keep-debits', '50d'));
  });
  now += 1_000;
});

afterEach(() => {
  folder.cleanUp();
});

const opening = (at = path, from = backup) =>
  openRestore({ location: at, backup: from, clock: () => now, randomBytes, busyTimeoutMs: 100 });

async function withRestoring<Result>(act: (restoring: Restoring) => Promise<Result>, at = path, from = backup): Promise<Result> {
  const restoring = await opening(at, from);
  try {
    return await act(restoring);
  } finally {
    await restoring.close();
  }
}

const restore = (at = path, watch: (text: string) => void = () => undefined) =>
  withRestoring(async (restoring) => {
    const plan = await planRestore(restoring, null, now);
    return restoreStore(restoring, plan, ACTOR, ({ text }) => {
      watch(text);
    });
  }, at);

function inFile<Result>(act: (db: Database.Database) => Result, at = path): Result {
  const db = new Database(at);
  try {
    return act(db);
  } finally {
    db.close();
  }
}

const names = (): string[] => fs.readdirSync(folder.path).map((name) => name.replace(/\d{8}T\d{9}Z/, 'T'));
const codes = (at = path) => inStore((store) => spend(store, apiKey, 1), at);
const setting = (at = path) => inStore((store) => store.read(async (tx) => (await tx.config.all()).get('keep-debits') ?? null), at);

describe('a store that is open elsewhere', () => {
  test.each([
    ['a server', ['serve', '--port', '0'], /"address":"/],
    ['a command that follows', ['audit', '--follow', '--limit', '1'], /key\.create/],
  ])('is not replaced: %s', async (_, args, sign) => {
    const other = start(process.execPath, [BINARY, '--db', path, ...args], { HOME: folder.path });
    try {
      await other.said(sign);
      const refused = await keyctl(['restore', backup, '--yes', '--json'], { db: path });
      expect(refused.code).toBe(4);
      expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'conflict', hint: expect.stringContaining('systemctl stop') } });
      expect(names().filter((name) => name.includes('re'))).toEqual([]);
    } finally {
      await other.stop();
    }
    expect((await keyctl(['restore', backup, '--yes'], { db: path })).code).toBe(0);
  });

  test('nor when it was opened after the look: nothing is changed then', async () => {
    await withRestoring(async (restoring) => {
      const plan = await planRestore(restoring, null, now);
      const { store } = await open();
      await store.read((tx) => tx.config.all());
      expect(await failureOf(restoreStore(restoring, plan, ACTOR, () => undefined))).toBe('conflict');
      await store.close();
    });
    expect(await setting()).toBe('50d');
    expect(names().filter((name) => name.includes('re'))).toEqual([]);
  });

  test.each([
    ['that reads', ['list']],
    ['that writes', ['reset']],
    ['that may make one', ['create', '--name', 'late']],
  ])('a command %s and comes meanwhile waits, and is told that the store is another one by then', async (_, args) => {
    let waiting: Promise<readonly [number, string]> | undefined;
    await restore(path, (text) => {
      if (!text.startsWith('Proving')) return;
      const child = spawn(process.execPath, [BINARY, '--db', path, ...args], { stdio: 'pipe' });
      let said = '';
      child.stderr.on('data', (chunk) => (said += String(chunk)));
      waiting = once(child, 'close').then(([code]) => [Number(code), said]);
      // The loop stands still here, as it does while a store is proved, until the other process has opened the old file.
      while (!opensOf(child.pid ?? 0).includes(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    });
    expect(await waiting).toEqual([6, expect.stringContaining('was replaced while it was being opened')]);
    expect((await proveBooks(path)).faults).toEqual([]);
    expect(await setting()).toBe(null);
  });
});

/** The files that a process has open, as Linux tells; one that it closes between the two looks is none of them. */
function opensOf(pid: number): readonly string[] {
  const folder = `/proc/${String(pid)}/fd`;
  return fs.readdirSync(folder).flatMap((name) => {
    try {
      return [fs.readlinkSync(join(folder, name), 'utf8')];
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  });
}

describe('what is in the place', () => {
  test('keeps its owner, its mode and the link that leads to it', async () => {
    fs.chmodSync(path, 0o640);
    const isRoot = fs.statSync(path).uid === 0;
    if (isRoot) fs.chownSync(path, 1234, 4321);
    const link = join(folder.path, 'link.db');
    fs.symlinkSync('keyctl.db', link);
    const { kept } = await restore(link);
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    for (const file of [path, kept ?? '']) {
      const { mode, uid, gid } = fs.statSync(file);
      expect([mode & 0o777, uid, gid]).toEqual([0o640, ...(isRoot ? [1234, 4321] : [uid, gid])]);
    }
    expect(dirname(kept ?? '')).toBe(folder.path);
    expect(await setting()).toBe(null);
    expect(await codes()).toEqual(['api_key_disabled']);
  });

  test('is kept with what was in its log alone', async () => {
    const wal = fs.readFileSync(path);
    const other = new Database(path);
    other.exec("UPDATE config SET value = '60d'");
    fs.copyFileSync(path, `${path}.x`);
    fs.copyFileSync(`${path}-wal`, `${path}.x-wal`);
    other.close();
    // As after a kill: the change is in the log, and nobody has the store open.
    fs.renameSync(`${path}.x`, path);
    fs.renameSync(`${path}.x-wal`, `${path}-wal`);
    expect(fs.readFileSync(path).equals(wal)).toBe(true);
    const { kept } = await restore();
    expect(names().sort()).toEqual(['backup.db', 'keyctl.db', 'keyctl.db.replaced-T']);
    expect([await setting(), await setting(kept ?? '')]).toEqual([null, '60d']);
  });

  test.each([
    [
      'text',
      () => {
        fs.writeFileSync(path, 'my diary, which is no store');
      },
    ],
    [
      'another database',
      () => inFile((db) => db.exec('DROP TABLE IF EXISTS diary; CREATE TABLE diary (entry TEXT); PRAGMA application_id = 7')),
    ],
    [
      'a folder',
      () => {
        fs.rmSync(path);
        fs.mkdirSync(path);
      },
    ],
  ])('is left alone when it is no store: %s', async (_, put) => {
    put();
    expect(await failureOf(opening())).toBe('store_foreign');
    expect(names().filter((name) => name.includes('re'))).toEqual([]);
  });

  test('is told from a store of an older or a newer schema', async () => {
    inFile((db) => db.exec('UPDATE schema_versions SET version = version - 1'));
    expect(await failureOf(opening())).toBe('store_older');
    inFile((db) => db.exec(`INSERT INTO schema_versions VALUES (${String(SCHEMA_VERSION + 9)}, ${String(SCHEMA_VERSION + 9)}, 0)`));
    const done = await restore();
    expect(done).toMatchObject({ carry: 'nothing', gap: 'newer' });
    expect(await codes()).toEqual(['ok']);
  });

  test('is set aside with its log when it is too damaged to be read', async () => {
    const size = fs.statSync(path).size;
    const file = fs.openSync(path, 'r+');
    fs.writeSync(file, Buffer.alloc(size - 200, 0xee), 0, size - 200, 200);
    fs.closeSync(file);
    fs.writeFileSync(`${path}-wal`, 'what a log may be');
    const done = await restore();
    expect(done).toMatchObject({ carry: 'nothing', gap: 'damaged' });
    expect(
      fs
        .readFileSync(done.kept ?? '')
        .subarray(1_000, 1_010)
        .equals(Buffer.alloc(10, 0xee)),
    ).toBe(true);
    expect(fs.existsSync(`${path}-wal`)).toBe(false);
    expect((await proveBooks(path)).faults).toEqual([]);
    expect(await codes()).toEqual(['ok']);
  });

  test('may be nothing, or an empty file, beside the log of a store that was lost', async () => {
    for (const empty of [false, true]) {
      fs.rmSync(path, { force: true });
      if (empty) fs.writeFileSync(path, '');
      else fs.writeFileSync(`${path}-wal`, fs.readFileSync(backup).subarray(0, 5_000), { mode: 0o600 });
      const done = await restore();
      expect(done).toMatchObject({ carry: 'nothing', gap: 'no-store', kept: null });
      expect(fs.statSync(path).mode & 0o777).toBe(0o600);
      expect((await proveBooks(path)).faults).toEqual([]);
    }
    expect(names().filter((name) => name.endsWith('T-wal'))).toHaveLength(1);
    const elsewhere = join(folder.path, 'new', 'deeper', 'keyctl.db');
    await restore(elsewhere);
    expect(fs.statSync(dirname(elsewhere)).mode & 0o777).toBe(0o700);
    expect(await codes(elsewhere)).toEqual(['ok']);
  });
});

describe('the backup', () => {
  test.each([
    ['older, with what helps', 'store_older', 'UPDATE schema_versions SET version = version - 1'],
    ['newer than this program may use', 'store_newer', 'INSERT INTO schema_versions VALUES (99, 99, 0)'],
    ['something else', 'store_foreign', 'PRAGMA application_id = 7'],
  ])('is refused when it is %s', async (_, code, sql) => {
    inFile((db) => db.exec(sql), backup);
    expect(await failureOf(opening())).toBe(code);
    if (code === 'store_older') await expect(opening()).rejects.toMatchObject({ hint: expect.stringContaining(`upgrade --db ${backup}`) });
  });

  test('is refused when it is damaged, missing, or the store itself', async () => {
    const bytes = fs.readFileSync(backup);
    fs.writeFileSync(backup, Buffer.concat([bytes.subarray(0, 8_192), Buffer.alloc(bytes.length - 8_192, 0xee)]));
    expect(await failureOf(opening())).toBe('store_damaged');
    fs.writeFileSync(backup, bytes.subarray(0, bytes.length / 2));
    expect(await failureOf(opening())).toBe('store_damaged');
    fs.rmSync(backup);
    expect(await failureOf(opening())).toBe('not_found');
    expect(await failureOf(opening(path, path))).toBe('usage');
    fs.linkSync(path, `${path}.second`);
    expect(await failureOf(opening(path, `${path}.second`))).toBe('usage');
    expect(await setting()).toBe('50d');
  });

  test('that breaks a constraint is refused before anything is replaced', async () => {
    inFile((db) => {
      db.pragma('ignore_check_constraints = ON');
      db.exec("INSERT INTO running_days VALUES (1, 20000, 0, 0, 5, '{}', 0)");
    }, backup);
    fs.rmSync(path);
    expect(await failureOf(restore())).toBe('store_damaged');
    expect(names().filter((name) => name !== 'backup.db')).toEqual([]);
  });

  test('may be of a time that is still to come', async () => {
    now = NOON - 3_600_000;
    await withRestoring(async (restoring) => {
      expect(await planRestore(restoring, null, now)).toMatchObject({ ahead: true, carry: 'everything' });
    });
  });
});

describe('what goes wrong in the middle', () => {
  test('leaves the store as it was, and nothing beside it', async () => {
    for (const at of ['Copying', 'Making', 'Proving']) {
      const failing = restore(path, (text) => {
        if (text.startsWith(at)) throw new Error('stopped');
      });
      await expect(failing).rejects.toThrow('stopped');
      expect(names().filter((name) => name.includes('.re'))).toEqual([]);
      expect(await setting()).toBe('50d');
      expect(await codes()).toEqual(['api_key_disabled']);
    }
  });

  test('what a killed restore has left is taken away by the next, also a second name of the store', async () => {
    fs.writeFileSync(`${path}.12345678.restoring`, 'half a store');
    fs.writeFileSync(`${path}.12345678.restoring-wal`, 'half a log');
    fs.linkSync(path, `${path}.replaced-20200101T000000000Z`);
    fs.writeFileSync(`${path}.replaced-other`, 'not ours to remove');
    await restore();
    expect(names().sort()).toEqual(['backup.db', 'keyctl.db', 'keyctl.db.replaced-T', 'keyctl.db.replaced-other']);
    expect(fs.statSync(path).nlink).toBe(1);
  });

  test('a server goes on from the restored store', async () => {
    await restore();
    const server = start(process.execPath, [BINARY, '--db', path, 'serve', '--port', '0'], { HOME: folder.path });
    const [, port = ''] = await server.said(/"address":"[^"]*:(\d+)"/);
    const answer = await eventually(() => fetch(`http://127.0.0.1:${port}/verify`, { headers: { 'X-API-Key': apiKey } }));
    expect(answer.headers.get('x-keyctl-code')).toBe('api_key_disabled');
    await server.stop();
    expect(basename(path)).toBe('keyctl.db');
  });
});
