import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import type { RunningDay } from '../../../src/domain/settle.ts';
import { dayOf } from '../../../src/domain/utc-day.ts';
import { createSchema } from '../../../src/stores/sqlite/create-schema.ts';
import { Folding } from '../../../src/stores/sqlite/folding.ts';
import { SqliteSettling } from '../../../src/stores/sqlite/settle.ts';
import { Sql } from '../../../src/stores/sqlite/sql.ts';
import { requestBy } from '../contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
/** More than go with one statement, and no multiple of what does. */
const ACCOUNTS = 203;
const FOLDED_AT_ONCE = 85;
const MOST_WAITING = 30_000;

let db: Database.Database;
let sql: Sql;
let folding: Folding;
let number: number;

beforeEach(() => {
  db = new Database(':memory:');
  createSchema(db, ':memory:', NOON, randomBytes);
  db.pragma('foreign_keys = OFF');
  sql = new Sql(db);
  folding = new Folding(sql);
  folding.follow();
  number = 0;
});

afterEach(() => {
  db.close();
});

function running(spent: number, arrivals: RunningDay['arrivals'] = new Map()): RunningDay {
  return { balance: { day: dayOf(NOON), granted: 1_000_000, adjusted: 0, spent }, arrivals };
}

/** Settles one request of each account, as a batch does. */
function settle(accountRefs: readonly number[]): void {
  for (const accountRef of accountRefs) {
    number += 1;
    sql.run('INSERT INTO debits VALUES (?, ?, ?, ?, 1, 100, 0, NULL, NULL, NULL)', number, NOON, accountRef, accountRef);
    const spent = folding.rows.get(accountRef)?.balance.spent ?? 0;
    folding.rows.settled(accountRef, running(spent + 100), number);
    folding.count({ number, at: NOON, accountRef, keyRef: accountRef, serviceRef: 1, cost: 100, balanceAfter: 0, arrival: null });
  }
  folding.rows.reached(number);
}

describe('folding', () => {
  test('writes the row of an account once for all debits that it got meanwhile, some rows with each call', () => {
    for (let batch = 0; batch < 3; batch += 1) settle(Array.from({ length: ACCOUNTS }, (_, place) => 1 + place));
    let calls = 1;
    while (folding.foldOn(FOLDED_AT_ONCE) === FOLDED_AT_ONCE) calls += 1;
    expect(calls).toBe(Math.ceil(ACCOUNTS / FOLDED_AT_ONCE));
    const days = sql.all('SELECT account_ref AS ref, spent, through FROM running_days ORDER BY 1');
    expect(days).toEqual(
      Array.from({ length: ACCOUNTS }, (_, place) => ({ ref: 1 + place, spent: 300, through: 2 * ACCOUNTS + 1 + place })),
    );
    const uses = sql.all('SELECT key_ref AS ref, requests, credits, through FROM usage_hours ORDER BY 1');
    expect(uses).toEqual(
      Array.from({ length: ACCOUNTS }, (_, place) => ({ ref: 1 + place, requests: 3, credits: 300, through: 2 * ACCOUNTS + 1 + place })),
    );
    expect(sql.row('SELECT folded_through, folds FROM state')).toEqual([number, calls]);
  });

  test('what comes while a round is written waits for the next one', () => {
    settle([1, 2, 3]);
    expect(folding.foldOn(2)).toBe(2);
    settle([1, 4]);
    expect(folding.foldOn(2)).toBe(0);
    expect(sql.row('SELECT folded_through FROM state')).toEqual([3]);
    expect(sql.row('SELECT sum(requests) FROM usage_hours')).toEqual([3]);
    expect([...folding.rows.unbookedRefs()]).toEqual([1, 4]);
    expect(folding.foldOn(9)).toBe(0);
    expect(sql.row('SELECT folded_through FROM state')).toEqual([5]);
    expect(sql.all('SELECT key_ref AS ref, requests FROM usage_hours ORDER BY 1')).toEqual(
      [1, 2, 3, 4].map((ref) => ({ ref, requests: ref === 1 ? 2 : 1 })),
    );
  });

  test('is due with the first debit after four seconds, or with many that wait', () => {
    settle([1]);
    // Whoever comes new leaves it to the others for two seconds.
    expect([NOON, NOON + 3_999, NOON + 4_000].map((now) => folding.isDue(now))).toEqual([false, false, true]);
    for (let batch = 0; batch <= MOST_WAITING / 1_000; batch += 1) settle(Array.from({ length: 1_000 }, (_, place) => 1 + place));
    expect(folding.isDue(NOON)).toBe(true);
  });
});

