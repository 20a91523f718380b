import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { WriteTurn } from '../../../src/stores/sqlite/write-turn.ts';
import { keyctl, temporaryStore } from '../../harness.ts';
import { eventually } from '../../system/running.ts';

describe('the turn at the write lock', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;
  let sign: string;
  let other: Database.Database;

  beforeEach(async () => {
    opened = await temporaryStore('2026-11-22T12:00:00.000Z');
    sign = `${opened.path}-waiting`;
    other = new Database(opened.path, { timeout: 0 });
  });

  afterEach(async () => {
    other.close();
    await opened.cleanUp();
  });

  const write = () => opened.store.write((tx) => tx.config.set('keep-debits', '36d'));

  test('a process that waits says so by a file of mode 0600, and takes it away when it has the lock', async () => {
    other.exec('BEGIN IMMEDIATE');
    const waiting = keyctl(['account', 'create', 'acme'], { db: opened.path });
    await eventually(() => {
      expect(existsSync(sign)).toBe(true);
    });
    expect(statSync(sign).mode & 0o777).toBe(0o600);
    other.exec('ROLLBACK');
    expect(await waiting).toMatchObject({ code: 0 });
    expect(existsSync(sign)).toBe(false);
  });

  test('a process gets its turn beside a writer that never rests', async () => {
    const ended = new AbortController();
    const waiting = keyctl(['account', 'create', 'acme'], { db: opened.path }).finally(() => {
      ended.abort();
    });
    while (!ended.signal.aborted) {
      for (let begun = performance.now(); performance.now() - begun < 100;) await write();
      await new Promise(setImmediate);
    }
    expect(await waiting).toMatchObject({ code: 0 });
  });

  test('who begins while somebody waits leaves the lock free for a moment, once', async () => {
    const turn = new WriteTurn(other, opened.path, 1_000);
    writeFileSync(sign, '');
    const begun = performance.now();
    turn.begin();
    // Longer than the sleep of one who waits: not a matter of how fast the machine is.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1);
    other.exec('ROLLBACK');
    expect(existsSync(sign)).toBe(false);
    await write();
  });

  test('who has no time to wait neither takes the turn of one who asked nor the sign', async () => {
    const turn = new WriteTurn(other, opened.path, 0);
    writeFileSync(sign, '');
    expect(() => {
      turn.begin();
    }).toThrow(expect.objectContaining({ code: 'store_busy' }));
    expect(existsSync(sign)).toBe(true);
    await write();
    turn.begin();
    expect(other.inTransaction).toBe(true);
    other.exec('ROLLBACK');
  });

  test('who waits in vain is told that the store is busy, and leaves no sign', async () => {
    const turn = new WriteTurn(other, opened.path, 20);
    const holder = new Database(opened.path);
    holder.exec('BEGIN IMMEDIATE');
    expect(() => {
      turn.begin();
    }).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
    expect(existsSync(sign)).toBe(false);
    holder.close();
  });

  test('a sign that cannot be taken away stops nobody', async () => {
    mkdirSync(sign);
    await write();
    expect(await keyctl(['account', 'create', 'acme'], { db: opened.path })).toMatchObject({ code: 0 });
  });

  test('a store in memory has nobody to wait for', () => {
    const db = new Database(':memory:');
    const turn = new WriteTurn(db, ':memory:', 0);
    turn.begin();
    db.exec('ROLLBACK');
    turn.beginReading();
    db.exec('ROLLBACK');
    db.close();
  });
});
