import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../../src/stores/open-store.ts';
import { inspectFilesystem, inspectPermissions } from '../../../src/stores/sqlite/inspect-permissions.ts';
import { SCHEMA_VERSION } from '../../../src/stores/sqlite/schema.ts';
import { temporaryFolder, type TestClock } from '../../harness.ts';
import { diagnose, messagesOf, tamper, wrongIn } from '../../operations/doctor-fixture.ts';
import { eventually, start, type Running } from '../../system/running.ts';
import { addAccount, addKey, requestBy } from '../contract.ts';

const clock: TestClock = { now: Date.parse('2026-11-22T12:00:00.000Z') };

let folder: ReturnType<typeof temporaryFolder>;
let path: string;

beforeEach(async () => {
  folder = temporaryFolder();
  path = join(folder.path, 'keyctl.db');
  await made(path);
});

afterEach(() => {
  folder.cleanUp();
});

/** A store with some pages of keys and debits. */
async function made(location: string): Promise<void> {
  const { store } = await openStore({ location, mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 });
  const account = await addAccount(store, 'acme');
  for (let index = 0; index < 40; index += 1) {
    const key = await addKey(store, account, { name: `key-${String(index)}` });
    await store.settle([requestBy(key), requestBy(key)]);
  }
  await store.close();
}

const wrong = async (): Promise<Readonly<Record<string, string>>> => wrongIn(await diagnose(path, clock));

/** Opens the store in another process, which commits once and stays until it is stopped. */
async function heldOpen(): Promise<Running> {
  const script = `
    const Database = require('better-sqlite3');
    const db = new Database(process.argv[1]);
    db.pragma('wal_autocheckpoint = 1');
    for (let n = 0; n < 3; n += 1) db.exec("INSERT INTO config VALUES ('held-" + n + "', 'x')");
    console.log('held');
    setInterval(() => undefined, 1000);
  `;
  const running = start(process.execPath, ['-e', script, path], { NODE_PATH: join(process.cwd(), 'node_modules') });
  await running.said(/held/);
  return running;
}