describe('settling', () => {
  const BATCH = 60;
  const BATCHES = 10;

  test('folds faster than batches of other accounts each add to what waits', () => {
    for (let ref = 2; ref <= 1 + BATCH * BATCHES; ref += 1) {
      sql.run('INSERT INTO accounts (ref, id, name, created_at) VALUES (?, ?, ?, 0)', ref, `acct_${String(ref)}`, `a${String(ref)}`);
      sql.run("INSERT INTO account_tiers VALUES (?, 0, 'free', 0)", ref);
    }
    const settling = new SqliteSettling(sql, folding);
    const settleBatch = (batch: number, now: number): void => {
      const requests = Array.from({ length: BATCH }, (_, place) => ({
        ...requestBy({ apiKey: '' }, { cost: 100, fromShell: true }),
        subject: { kind: 'account', ref: 2 + (batch % BATCHES) * BATCH + place } as const,
      }));
      expect(new Set(settling.settle(requests, now).map(({ code }) => code))).toEqual(new Set(['ok']));
    };
    for (let batch = 0; batch < BATCHES; batch += 1) settleBatch(batch, NOON);
    const waiting = sql.number('SELECT max(number) AS n FROM debits');
    const folded = (): number => sql.number('SELECT count(*) AS n FROM state WHERE folded_through >= ?', waiting);
    let batches = 0;
    while (folded() === 0 && batches < 2 * BATCHES) {
      settleBatch(batches, NOON + 4_000);
      batches += 1;
    }
    expect(batches).toBe(BATCHES / 2);
    expect(sql.number('SELECT count(*) AS n FROM running_days')).toBe(BATCH * BATCHES);
  });
});

describe('running days in memory', () => {
  test('keep the arrival times of one service or several, stored and read again', () => {
    const several = new Map([
      [1, NOON * 1_000 + 5],
      [7, NOON * 1_000 + 9],
    ]);
    const one = new Map([[7, NOON * 1_000 + 11]]);
    for (const arrivals of [several, one, new Map<number, number>(), several, new Map<number, number>(), one]) {
      number += 1;
      folding.rows.settled(3, running(number, arrivals), number);
      expect(folding.rows.get(3)).toEqual(running(number, arrivals));
      expect([folding.rows.isUnbooked(3), [...folding.rows.unbookedRefs()]]).toEqual([true, [3]]);
      folding.rows.book([3]);
      expect([folding.rows.isUnbooked(3), [...folding.rows.unbookedRefs()]]).toEqual([false, []]);
      const other = new Folding(sql);
      other.follow();
      expect(other.rows.get(3)).toEqual(running(number, arrivals));
    }
  });

  test('forget what is stored when there are too many, and nothing else', () => {
    for (let ref = 1; ref <= 25_000; ref += 1) folding.rows.settled(ref, running(ref), ref);
    folding.rows.book(Array.from({ length: 24_000 }, (_, place) => 1 + place));
    const state = { books: 0, folds: 0, foldedThrough: 0, newest: 0 };
    folding.followTo(state);
    expect([...folding.rows.unbookedRefs()]).toEqual(Array.from({ length: 1_000 }, (_, place) => 24_001 + place));
    expect([folding.rows.get(24_500)?.balance.spent, folding.rows.get(12)?.balance.spent]).toEqual([24_500, 12]);
    sql.run('DELETE FROM running_days');
    expect([folding.rows.get(24_501)?.balance.spent, folding.rows.get(13)]).toEqual([24_501, null]);
  });
});
