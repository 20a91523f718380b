import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { dayOf } from '../../src/domain/utc-day.ts';
import { temporaryFolder, temporaryStore } from '../harness.ts';
import { diagnose, messagesOf, tamper, wrongIn } from './doctor-fixture.ts';
import { liveThreeDays, NOON } from './doctor-store.ts';

const [CLOSED, YESTERDAY, TODAY] = [dayOf(NOON), dayOf(NOON) + 1, dayOf(NOON) + 2];
/** The accounts in the order in which they were made. */
const [DEFAULT, ACME, GLOBEX] = [1, 2, 3];

let made: Awaited<ReturnType<typeof temporaryStore>>;
let folder: ReturnType<typeof temporaryFolder>;
let path: string;

beforeAll(async () => {
  made = await temporaryStore(new Date(NOON).toISOString());
  await liveThreeDays(made.store, made.clock);
  await made.store.close();
});

afterAll(() => made.cleanUp());

beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'keyctl.db');
  copyFileSync(made.path, path);
});

afterEach(() => {
  folder.cleanUp();
});

const newest = '(SELECT max(number) FROM debits)';
const ofClosed = (account: number): string => `day = ${String(CLOSED)} AND account_ref = ${String(account)}`;

describe('a store that was used for days', () => {
  test('holds', async () => {
    const diagnosis = await diagnose(path, made.clock);
    expect(wrongIn(diagnosis)).toEqual({});
    expect(diagnosis.looked).toEqual({ accounts: 4, days: 3, books: 9, debits: 69, requestIds: 2 });
    expect(wrongIn(await diagnose(path, made.clock, { quick: true }))).toEqual({});
  });

  test('holds as well when nothing of it is kept any more but the books', async () => {
    const later = { now: NOON + 40 * 86_400_000 };
    tamper(path, 'DELETE FROM debits', 'DELETE FROM usage_hours', 'DELETE FROM request_ids');
    // Days stay open without a reset, and nothing of an open day is ever pruned.
    expect(wrongIn(await diagnose(path, later))).toMatchObject({ debits: 'error', reset: 'warning' });
    tamper(path, `UPDATE state SET closed_through = ${String(TODAY)}`, `INSERT INTO usage_days SELECT ${String(TODAY)}, 1, 0, 1, 1, 0`);
    expect(Object.keys(wrongIn(await diagnose(path, later)))).not.toContain('debits');
  });
});

