import Database from 'better-sqlite3';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MIGRATIONS, SCHEMA_VERSION, type Migration } from '../../../src/stores/sqlite/schema.ts';
import { upgradeSqliteStore, type SqliteUpgradeOptions } from '../../../src/stores/sqlite/upgrade.ts';
import { openStore } from '../../../src/stores/open-store.ts';
import { ACTOR, temporaryStore } from '../../harness.ts';
import { failureOf } from '../../operations/account-fixture.ts';
import { addKey, requestBy, settleOne } from '../contract.ts';
import { randomBytes } from 'node:crypto';

const NOW = '2026-11-22T12:00:00.000Z';
const NEXT = SCHEMA_VERSION + 1;
const KNOWN = MIGRATIONS.map(({ version }) => version);

/** A migration of a release that does not exist yet. */
function migration(sql: string, changed: Partial<Migration> = {}): Migration {
  return { version: NEXT, usableSince: SCHEMA_VERSION, sql, ...changed };
}

const HARMLESS = migration('CREATE TABLE extra (one INTEGER PRIMARY KEY) STRICT;');

describe('upgrading a store', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(NOW);
  });

  afterEach(() => opened.cleanUp());

  function upgrade(migrations: readonly Migration[], changed: Partial<SqliteUpgradeOptions> = {}) {
    const { path, clock } = opened;
    const options = { path, clock: () => clock.now, busyTimeoutMs: 2_000, actor: ACTOR, dryRun: false, backedUp: false, ...changed };
    return upgradeSqliteStore({ ...options, migrations: [...MIGRATIONS, ...migrations] });
  }

  function inFile<Result>(path: string, act: (db: Database.Database) => Result): Result {
    const db = new Database(path);
    try {
      return act(db);
    } finally {
      db.close();
    }
  }

  function tables(path = opened.path): readonly string[] {
    return inFile(path, (db) => db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all() as string[]);
  }

  function versions(path = opened.path): readonly unknown[] {
    return inFile(path, (db) => db.prepare('SELECT version FROM schema_versions ORDER BY version').pluck().all());
  }

  function backups(): readonly string[] {
    return readdirSync(dirname(opened.path)).filter((name) => name.endsWith('.backup'));
  }

  test('one that is new enough is left alone', async () => {
    const report = { location: opened.path, from: SCHEMA_VERSION, to: SCHEMA_VERSION, migrations: [], backup: null, dryRun: false };
    expect(await upgrade([])).toEqual(report);
    expect(backups()).toEqual([]);
  });

  test('makes a verified backup beside it, of mode 0600, then migrates, and says who did it', async () => {
    await opened.store.write((tx) => tx.config.set('keep-debits', '40d'));
    const { backup, ...report } = await upgrade([HARMLESS]);
    expect(report).toEqual({ location: opened.path, from: SCHEMA_VERSION, to: NEXT, migrations: [NEXT], dryRun: false });
    if (backup === null) throw new RangeError('no backup');
    expect(basename(backup)).toBe(`keyctl.db.${String(SCHEMA_VERSION)}-20261122T120000000Z.backup`);
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    expect(tables()).toContain('extra');
    expect(versions()).toEqual([...KNOWN, NEXT]);
    const entries = await opened.store.read((tx) => tx.audit.since({}, 0, 10));
    expect(entries).toMatchObject([{ action: 'store.upgrade', actor: ACTOR, before: { schema: SCHEMA_VERSION }, after: { schema: NEXT } }]);
    // The backup is a store as it was, which the present release opens.
    expect(tables(backup)).not.toContain('extra');
    const { store } = await openStore({ location: backup, mode: 'read', clock: () => 0, randomBytes, busyTimeoutMs: 100 });
    expect(await store.read((tx) => tx.config.all())).toEqual(new Map([['keep-debits', '40d']]));
    await store.close();
  });

  test('a backup holds what was committed but not yet written back from the log', async () => {
    const log = `${opened.path}-wal`;
    await opened.store.write((tx) => tx.config.set('keep-debits', '41d'));
    expect(statSync(log).size).toBeGreaterThan(0);
    const { backup } = await upgrade([HARMLESS]);
    const value = inFile(backup ?? '', (db) => db.prepare("SELECT value FROM config WHERE name = 'keep-debits'").pluck().get());
    expect(value).toBe('41d');
    expect(existsSync(`${backup ?? ''}-wal`)).toBe(false);
  });

  test('several migrations go in their order, in one transaction', async () => {
    const second = migration('INSERT INTO extra VALUES (1);', { version: NEXT + 1 });
    expect(await upgrade([HARMLESS, second])).toMatchObject({ to: NEXT + 1, migrations: [NEXT, NEXT + 1] });
    expect(versions()).toEqual([...KNOWN, NEXT, NEXT + 1]);
    expect(await upgrade([HARMLESS, second])).toMatchObject({ migrations: [], backup: null });
  });

  test.each([
    ['whose words are wrong', migration('CREATE TABLE extra (one INTEGER) STRICT; CREATE GIBBERISH;')],
    [
      'that breaks a foreign key',
      migration(
        "PRAGMA foreign_keys = OFF; CREATE TABLE extra (tier TEXT REFERENCES tiers (name)); PRAGMA defer_foreign_keys = ON; INSERT INTO extra VALUES ('nothing');",
      ),
    ],
  ])('a migration %s leaves the store as it was, and the backup', async (_, failing) => {
    const before = readFileSync(opened.path);
    await expect(upgrade([migration('CREATE TABLE fine (one INTEGER) STRICT;'), { ...failing, version: NEXT + 1 }])).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('was undone'),
      hint: expect.stringContaining(backups()[0] ?? 'nothing'),
    });
    expect(versions()).toEqual(KNOWN);
    expect(tables()).not.toContain('fine');
    expect(readFileSync(opened.path).equals(before)).toBe(true);
    expect(await upgrade([HARMLESS], { backedUp: true })).toMatchObject({ to: NEXT });
  });

  test('a dry run changes nothing and says what would be done', async () => {
    const report = await upgrade([HARMLESS], { dryRun: true });
    expect(report).toMatchObject({ from: SCHEMA_VERSION, to: NEXT, migrations: [NEXT], dryRun: true });
    expect(report.backup).toContain('.backup');
    expect(backups()).toEqual([]);
    expect(versions()).toEqual(KNOWN);
  });

  test('who has a backup needs no other', async () => {
    expect(await upgrade([HARMLESS], { backedUp: true })).toMatchObject({ to: NEXT, backup: null });
    expect(backups()).toEqual([]);
  });

  test('two at once migrate once: the slower one finds the work done, and takes its own backup away', async () => {
    let faster: ReturnType<typeof upgrade> | undefined;
    const slower = await upgrade([HARMLESS], {
      // The clock is read after the schema was looked at and before the store is locked.
      clock: () => {
        faster ??= upgrade([HARMLESS]);
        return opened.clock.now + 1;
      },
    });
    expect(await faster).toMatchObject({ from: SCHEMA_VERSION, to: NEXT, migrations: [NEXT] });
    expect(slower).toMatchObject({ from: NEXT, to: NEXT, migrations: [], backup: null });
    expect(versions()).toEqual([...KNOWN, NEXT]);
    expect(backups()).toHaveLength(1);
  });

  test('a file that is in the way of the backup is not overwritten', async () => {
    const { backup } = await upgrade([HARMLESS], { dryRun: true });
    inFile(backup ?? '', (db) => db.exec('CREATE TABLE precious (one INTEGER)'));
    expect(await failureOf(upgrade([HARMLESS]))).toBe('already_exists');
    expect(tables(backup ?? '')).toEqual(['precious']);
    expect(versions()).toEqual(KNOWN);
  });

  test('a backup that proves unsound is none: it is taken away, and the store is not touched', async () => {
    inFile(opened.path, (db) => {
      db.pragma('ignore_check_constraints = ON');
      db.exec("INSERT INTO running_days VALUES (1, 20000, 0, 0, 5, '{}', 0)");
    });
    expect(await failureOf(upgrade([HARMLESS]))).toBe('store_damaged');
    expect(backups()).toEqual([]);
    expect(versions()).toEqual(KNOWN);
  });

  test('a store that is not there, or is none, is not made into one', async () => {
    const elsewhere = join(dirname(opened.path), 'other.db');
    expect(await failureOf(upgrade([HARMLESS], { path: elsewhere }))).toBe('store_missing');
    inFile(elsewhere, (db) => db.exec('CREATE TABLE diary (entry TEXT)'));
    expect(await failureOf(upgrade([HARMLESS], { path: elsewhere }))).toBe('store_foreign');
    expect(tables(elsewhere)).toEqual(['diary']);
  });

  test('a release between the two goes on working with the store', async () => {
    await upgrade([HARMLESS]);
    const { path, clock } = opened;
    const { store } = await openStore({ location: path, mode: 'write', clock: () => clock.now, randomBytes, busyTimeoutMs: 100 });
    await store.write((tx) => tx.config.set('keep-debits', '40d'));
    await store.close();
    // It has nothing to do there either.
    expect(await upgrade([])).toMatchObject({ from: NEXT, to: NEXT, migrations: [] });
  });

  test('a release older than a store can bear is refused, in every way', async () => {
    await upgrade([migration('CREATE TABLE extra (one INTEGER) STRICT;', { usableSince: NEXT })]);
    const { path, clock } = opened;
    for (const mode of ['read', 'write', 'create'] as const) {
      expect(await failureOf(openStore({ location: path, mode, clock: () => clock.now, randomBytes, busyTimeoutMs: 100 }))).toBe(
        'store_newer',
      );
    }
    expect(await failureOf(upgrade([]))).toBe('store_newer');
  });

  test('whoever has the store open stops when it is upgraded past what the program may use', async () => {
    const { store } = opened;
    const account = await store.read((tx) => tx.accounts.byName('default'));
    if (account === null) throw new RangeError('a store without its account');
    const request = requestBy(await addKey(store, account));
    expect(await settleOne(store, request)).toMatchObject({ code: 'ok' });
    await upgrade([HARMLESS]);
    expect(await settleOne(store, request)).toMatchObject({ code: 'ok' });
    await upgrade([HARMLESS, migration('CREATE TABLE more (one INTEGER) STRICT;', { version: NEXT + 1, usableSince: NEXT + 1 })]);
    for (let turn = 0; turn < 2; turn += 1) expect(await failureOf(store.settle([request]))).toBe('store_newer');
    expect(await failureOf(store.preview([request]))).toBe('store_newer');
    expect(await failureOf(store.read((tx) => tx.config.all()))).toBe('store_newer');
    expect(await failureOf(store.write((tx) => tx.usage.fold(10)))).toBe('store_newer');
    expect(inFile(opened.path, (db) => db.prepare('SELECT count(*) FROM debits').pluck().get())).toBe(2);
  });

  test('a store older than the program is refused, in every way, with the command that helps', async () => {
    inFile(opened.path, (db) => db.exec('DELETE FROM schema_versions WHERE version > 1; UPDATE schema_versions SET version = 0'));
    const { path, clock } = opened;
    for (const mode of ['read', 'write', 'create'] as const) {
      const act = openStore({ location: path, mode, clock: () => clock.now, randomBytes, busyTimeoutMs: 100 });
      await expect(act).rejects.toMatchObject({ code: 'store_older', hint: expect.stringContaining('keyctl upgrade') });
    }
  });
});
