import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { keyctl, temporaryFolder, type TestClock } from '../harness.ts';
import { proveBooks } from '../proved-books.ts';
import { eventually } from '../system/running.ts';
import { piped, type PipedOptions } from './piped-call.ts';

// What a command does when its store cannot be written: a stranger holds it, the disk is full, or the file is read-only. It says which of
// these it is, with the exit code for it, changes nothing, and does its work when it is run again afterwards.

const NOON = Date.parse('2026-11-22T12:00:00Z');
const clock: TestClock = { now: NOON };
let folder: ReturnType<typeof temporaryFolder>;
let db: string;

const run = (argv: readonly string[], more: Partial<PipedOptions> = {}) => piped(argv, { path: db, clock, ...more });

async function made(argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(argv);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return stdout;
}

beforeEach(async () => {
  folder = temporaryFolder();
  db = join(folder.path, 'keyctl.db');
  clock.now = NOON - 2 * 86_400_000;
  await made(['account', 'create', 'acme']);
  for (const name of ['main', 'other', 'third']) await made(['create', '--account', 'acme', '--name', name]);
  await made(['disable', 'acme/third']);
  await made(['service', 'create', 'maps']);
  await made(['env', 'create', 'staging', '--code', 'stage']);
  await made(['tier', 'create', 'spare', '--daily-credits', '5']);
  await made(['config', 'set', 'keep-debits', '50d']);
  for (const day of [2, 1, 0]) {
    clock.now = NOON - day * 86_400_000;
    await made(['charge', '--account', 'acme', '--requests', '30']);
  }
});

afterEach(() => {
  folder.cleanUp();
});

/** A digest of every row of the store. */
function content(): string {
  const opened = new Database(db, { readonly: true });
  const tables = opened.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all() as string[];
  const all = createHash('sha256');
  for (const table of tables) all.update(JSON.stringify([table, opened.prepare(`SELECT * FROM "${table}"`).raw().all()]));
  opened.close();
  return all.digest('hex');
}

const debit = async (): Promise<string> =>
  String((JSON.parse(await made(['debits', '--json', '--limit', '1'])) as { id: string }[])[0]?.id);

const LONG = 'n'.repeat(500);

/** Every command that writes, with something for it to do. */
const WRITES: readonly (readonly string[])[] = [
  ...[
    ['create', '--account', 'acme', '--name', 'new', '--note', LONG],
    ['rename', 'acme/other', 'renamed'],
    ['edit', 'acme/main', '--note', LONG],
  ],
  ...[
    ['disable', 'acme/main', '--reason', LONG],
    ['enable', 'acme/third'],
    ['delete', 'acme/other', '--yes'],
    ['rotate', 'acme/main', '--grace', '1h'],
  ],
  ...[
    ['account', 'create', 'new'],
    ['account', 'rename', 'acme', 'renamed'],
    ['account', 'suspend', 'acme', '--reason', LONG],
  ],
  ...[
    ['tier', 'create', 'new', '--daily-credits', '9'],
    ['tier', 'edit', 'free', '--rate', '9/s'],
    ['tier', 'delete', 'spare'],
  ],
  ...[
    ['tier', 'set', 'standard', '--account', 'acme'],
    ['service', 'create', 'new'],
    ['service', 'edit', 'maps', '--cost', '9'],
    ['service', 'delete', 'maps'],
  ],
  ...[
    ['env', 'create', 'new', '--code', 'new'],
    ['env', 'delete', 'staging'],
    ['credit', '+500', '--account', 'acme', '--reason', LONG],
  ],
  ...[
    ['charge', '--account', 'acme', '--requests', '40'],
    ['reset'],
    ['config', 'set', 'keep-debits', '60d'],
    ['config', 'unset', 'keep-debits'],
  ],
];