describe('a sound store', () => {
  test('holds, and not a byte of it changes', async () => {
    const before = readFileSync(path);
    expect(await wrong()).toEqual({});
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('with the log of a killed process holds, and the log stays as it is', async () => {
    const db = new Database(path);
    db.exec("INSERT INTO config VALUES ('left', 'x')");
    for (const name of ['', '-wal']) copyFileSync(path + name, `${path}.away${name}`);
    db.close();
    for (const name of ['', '-wal']) renameSync(`${path}.away${name}`, path + name);
    const [store, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
    expect(await wrong()).toEqual({});
    expect([readFileSync(path).equals(store), readFileSync(`${path}-wal`).equals(log)]).toEqual([true, true]);
    expect(log.length).toBeGreaterThan(4_096);
  });

  test('that another process has open holds', async () => {
    const other = await heldOpen();
    try {
      expect(await wrong()).toEqual({});
      expect(wrongIn(await diagnose(path, clock, { quick: true }))).toEqual({});
    } finally {
      await other.stop();
    }
  });
});

describe('a file that is no store of this release', () => {
  test('none, or an empty one', async () => {
    unlinkSync(path);
    const diagnosis = await diagnose(path, clock);
    expect(wrongIn(diagnosis)).toEqual({ store: 'error' });
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, '', { mode: 0o600 });
    expect(await wrong()).toEqual({ store: 'error' });
    unlinkSync(path);
    mkdirSync(path);
    expect(await wrong()).toMatchObject({ store: 'error' });
  });

  test.each([
    ['a text', () => writeFileSync(path, 'once upon a time there was a file that no database had ever made, and it was long\n'.repeat(40))],
    ["somebody else's", () => tamper(path, 'PRAGMA application_id = 7')],
  ])('%s', async (_, act) => {
    act();
    expect(await wrong()).toEqual({ store: 'error' });
  });

  test.each([
    ['newer', `INSERT INTO schema_versions VALUES (${String(SCHEMA_VERSION + 1)}, ${String(SCHEMA_VERSION + 1)}, 0)`],
    ['older', 'UPDATE schema_versions SET version = version - 1; DELETE FROM schema_versions WHERE version = 0'],
  ])('%s: its file is looked at, its books are not', async (_, statement) => {
    tamper(path, statement);
    const diagnosis = await diagnose(path, clock);
    expect(wrongIn(diagnosis)).toMatchObject({ schema: 'error' });
    expect(diagnosis.findings.find(({ id }) => id === 'integrity')?.severity).toBe('ok');
    expect(diagnosis.looked).toBeNull();
    expect(diagnosis.leftOut).toHaveLength(1);
  });

  test('newer, but still to be used, is proved', async () => {
    tamper(path, `INSERT INTO schema_versions VALUES (${String(SCHEMA_VERSION + 1)}, 1, 0)`, 'CREATE TABLE later (x INTEGER) STRICT');
    const diagnosis = await diagnose(path, clock);
    expect(wrongIn(diagnosis)).toEqual({});
    expect(diagnosis.looked).not.toBeNull();
  });
});

describe('the schema', () => {
  test.each([
    ['a trigger that is missing', 'DROP TRIGGER keys_update_raises', 'The trigger keys_update_raises is missing.'],
    ['an index that is missing', 'DROP INDEX request_ids_by_expiry', 'The index request_ids_by_expiry is missing.'],
    [
      'a trigger that does something else',
      'DROP TRIGGER audit_keeps_rows; CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit BEGIN SELECT 1; END',
      `The trigger audit_keeps_rows is not the one of schema ${String(SCHEMA_VERSION)}.`,
    ],
    ['a column too many', 'ALTER TABLE keys ADD COLUMN more TEXT', `The table keys is not the one of schema ${String(SCHEMA_VERSION)}.`],
  ])('%s', async (_, statement, message) => {
    tamper(path, statement);
    const diagnosis = await diagnose(path, clock);
    expect(wrongIn(diagnosis)).toEqual({ schema: 'error' });
    expect(messagesOf(diagnosis, 'schema')).toEqual([message]);
    expect(wrongIn(await diagnose(path, clock, { quick: true }))).toEqual({ schema: 'error' });
  });

  test('what is somebody else’s is a warning, but for Litestream’s', async () => {
    tamper(path, 'CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY)', 'ANALYZE');
    expect(await wrong()).toEqual({});
    tamper(path, 'CREATE TRIGGER mine AFTER INSERT ON debits BEGIN SELECT 1; END');
    expect(await wrong()).toEqual({ schema: 'warning' });
  });
});

describe('damage', () => {
  test('of a page of an index', async () => {
    const db = new Database(path);
    const root = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'keys_by_name'").pluck().get() as number;
    db.close();
    const bytes = readFileSync(path);
    bytes.fill(0x5a, (root - 1) * 4_096 + 100, root * 4_096);
    writeFileSync(path, bytes);
    expect(await wrong()).toMatchObject({ integrity: 'error' });
  });

  test('of a constraint', async () => {
    tamper(path, 'UPDATE services SET cost = -1');
    const diagnosis = await diagnose(path, clock);
    expect(wrongIn(diagnosis)).toEqual({ integrity: 'error' });
    expect(messagesOf(diagnosis, 'integrity')[0]).toContain('CHECK');
  });

  test('a file that is cut off', async () => {
    truncateSync(path, 3 * 4_096);
    const diagnosis = await diagnose(path, clock);
    expect(Object.values(wrongIn(diagnosis))).toContain('error');
  });

  test('a file whose every page is something else', async () => {
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4_096);
    writeFileSync(path, bytes);
    expect(Object.values(wrongIn(await diagnose(path, clock)))).toContain('error');
    expect(Object.values(wrongIn(await diagnose(path, clock, { quick: true })))).toContain('error');
  });
});

describe('permissions', () => {
  test.each([
    ['a store that others may read', () => chmodSync(path, 0o640), 'error'],
    ['a backup beside it that others may read', () => writeFileSync(`${path}.1-2026.backup`, '', { mode: 0o644 }), 'error'],
    ['a folder that others may write to', () => chmodSync(folder.path, 0o777), 'error'],
    ['a folder that others may write to, but not rename in', () => chmodSync(folder.path, 0o1777), 'warning'],
  ])('%s', async (_, act, severity) => {
    act();
    expect(await wrong()).toEqual({ permissions: severity });
    expect(wrongIn(await diagnose(path, clock, { quick: true }))).toEqual({ permissions: severity });
  });

  test('a log or a folder of another user', async () => {
    // Only root may give files away.
    if (process.geteuid?.() !== 0) return;
    writeFileSync(`${path}-wal`, '', { mode: 0o600 });
    chownSync(`${path}-wal`, 65_534, 65_534);
    expect(await wrong()).toEqual({ permissions: 'error' });
    unlinkSync(`${path}-wal`);
    chownSync(folder.path, 65_534, 65_534);
    expect(await wrong()).toEqual({ permissions: 'error' });
  });

  test('where nothing may be written, a private copy is proved, and nothing of it stays', async () => {
    // What is loaded late is loaded now: nobody may not write what Jest keeps of it.
    await import('../../../src/stores/sqlite/inspect.ts');
    const root = process.geteuid?.() === 0;
    chmodSync(path, 0o444);
    chmodSync(folder.path, 0o555);
    const copies = (): string[] => readdirSync(join(folder.path, '..')).filter((name) => name.startsWith('keyctl-doctor-'));
    const before = copies();
    // Root may do anything, so that for this moment it is nobody.
    if (root) process.seteuid?.(65_534);
    try {
      const diagnosis = await diagnose(path, clock);
      expect(wrongIn(diagnosis)).toEqual({ store: 'warning', permissions: 'error' });
      expect(diagnosis.looked?.debits).toBe(80);
      expect(wrongIn(await diagnose(path, clock, { quick: true }))).toEqual({ store: 'error', permissions: 'error' });
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(folder.path, 0o700);
    }
    // Those of other tests, which look at stores of theirs meanwhile, go as well.
    await eventually(() => {
      expect(copies().filter((name) => !before.includes(name))).toEqual([]);
    });
  });
});

describe('files that do not belong together', () => {
  test('a rollback journal beside the store is found, and not played into it', async () => {
    writeFileSync(`${path}-journal`, Buffer.alloc(512, 'j'), { mode: 0o600 });
    const before = readFileSync(path);
    const diagnosis = await diagnose(path, clock);
    expect(wrongIn(diagnosis)).toEqual({ files: 'error' });
    expect(diagnosis.leftOut).toHaveLength(1);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readFileSync(`${path}-journal`)).toHaveLength(512);
  });

  test('another store that was copied over one in use', async () => {
    const another = join(folder.path, 'another.db');
    await made(another);
    const holder = await heldOpen();
    try {
      copyFileSync(another, path);
      expect(await wrong()).toMatchObject({ files: 'error' });
      expect(wrongIn(await diagnose(path, clock, { quick: true }))).toMatchObject({ files: 'error' });
    } finally {
      await holder.stop();
    }
  });

  test.each(['moved over', 'moved away and put anew'])('another store that was %s one in use', async (how) => {
    const another = join(folder.path, 'another.db');
    await made(another);
    const holder = await heldOpen();
    try {
      if (how !== 'moved over') renameSync(path, join(folder.path, 'old.db'));
      renameSync(another, path);
      const diagnosis = await diagnose(path, clock, { quick: true });
      expect(wrongIn(diagnosis)).toMatchObject({ files: 'error' });
      expect(messagesOf(diagnosis, 'files').join()).toContain(`Process ${String(holder.pid)}`);
    } finally {
      await holder.stop();
    }
  });

  test('the log of another store beside one that was written later', async () => {
    const db = new Database(path);
    db.pragma('wal_autocheckpoint = 0');
    db.exec("UPDATE config SET value = 'x'; INSERT INTO config VALUES ('left', 'x')");
    copyFileSync(`${path}-wal`, `${path}.log`);
    db.close();
    const another = join(folder.path, 'another.db');
    await made(another);
    renameSync(`${path}.log`, `${another}-wal`);
    // As if it had been copied there a minute later.
    const later = statSync(`${another}-wal`).mtimeMs / 1_000 + 60;
    utimesSync(another, later, later);
    expect(wrongIn(await diagnose(another, clock))).toMatchObject({ files: 'warning' });
  });
});

describe('how it is kept', () => {
  test('a journal mode that is not WAL, and a log that has grown', async () => {
    tamper(path, 'PRAGMA journal_mode = DELETE');
    expect(await wrong()).toEqual({ journal_mode: 'warning' });
    tamper(path, 'PRAGMA journal_mode = WAL');
    writeFileSync(`${path}-wal`, '', { mode: 0o600 });
    truncateSync(`${path}-wal`, 300 * 1024 * 1024);
    expect(await wrong()).toEqual({ wal_size: 'warning' });
  });

  test('a mode that others may use, but not on Windows, where every file has such a one', () => {
    chmodSync(path, 0o666);
    expect(inspectPermissions(path, 'linux')).toMatchObject([{ severity: 'error' }]);
    expect(inspectPermissions(path, 'win32')).toMatchObject([{ severity: 'ok' }]);
  });

  test('a file system that forgets or that others share', () => {
    expect(inspectFilesystem(path, 0xef53).severity).toBe('ok');
    expect(inspectFilesystem(path, 0x01021994).severity).toBe('warning');
    expect(inspectFilesystem(path, 0x6969).severity).toBe('error');
    expect(inspectFilesystem(path, 0xff534d42 | 0).severity).toBe('error');
  });
});
