import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryStore } from '../../harness.ts';
import { addAccount } from '../../operations/account-fixture.ts';
import { diagnose, messagesOf, wrongIn } from '../../operations/doctor-fixture.ts';

// What SQL can do to the audit trail without taking its triggers away. docs/guarantees.md says what nothing in the file can hold.

let opened: Awaited<ReturnType<typeof temporaryStore>>;
let db: Database.Database;

beforeEach(async () => {
  opened = await temporaryStore('2026-11-22T12:00:00.000Z');
  for (const name of ['a', 'b', 'c']) await addAccount(opened.store, name);
  db = new Database(opened.path);
});

afterEach(async () => {
  db.close();
  await opened.cleanUp();
});

const COLUMNS = 'at, os_user, host, action, target_kind, target_id, target_name';
const FORGED = "1, 'nobody', 'nowhere', 'key.create', 'key', 'x', 'forged'";

function trail(): unknown[] {
  return db.prepare('SELECT * FROM audit ORDER BY number').raw().all();
}

const ATTEMPTS: readonly string[] = [
  'DELETE FROM audit',
  'DELETE FROM audit WHERE number = 3',
  'DELETE FROM audit WHERE rowid = (SELECT max(number) FROM audit)',
  "UPDATE audit SET target_name = 'forged'",
  "UPDATE audit SET target_name = 'forged' WHERE number = 1",
  'UPDATE audit SET number = number + 10',
  'UPDATE OR REPLACE audit SET number = 1 WHERE number = 2',
  "UPDATE OR IGNORE audit SET target_name = 'forged'",
  `REPLACE INTO audit (number, ${COLUMNS}) VALUES (1, ${FORGED})`,
  `REPLACE INTO audit (number, ${COLUMNS}) VALUES (3, ${FORGED})`,
  `INSERT OR REPLACE INTO audit (rowid, ${COLUMNS}) VALUES (2, ${FORGED})`,
  `INSERT OR REPLACE INTO audit SELECT number, at, claimed_actor, 'nobody', sudo_user, host, action, target_kind, target_id, target_name, before, after FROM audit`,
  `INSERT INTO audit (number, ${COLUMNS}) VALUES (2, ${FORGED}) ON CONFLICT (number) DO UPDATE SET target_name = 'forged'`,
  `INSERT INTO audit (number, ${COLUMNS}) VALUES (2, ${FORGED}) ON CONFLICT DO NOTHING`,
  `INSERT INTO audit (number, ${COLUMNS}) VALUES (0, ${FORGED})`,
  `INSERT INTO audit (number, ${COLUMNS}) VALUES (-1, ${FORGED})`,
  `INSERT INTO audit (number, ${COLUMNS}) VALUES (5, ${FORGED})`,
  `INSERT INTO audit (number, ${COLUMNS}) VALUES (9223372036854775807, ${FORGED})`,
  `INSERT OR IGNORE INTO audit (number, ${COLUMNS}) VALUES (9223372036854775807, ${FORGED})`,
];

describe.each(['ON', 'OFF'])('with recursive triggers %s', (setting) => {
  test.each(ATTEMPTS)('%s is refused, and changes nothing', (statement) => {
    db.pragma(`recursive_triggers = ${setting}`);
    db.pragma('ignore_check_constraints = ON');
    const before = trail();
    expect(before).toHaveLength(3);
    expect(() => db.exec(statement)).toThrow(/audit trail is (?:append-only|numbered without gaps)/);
    expect(trail()).toEqual(before);
  });
});

test('neither is it inside of a transaction, which goes on without the entry', () => {
  const before = trail();
  db.exec('BEGIN');
  expect(() => db.exec(`REPLACE INTO audit (number, ${COLUMNS}) VALUES (1, ${FORGED})`)).toThrow('append-only');
  db.exec("UPDATE accounts SET external_id = 'x' WHERE name = 'a'");
  db.exec('COMMIT');
  expect(trail()).toEqual(before);
});

test('an INSERT as every release makes it gets the next number, several at once too', async () => {
  db.exec(`INSERT INTO audit (${COLUMNS}) VALUES (${FORGED}), (${FORGED})`);
  db.exec(`INSERT OR REPLACE INTO audit (${COLUMNS}) VALUES (${FORGED})`);
  await addAccount(opened.store, 'd');
  const numbers = db.prepare('SELECT number FROM audit ORDER BY number').pluck().all();
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('a transaction that is rolled back leaves no gap', async () => {
  const failed = opened.store.write(async (tx, now) => {
    const [entry] = await tx.audit.since({}, 0, 1);
    if (entry !== undefined) await tx.audit.append({ ...entry, at: now });
    throw new Error('thought better of it');
  });
  await expect(failed).rejects.toThrow('thought better');
  await addAccount(opened.store, 'd');
  expect(db.prepare('SELECT max(number) FROM audit').pluck().get()).toBe(4);
});

describe('who owns the file can take the triggers away, and doctor tells', () => {
  interface Trigger {
    readonly name: string;
    readonly sql: string;
  }

  /** Runs the statement without the triggers, and puts them back. */
  function past(statement: string): void {
    const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'").all() as Trigger[];
    expect(triggers).toHaveLength(4);
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
    db.exec(statement);
    for (const { sql } of triggers) db.exec(sql);
  }

  test('that nothing is missing', async () => {
    expect(messagesOf(await diagnose(opened.path, opened.clock), 'audit')).toEqual(['3 entries of the audit trail, and none is missing.']);
  });

  test('as long as one of them is missing', async () => {
    db.exec('DROP TRIGGER audit_keeps_numbers');
    expect(wrongIn(await diagnose(opened.path, opened.clock))).toMatchObject({ schema: 'error' });
  });

  test.each([
    ['DELETE FROM audit WHERE number = 2', 'Entry 2 of the audit trail is missing, and 1 in all.'],
    ['DELETE FROM audit WHERE number = 1', 'The audit trail does not begin with its first entry.'],
    ['UPDATE audit SET number = 9 WHERE number = 3', 'Entry 3 of the audit trail is missing, and 6 in all.'],
  ])('afterwards of the gap: %s', async (statement, message) => {
    past(statement);
    const diagnosis = await diagnose(opened.path, opened.clock);
    expect(wrongIn(diagnosis)).toMatchObject({ audit: 'error' });
    expect(messagesOf(diagnosis, 'audit')).toEqual([message]);
  });

  test('but not of what nobody can know without a copy elsewhere: the last entry, and other words', async () => {
    past("DELETE FROM audit WHERE number = 3; UPDATE audit SET target_name = 'forged' WHERE number = 1");
    expect(wrongIn(await diagnose(opened.path, opened.clock))).not.toHaveProperty('audit');
  });
});