describe('what does not balance is found, and nothing else', () => {
  test.each<[what: string, found: readonly string[], ...statements: string[]]>([
    ['books of today', ['debits', 'usage'], `UPDATE running_days SET spent = spent + 100 WHERE account_ref = ${String(ACME)}`],
    ['books of a closed day', ['closed_days', 'debits', 'usage'], `UPDATE past_days SET spent = spent - 100 WHERE ${ofClosed(ACME)}`],
    [
      'books that go below zero',
      ['books', 'integrity', 'debits', 'usage'],
      `UPDATE running_days SET spent = 10000000 WHERE account_ref = 2`,
    ],
    ['books that are not there', ['closed_days', 'debits', 'usage'], `DELETE FROM past_days WHERE ${ofClosed(GLOBEX)}`],
    [
      'books twice',
      ['books'],
      `INSERT INTO past_days SELECT day, account_ref, granted, adjusted, spent FROM running_days WHERE account_ref = 2`,
    ],
    ['books of nobody', ['books', 'closed_days', 'adjustments'], `INSERT INTO past_days VALUES (${String(CLOSED)}, 99, 100, 7, 0)`],
    ['a lost debit', ['debits', 'usage'], `DELETE FROM debits WHERE number = (SELECT min(number) FROM debits)`],
    ['a debit of another price', ['debits'], `UPDATE debits SET cost = cost + 1 WHERE number = (SELECT min(number) FROM debits)`],
    [
      'a debit of another account',
      ['debits', 'usage'],
      `UPDATE debits SET account_ref = 4 WHERE number = (SELECT min(number) FROM debits)`,
    ],
    [
      'a debit of a service that there is not',
      ['debits', 'usage'],
      `UPDATE debits SET service_ref = 77 WHERE number = (SELECT min(number) FROM debits)`,
    ],
    ['a refund that changed nothing', ['debits'], `UPDATE debits SET refunded_at = 1 WHERE number = (SELECT min(number) FROM debits)`],
    ['daily usage', ['usage'], `UPDATE usage_days SET credits = credits + 1 WHERE ${ofClosed(ACME)}`],
    ['hourly usage', ['usage'], `UPDATE usage_hours SET credits = credits - 1 WHERE hour / 24 = ${String(CLOSED)} AND account_ref = 3`],
    [
      'requests in hourly usage',
      ['usage'],
      `UPDATE usage_hours SET requests = requests + 1 WHERE hour / 24 = ${String(CLOSED)} AND account_ref = 3`,
    ],
    [
      'hourly usage of another key',
      ['usage'],
      `UPDATE usage_hours SET key_ref = 99 WHERE hour / 24 = ${String(CLOSED)} AND account_ref = 2`,
    ],
    [
      'hourly usage of another service',
      ['usage'],
      `UPDATE usage_hours SET service_ref = 99 WHERE hour / 24 = ${String(CLOSED)} AND account_ref = 2`,
    ],
    ['usage of another hour', ['usage'], `UPDATE usage_hours SET hour = hour + 1 WHERE hour / 24 = ${String(CLOSED)} AND account_ref = 2`],
    ['usage of nobody', ['books', 'usage'], `INSERT INTO usage_hours VALUES (${String(24 * CLOSED)}, 99, 0, 1, 1, 0, 0, 0)`],
    ['a lost adjustment', ['adjustments'], `DELETE FROM adjustments WHERE ${ofClosed(ACME)}`],
    [
      'an adjustment of another amount',
      ['adjustments'],
      `UPDATE adjustments SET amount = amount + 1 WHERE day = ${String(TODAY)} AND account_ref = 2`,
    ],
    ['a grant that is too much', ['grants', 'closed_days'], `UPDATE past_days SET granted = granted + 100000 WHERE ${ofClosed(ACME)}`],
    ['a grant that is too little', ['grants'], `UPDATE running_days SET granted = granted - 1 WHERE account_ref = ${String(DEFAULT)}`],
    ['a history of tiers', ['grants'], `UPDATE tier_credits SET credits = credits + 1 WHERE tier = 'free'`],
    ['the sums of a closed day', ['closed_days'], `UPDATE closed_days SET spent = spent + 1 WHERE day = ${String(YESTERDAY)}`],
    ['a closed day that is not there', ['closed_days'], `DELETE FROM closed_days WHERE day = ${String(YESTERDAY)}`],
    ['too much towards a cap', ['caps'], `UPDATE cap_spending SET spent = spent + 1001 WHERE day = ${String(CLOSED)}`],
    ['too little towards a cap', ['caps'], `UPDATE cap_spending SET spent = spent - 1 WHERE day = ${String(TODAY)}`],
    ['nothing towards a cap', ['caps'], `DELETE FROM cap_spending WHERE day = ${String(TODAY)}`],
    ['a request id of no debit', ['request_ids'], `UPDATE request_ids SET debit = debit + 7 WHERE request_id = 'one'`],
    ['a request id of another price', ['request_ids'], `UPDATE request_ids SET cost = 1 WHERE request_id = 'one'`],
    ['a request id that does not know of the refund', ['request_ids'], `UPDATE request_ids SET refunded = 0`],
    ['running balances ahead of the debits', ['journal'], `UPDATE running_days SET through = ${newest} + 1000000 WHERE account_ref = 1`],
    ['a rate limit that is no JSON', ['journal'], `UPDATE running_days SET arrivals = '{' WHERE account_ref = 1`],
    ['the lists of a key', ['journal'], `UPDATE keys SET services = '[' WHERE name = 'with-ids'`],
    ['a key without its account', ['foreign_keys'], `UPDATE keys SET account_ref = 99 WHERE name = 'with-ids'`],
  ])('%s', async (_, found, ...statements) => {
    tamper(path, ...statements);
    const diagnosis = await diagnose(path, made.clock);
    expect(Object.keys(wrongIn(diagnosis)).sort()).toEqual([...found].sort());
    for (const { severity, hint } of diagnosis.findings)
      if (severity !== 'ok') expect([severity, typeof hint]).toEqual(['error', 'string']);
  });

  test('the account and the day are named, with both numbers', async () => {
    tamper(path, `UPDATE past_days SET spent = spent - 100 WHERE ${ofClosed(ACME)}`);
    const diagnosis = await diagnose(path, made.clock);
    expect(messagesOf(diagnosis, 'debits')).toEqual(['acme on 2026-11-22: 600 credits spent, but its debits less refunds come to 700.']);
    expect(diagnosis.findings.find(({ id }) => id === 'debits')).toMatchObject({ account: 'acme', day: CLOSED });
  });

  test('of thousands of errors the first are told, and how many more there are', async () => {
    tamper(
      path,
      `WITH RECURSIVE n (n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 3099) INSERT INTO past_days SELECT ${String(CLOSED)}, n, 5, 0, 0 FROM n`,
    );
    const messages = messagesOf(await diagnose(path, made.clock), 'books');
    expect(messages).toHaveLength(21);
    expect(messages.at(-1)).toBe('And 2980 more like these.');
  });

  test('--quick finds it in the books of today', async () => {
    tamper(path, `UPDATE running_days SET spent = spent + 100, adjusted = adjusted + 1 WHERE account_ref = ${String(ACME)}`);
    expect(wrongIn(await diagnose(path, made.clock, { quick: true }))).toEqual({ usage: 'error', adjustments: 'error' });
  });
});
