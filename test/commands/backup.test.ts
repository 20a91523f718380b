import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { backupStore } from '../../src/stores/open-store.ts';
import { Cluster } from '../e2e/cluster.ts';
import { keyctl, temporaryStore } from '../harness.ts';
import { charge, failureOf } from '../operations/account-fixture.ts';
import { makeKey } from '../operations/key-fixture.ts';
import { proveBooks } from '../proved-books.ts';
import { piped } from './piped-call.ts';
import { atTerminal } from './scripted-call.ts';

const NOON = '2026-11-22T12:00:00.000Z';

describe('keyctl backup', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;
  let target: string;

  beforeEach(async () => {
    opened = await temporaryStore(NOON);
    target = join(dirname(opened.path), 'copy.db');
    await makeKey(opened.store, 'prod');
    await charge(opened.store, 'default', 7);
  });

  afterEach(() => opened.cleanUp());

  const run = (...argv: string[]) => piped(argv, opened);
  const files = () => readdirSync(dirname(opened.path)).filter((name) => !name.startsWith('keyctl.db'));

  test('makes one file of mode 0600 that has everything, also what is still in the log, and needs nothing beside it', async () => {
    expect(statSync(`${opened.path}-wal`).size).toBeGreaterThan(0);
    const { code, stdout } = await run('backup', target);
    expect(code).toBe(0);
    expect(stdout).toContain(`Backed up ${opened.path} to ${target}: 1 account, 1 key and 7 debits`);
    expect(stdout).toContain(NOON);
    expect(files()).toEqual(['copy.db']);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    // Bytes 18 and 19 say that no log is needed to read it, so that it can be read where nothing can be written.
    expect([...readFileSync(target).subarray(18, 20)]).toEqual([1, 1]);
    const { faults, spent } = await proveBooks(target);
    expect([faults, spent]).toEqual([[], 700]);
  });

  test('--json says what is in it', async () => {
    const { stdout } = await run('backup', target, '--json');
    const { bytes, schema, ...shown } = JSON.parse(stdout) as Record<string, unknown>;
    expect(shown).toEqual({ store: opened.path, backup: target, accounts: 1, keys: 1, debits: 7, newestAt: NOON });
    expect([bytes, typeof schema]).toEqual([statSync(target).size, 'number']);
  });

  test('overwrites nothing, makes no folder and is no stream', async () => {
    await run('backup', target);
    const before = readFileSync(target);
    const again = await run('backup', target);
    expect([again.code, again.stderr]).toEqual([4, expect.stringContaining('already')]);
    expect(readFileSync(target).equals(before)).toBe(true);
    expect((await run('backup', join(dirname(target), 'nowhere', 'copy.db'))).code).toBe(3);
    const inFile = await run('backup', join(opened.path, 'copy.db'));
    expect([inFile.code, inFile.stderr]).toEqual([1, expect.stringContaining('No backup can be written')]);
    expect((await run('backup', '-')).code).toBe(2);
    mkdirSync(`${target}.folder`);
    expect((await run('backup', `${target}.folder`)).code).toBe(4);
    symlinkSync('nowhere', `${target}.link`);
    expect((await run('backup', `${target}.link`)).code).toBe(4);
    expect(files()).toEqual(['copy.db', 'copy.db.folder', 'copy.db.link']);
  });

  test('leaves nothing that looks like a backup when the store is not sound, or when it is stopped', async () => {
    const stopped = await failureOf(
      backupStore({
        ...{ location: opened.path, target, randomBytes, busyTimeoutMs: 1_000 },
        watch: ({ text }) => {
          if (text.startsWith('Proving')) throw new RangeError('stopped');
        },
      }).catch((error: unknown) => {
        if (!(error instanceof RangeError)) throw error;
      }),
    );
    expect([stopped, files()]).toEqual(['none', []]);
    const db = new Database(opened.path);
    db.pragma('ignore_check_constraints = ON');
    db.exec('UPDATE running_days SET spent = -5');
    db.exec("INSERT OR REPLACE INTO running_days VALUES (1, 20000, 0, 0, 5, '{}', 0)");
    db.close();
    const { code, stderr } = await run('backup', target);
    expect([code, stderr]).toEqual([1, expect.stringContaining('not sound')]);
    expect(files()).toEqual([]);
  });

  test('of no store there is none', async () => {
    expect((await piped(['backup', target], { ...opened, path: join(dirname(opened.path), 'other') })).code).toBe(3);
  });

  test('at a terminal it says the same', async () => {
    expect((await atTerminal(['backup', target], [], opened)).stdout).toContain('proved');
  });
});

test('a backup beside servers at full load is one instant, whose books balance, and never begins anew', async () => {
  const cluster = new Cluster();
  try {
    const apiKey = await cluster.customer('acme', 1e12);
    await cluster.start(2);
    let asking = true;
    let admitted = 0;
    const load = Array.from({ length: 16 }, async (_, turn) => {
      while (asking) if ((await cluster.ask(turn, '/verify', { headers: { 'X-API-Key': apiKey } })).status === 200) admitted += 1;
    });
    const { db } = cluster.installation;
    const sizes: number[] = [];
    for (let number = 0; number < 3; number += 1) {
      const target = `${db}.copy${String(number)}`;
      const before = admitted;
      const { code, stdout, stderr } = await keyctl(['backup', target, '--json'], { db });
      expect([code, stderr]).toEqual([0, '']);
      expect((JSON.parse(stdout) as { debits: number }).debits).toBeGreaterThanOrEqual(before);
      const { faults, debits, spent } = await proveBooks(target);
      expect([faults, spent]).toEqual([[], debits.length * 100]);
      sizes.push(debits.length);
    }
    asking = false;
    await Promise.all(load);
    expect(sizes.every((size) => size > 0 && size <= admitted)).toBe(true);
  } finally {
    await cluster.end();
  }
});

test('one snapshot is copied although somebody commits at every step', async () => {
  const opened = await temporaryStore(NOON);
  try {
    await opened.store.write(async (tx, now) => {
      for (let number = 0; number < 20_000; number += 1) {
        await tx.accounts.insert(
          { id: `acct_${String(number)}`, name: `a${String(number)}`, externalId: null, createdAt: now, suspendedAt: null },
          'free',
        );
      }
    });
    const other = new Database(opened.path);
    const done: number[] = [];
    const { accounts } = await backupStore({
      ...{ location: opened.path, target: `${opened.path}.copy`, randomBytes, busyTimeoutMs: 1_000 },
      watch: ({ text, done: pages }) => {
        if (!text.startsWith('Copying')) return;
        if (done.push(pages) > 500) throw new Error('it begins anew again and again');
        other.exec(`INSERT INTO accounts (id, name, created_at) VALUES ('x${String(done.length)}', 'x${String(done.length)}', 0)`);
      },
    });
    other.close();
    expect(done.length).toBeGreaterThan(2);
    expect([...done].sort((one, next) => one - next)).toEqual(done);
    expect(accounts).toBe(20_001);
  } finally {
    await opened.cleanUp();
  }
});
