import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { truncateSync } from 'node:fs';
import type { Store } from '../../../src/domain/store.ts';
import { openStore } from '../../../src/stores/open-store.ts';
import { createDatabase, errorCode, openDatabase } from '../../../src/stores/sqlite/database.ts';
import { temporaryStore } from '../../harness.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const FULL = 2;

let opened: Awaited<ReturnType<typeof temporaryStore>>;

beforeEach(async () => {
  opened = await temporaryStore(NOON);
});

afterEach(() => opened.cleanUp());

/** Does something to the file that no keyctl would. */
function tamper(sql: string): void {
  const db = new Database(opened.path);
  db.exec(sql);
  db.close();
}

test('every commit is on the disk before it is answered: synchronous=FULL, which the driver would not choose', () => {
  for (const open of [() => openDatabase(opened.path, 'write', 100), () => createDatabase(opened.path, 100)]) {
    const db = open();
    expect([db.pragma('journal_mode', { simple: true }), db.pragma('synchronous', { simple: true })]).toEqual(['wal', FULL]);
    db.close();
  }
});

test('a commit that fails is a failure, whatever was decided before it, and nothing of it is left', async () => {
  const { store } = opened;
  const key = await addKey(store, await addAccount(store, 'acme'));
  await settleOne(store, requestBy(key));
  // A debit now breaks a rule that SQLite asks for only when it commits.
  tamper(`CREATE TABLE kept (id INTEGER PRIMARY KEY);
    CREATE TABLE broken (id INTEGER REFERENCES kept (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER breaks AFTER INSERT ON debits BEGIN INSERT INTO broken VALUES (1); END;`);
  // Put into words, since an error of the driver may be of another realm than this file's.
  const attempt = () => store.settle([requestBy(key)]).then(() => 'settled', String);
  expect(await attempt()).toContain('FOREIGN KEY');
  expect(await attempt()).toContain('FOREIGN KEY');
  tamper('DROP TRIGGER breaks');
  const { credits } = await settleOne(store, requestBy(key));
  expect(credits?.remaining).toBe(100_000 - 200);
  expect(await store.read((tx) => tx.debits.count({}, 10))).toBe(2);
});

describe('a disk that does not read back what was written', () => {
  /** The log loses what somebody else has just put into it; a connection that has it open goes on asking for that. */
  function cutTheLog(): void {
    tamper("INSERT INTO config VALUES ('cut', '1')");
    truncateSync(`${opened.path}-wal`, 0);
  }

  test('is told as what it is: whether the change was kept is unknown', async () => {
    await addAccount(opened.store, 'acme');
    cutTheLog();
    await expect(addAccount(opened.store, 'other')).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('whether the last change was kept is unknown'),
      hint: expect.any(String),
    });
  });

  test('costs the connection that met it, since only a new one sees what the file holds', async () => {
    const { store } = opened;
    const account = await addAccount(store, 'acme');
    const key = await addKey(store, account);
    await settleOne(store, requestBy(key));
    for (const act of [() => addAccount(store, 'other'), () => settleOne(store, requestBy(key))]) {
      // What a checkpoint has put into the file is all that is there after the cut.
      tamper('PRAGMA wal_checkpoint(TRUNCATE)');
      cutTheLog();
      await expect(act()).rejects.toMatchObject({ code: 'failed' });
      await act();
    }
    const reopened = await opened.reopen('read');
    expect(await reopened.read((tx) => tx.debits.count({}, 10))).toBe(2);
    await reopened.close();
  });
});

describe('the clock', () => {
  let store: Store;
  let held: string[];

  /** Whether somebody else would get the lock at the moment at which the clock is read. */
  function probe(): string {
    const other = new Database(opened.path, { timeout: 0 });
    try {
      other.exec('BEGIN IMMEDIATE');
      return 'free';
    } catch (error) {
      return errorCode(error);
    } finally {
      other.close();
    }
  }

  beforeEach(async () => {
    held = [];
    const clock = (): number => {
      held.push(probe());
      return Date.parse(NOON);
    };
    ({ store } = await openStore({ location: opened.path, mode: 'write', clock, randomBytes, busyTimeoutMs: 100 }));
  });

  afterEach(() => store.close());

  test('is read when the lock is held, so that a batch that waited over midnight is of the new day', async () => {
    const key = await addKey(opened.store, await addAccount(opened.store, 'acme'));
    await settleOne(store, requestBy(key));
    await store.write((_, now) => Promise.resolve(now));
    expect(held).toEqual(['SQLITE_BUSY', 'SQLITE_BUSY']);
  });
});
