import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { KeyctlError } from '../../../src/domain/error.ts';
import { openStore } from '../../../src/stores/open-store.ts';
import { openSqliteStore } from '../../../src/stores/sqlite/store.ts';
import { APPLICATION_ID, SCHEMA_VERSION } from '../../../src/stores/sqlite/schema.ts';
import { keyctl, temporaryFolder } from '../../harness.ts';
import { addAccount, addKey, requestBy } from '../contract.ts';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;

beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'keyctl.db');
});

afterEach(() => {
  folder.cleanUp();
});

const open = (mode: 'read' | 'write' | 'create', busyTimeoutMs = 500) =>
  openStore({ location: path, mode, clock: Date.now, randomBytes, busyTimeoutMs });

async function made(): Promise<void> {
  await (await open('create')).store.close();
}

describe('the file of a store', () => {
  test('is made with mode 0600, and so are its companions while it is open', async () => {
    const { store, created } = await open('create');
    expect(created).toBe(true);
    await addAccount(store, 'acme');
    for (const name of [path, `${path}-wal`, `${path}-shm`]) expect((statSync(name).mode & 0o777).toString(8)).toBe('600');
    await store.close();
    expect((await open('create')).created).toBe(false);
  });

  test('is written durably: WAL, synchronous=FULL, foreign keys on, marked as ours', async () => {
    const { store } = await open('create');
    const db = new Database(path);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('application_id', { simple: true })).toBe(APPLICATION_ID);
    db.close();
    await expect(store.write((tx) => tx.accounts.setTier(99, 0, 'free', 0))).rejects.toMatchObject({
      code: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    });
    await store.close();
  });

  test('tables are STRICT, and the audit trail cannot be changed or deleted', async () => {
    await made();
    const db = new Database(path);
    const loose = db.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'").all();
    expect(loose).toEqual([]);
    db.prepare(
      "INSERT INTO audit (at, os_user, host, action, target_kind, target_id, target_name) VALUES (1, 'u', 'h', 'a', 'key', 'i', 'n')",
    ).run();
    expect(() => db.prepare('DELETE FROM audit').run()).toThrow('append-only');
    expect(() => db.prepare("UPDATE audit SET action = 'x'").run()).toThrow('append-only');
    db.close();
  });

  test('two processes that make it at once make one store', async () => {
    const outcomes = await Promise.all(['a', 'b', 'c'].map((name) => keyctl(['create', '--name', name], { db: path })));
    expect(outcomes.map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ]);
    const list = await keyctl(['list', '--json'], { db: path });
    expect((JSON.parse(list.stdout) as { name: string }[]).map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('a file that cannot be used is refused, with what to do, and not changed', () => {
  async function refusal(mode: 'read' | 'write' | 'create'): Promise<unknown> {
    return open(mode).then(
      async ({ store }) => {
        await store.close();
        return 'opened';
      },
      (error: unknown) => error,
    );
  }

  test('none', async () => {
    expect(await refusal('read')).toMatchObject({ code: 'store_missing', message: expect.stringContaining(path) as unknown });
    expect(await refusal('write')).toMatchObject({ code: 'store_missing' });
    expect(existsSync(path)).toBe(false);
  });

  test('an empty one, which `create` fills', async () => {
    writeFileSync(path, '');
    expect(await refusal('read')).toMatchObject({ code: 'store_missing' });
    expect(await refusal('create')).toBe('opened');
  });

  test.each(['read', 'write', 'create'] as const)('a text file, opened to %s', async (mode) => {
    writeFileSync(path, 'once upon a time there was a file that no database had ever made, and it was long enough to have a header\n');
    const before = readFileSync(path);
    expect(await refusal(mode)).toMatchObject({ code: 'store_foreign' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.each(['read', 'write', 'create'] as const)("somebody else's SQLite file, opened to %s", async (mode) => {
    const db = new Database(path);
    db.exec('CREATE TABLE mine (x)');
    db.close();
    const before = readFileSync(path);
    expect(await refusal(mode)).toMatchObject({ code: 'store_foreign' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('a folder', async () => {
    mkdirSync(path);
    for (const mode of ['read', 'write', 'create'] as const) expect(await refusal(mode)).toHaveProperty('code');
  });

  test('a newer schema that this program may not use', async () => {
    await made();
    const db = new Database(path);
    db.prepare('INSERT INTO schema_versions VALUES (?, ?, 0)').run(SCHEMA_VERSION + 1, SCHEMA_VERSION + 1);
    db.close();
    for (const mode of ['read', 'write', 'create'] as const) expect(await refusal(mode)).toMatchObject({ code: 'store_newer' });
  });

  test('a newer schema that this program may still use is used', async () => {
    await made();
    const db = new Database(path);
    db.prepare('INSERT INTO schema_versions VALUES (?, ?, 0)').run(SCHEMA_VERSION + 1, SCHEMA_VERSION);
    db.close();
    expect(await refusal('write')).toBe('opened');
  });

  test('a damaged one', async () => {
    const { store } = await open('create');
    for (let index = 0; index < 50; index += 1) await addAccount(store, `account-${String(index)}`);
    await store.close();
    truncateSync(path, Math.floor(statSync(path).size / 2 / 4_096) * 4_096);
    const result = await open('read').then(
      async (opened) => {
        const failure = await opened.store.read((tx) => tx.accounts.page({}, { after: 0, limit: 100 })).catch((error: unknown) => error);
        await opened.store.close();
        return failure;
      },
      (error: unknown) => error,
    );
    expect(result).toMatchObject({ code: 'store_damaged' });
  });

  test('a read-only one is read, and says so when it should be written', async () => {
    await made();
    // Root may write any file, so it is the connection that is read-only here.
    const { store } = await open('read');
    await expect(store.write((tx) => tx.accounts.update(1, { name: 'x' }))).rejects.toMatchObject({ code: 'store_read_only' });
    expect(await store.read((tx) => tx.accounts.count({}))).toBe(1);
    await store.close();
  });

  test("somebody else's, which even to be read has to be written beside", async () => {
    await made();
    chmodSync(path, 0o444);
    chmodSync(folder.path, 0o555);
    const root = process.geteuid?.() === 0;
    // Root may do anything, so that for this moment it is nobody.
    if (root) process.seteuid?.(65_534);
    try {
      expect(await refusal('read')).toMatchObject({
        code: 'store_read_only',
        message: expect.stringContaining('cannot be read') as unknown,
      });
      expect(await refusal('write')).toMatchObject({ code: 'store_read_only', message: expect.stringContaining('cannot be') as unknown });
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(folder.path, 0o700);
    }
  });
});

describe('another process at the same file', () => {
  test('that holds the write lock too long makes the store busy, and nothing is lost', async () => {
    const { store } = await open('create', 50);
    const account = await addAccount(store, 'acme');
    const key = await addKey(store, account);
    const stranger = new Database(path);
    stranger.exec('BEGIN IMMEDIATE');
    await expect(store.settle([requestBy(key)])).rejects.toMatchObject({ code: 'store_busy' });
    expect(await store.read((tx) => tx.debits.newestAt())).toBeNull();
    stranger.exec('ROLLBACK');
    stranger.close();
    expect((await store.settle([requestBy(key)]))[0]?.valid).toBe(true);
    await store.close();
  });

  test('that is out of room fails whole, and goes on when there is some', async () => {
    const { store } = await open('create');
    const account = await addAccount(store, 'acme');
    const key = await addKey(store, account);
    await store.close();
    // SQLite never lets the limit fall below what the file has already, so the file is full at once.
    const cramped = openSqliteStore({ path, mode: 'write', clock: Date.now, randomBytes, busyTimeoutMs: 50, mostPages: 1 }).store;
    const fill = async (): Promise<unknown> => {
      for (let turn = 0; turn < 200; turn += 1) {
        await cramped.settle(Array.from({ length: 100 }, () => requestBy(key, { cost: 0 })));
      }
      return 'never full';
    };
    expect(await fill().catch((error: unknown) => error)).toMatchObject({ code: 'store_full' });
    await cramped.close();
    const reopened = (await open('write')).store;
    const db = new Database(path);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
    expect((await reopened.settle([requestBy(key)]))[0]?.valid).toBe(true);
    await reopened.close();
  });

  test('debiting the same account spends exactly what there is', async () => {
    const { store } = await open('create');
    const account = await addAccount(store, 'acme');
    const key = await addKey(store, account);
    await store.settle([requestBy(key, { cost: 97_000 })]);
    const other = (await open('write')).store;
    let admitted = 0;
    const drain = async (from: typeof store): Promise<void> => {
      for (let turn = 0; turn < 40; turn += 1) {
        const [verdict] = await from.settle([requestBy(key)]);
        if (verdict?.valid === true) admitted += 1;
      }
    };
    await Promise.all([drain(store), drain(other)]);
    expect(admitted).toBe(30);
    await store.close();
    await other.close();
  });
});

describe('a file that changes under an open store', () => {
  test.each(['removed', 'replaced', 'without its log'])('%s: nothing is admitted any more, until the old one is back', async (how) => {
    const { store } = await open('create');
    const request = requestBy(await addKey(store, await addAccount(store, 'acme')));
    expect(await store.settle([request])).toMatchObject([{ code: 'ok' }]);
    const moved = how === 'without its log' ? `${path}-wal` : path;
    renameSync(moved, `${path}.away`);
    if (how === 'replaced') copyFileSync(`${path}.away`, path);
    await expect(store.settle([request])).rejects.toMatchObject({ name: 'KeyctlError', code: 'failed' });
    await expect(store.read((tx) => tx.config.prefixes())).rejects.toMatchObject({ code: 'failed' });
    if (how === 'replaced') unlinkSync(path);
    renameSync(`${path}.away`, moved);
    expect(await store.settle([request])).toMatchObject([{ code: 'ok' }]);
    await store.close();
  });

  test('overwritten: the failure is told as what it is', async () => {
    const { store } = await open('create');
    const request = requestBy(await addKey(store, await addAccount(store, 'acme')));
    const other = new Database(path);
    other.pragma('wal_checkpoint(TRUNCATE)');
    other.close();
    writeFileSync(path, Buffer.alloc(statSync(path).size, 'Z'), { flag: 'r+' });
    await expect(store.settle([request])).rejects.toBeInstanceOf(KeyctlError);
    await store.close();
  });
});