describe('a stranger who holds the write lock', () => {
  let stranger: Database.Database;

  beforeEach(() => {
    stranger = new Database(db);
    stranger.exec('BEGIN IMMEDIATE');
  });

  test('is exit 6 for every command that writes, which has then changed nothing, and none for those that read', async () => {
    const before = content();
    const refund = ['refund', await debit(), '--reason', 'a test'];
    for (const argv of [...WRITES, refund]) {
      const { code, stdout, stderr } = await run(argv, { busyTimeoutMs: 10 });
      expect([argv[0], code, stdout, stderr]).toEqual([argv[0], 6, '', expect.stringContaining('is busy. Another process holds')]);
    }
    for (const line of [
      'list',
      'account list',
      'usage',
      'debits',
      'audit',
      'status',
      'explain acme/main',
      'simulate --requests 3 --account acme',
    ]) {
      expect([line, (await run(line.split(' '), { busyTimeoutMs: 10 })).code]).toEqual([line, 0]);
    }
    expect(content()).toBe(before);
    stranger.close();
    expect((await run(refund)).code).toBe(0);
  });

  test('for a moment is waited for by the program itself', async () => {
    const charged = keyctl(['charge', '--account', 'acme', '--json'], { db });
    // Who waits says so by a file beside the store.
    await eventually(() => {
      expect(existsSync(`${db}-waiting`)).toBe(true);
    });
    stranger.close();
    expect(await charged).toMatchObject({ code: 0, stdout: expect.stringContaining('"accepted":1') as unknown });
  });
});

test('a stranger who has the file for itself is exit 6 for those that read, too', async () => {
  const stranger = new Database(db);
  stranger.pragma('locking_mode = EXCLUSIVE');
  stranger.exec('BEGIN EXCLUSIVE; COMMIT');
  for (const argv of [['list'], ['usage'], ['view', 'acme/main'], ['charge', '--account', 'acme'], ['disable', 'acme/main']]) {
    const { code, stdout, stderr } = await run(argv, { busyTimeoutMs: 10 });
    expect([argv[0], code, stdout, stderr]).toEqual([argv[0], 6, '', expect.stringContaining('is busy')]);
  }
  stranger.close();
  expect((await run(['disable', 'acme/main'])).code).toBe(0);
});

/** Fills the last page of the audit trail, so that another entry needs a new one. */
function fillTrail(): number {
  const opened = new Database(db);
  const size = (): number => opened.pragma('page_count', { simple: true }) as number;
  const full = size();
  const entry = opened.prepare(
    "INSERT INTO audit (at, os_user, host, action, target_kind, target_id, target_name) VALUES (1, 'u', 'h', 'a', 'key', 'i', 'n')",
  );
  for (let grown = false; !grown;) {
    opened.exec('BEGIN');
    entry.run();
    grown = size() > full;
    opened.exec(grown ? 'ROLLBACK' : 'COMMIT');
  }
  opened.close();
  return full;
}

describe('a disk that is full', () => {
  test('is exit 1, page by page, until a command has the room that it needs; before that it has changed nothing', async () => {
    let refused = 0;
    const size = fillTrail();
    const template = join(folder.path, 'template.db');
    copyFileSync(db, template);
    for (const argv of WRITES) {
      copyFileSync(template, db);
      const before = content();
      for (let room = 0; ; room += 1) {
        const { code, stdout, stderr } = await run(argv, { mostPages: size + room });
        if (code === 0) break;
        refused += 1;
        expect([argv[0], code, stdout, stderr]).toEqual([argv[0], 1, '', expect.stringMatching(/There is no room to write/)]);
        const { faults } = await proveBooks(db);
        expect([argv[0], faults]).toEqual([argv[0], []]);
        // Only these write in more than one transaction, and say or know what of it stands.
        if (argv[0] !== 'charge' && argv[0] !== 'reset') expect([argv[0], content()]).toEqual([argv[0], before]);
        if (argv[0] === 'charge' && content() !== before) expect(stderr).toContain('were charged before');
      }
      expect((await proveBooks(db)).faults).toEqual([]);
    }
    expect(refused).toBeGreaterThanOrEqual(WRITES.length);
  });
});

test('a file that may not be written is exit 1 for those that write, and changes nothing', async () => {
  const before = content();
  chmodSync(db, 0o444);
  chmodSync(folder.path, 0o555);
  // Root may do anything, so that for this moment it is nobody.
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    for (const argv of [
      ['charge', '--account', 'acme'],
      ['create', '--account', 'acme', '--name', 'new'],
      ['disable', 'acme/main'],
      ['reset'],
    ]) {
      const { code, stdout, stderr } = await run(argv);
      expect([argv[0], code, stdout, stderr]).toEqual([argv[0], 1, '', expect.stringMatching(/cannot be (written|opened)/)]);
    }
  } finally {
    if (root) process.seteuid?.(0);
    chmodSync(folder.path, 0o700);
    chmodSync(db, 0o600);
  }
  expect(content()).toBe(before);
  expect((await run(['disable', 'acme/main'])).code).toBe(0);
});
