import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { dayOf, MS_PER_DAY } from '../../../src/domain/utc-day.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import type { TestClock } from '../../harness.ts';
import { diagnose, messagesOf, wrongIn } from '../../operations/doctor-fixture.ts';
import { liveThreeDays, NOON } from '../../operations/doctor-store.ts';
import { runSql, temporaryDatabase, templateDatabase } from '../../postgres/database.ts';
import { DATABASE, OneServer } from '../../postgres/one-server.ts';
import { eventually, freePort } from '../../system/running.ts';

const [CLOSED, TODAY] = [dayOf(NOON), dayOf(NOON) + 2];
const clock = { now: NOON + 2 * MS_PER_DAY + 30 * 60_000 };

/** What the server that the tests have leaves to be desired. */
const ALONE = { durability: 'warning' } as const;

let url: string;
let cleanUp: () => Promise<void>;

/** A copy of a store that was used for three days. */
beforeEach(async () => {
  const template = await templateDatabase('a store that was used for three days', async (empty) => {
    const made = { now: NOON };
    const { store } = await openPostgresStore({
      ...{ url: empty, mode: 'create', clock: () => made.now, randomBytes, busyTimeoutMs: 2_000, env: {} },
    });
    await liveThreeDays(store, made);
    await store.close();
  });
  ({ url, cleanUp } = await temporaryDatabase(template));
});

afterEach(() => cleanUp());

/** As the owner of the server, past the triggers and what refers to what. */
async function tamper(...statements: readonly string[]): Promise<void> {
  await runSql(url, 'SET session_replication_role = replica', 'SET search_path = keyctl', ...statements);
}

const ofClosed = (account: number): string => `day = ${String(CLOSED)} AND account_ref = ${String(account)}`;
const FIRST_DEBIT = 'number = (SELECT min(number) FROM debits)';

describe('a store that was used for days', () => {
  test('holds, with what a server without a standby cannot promise', async () => {
    const diagnosis = await diagnose(url, clock);
    expect(wrongIn(diagnosis)).toEqual(ALONE);
    expect(diagnosis.looked).toEqual({ accounts: 4, days: 3, books: 9, debits: 69, requestIds: 2 });
    expect(messagesOf(diagnosis, 'durability').join(' ')).toMatch(/synchronous_commit=on.*No standby has to confirm/);
    const quick = await diagnose(url, clock, { quick: true });
    expect(wrongIn(quick)).toEqual(ALONE);
    expect(quick.findings.map(({ id }) => id)).not.toContain('audit');
  });
});

/** What a check has to say. */
type Told = Readonly<Partial<Record<Finding['id'], RegExp>>>;

describe('what does not hold is found, and nothing else', () => {
  // Several at a time, of checks that know nothing of each other: a copy of the database takes longer than they do.
  test.each<[what: string, told: Told, ...statements: string[]]>([
    [
      'a trigger that is switched off, keys that every role may read, a missing entry of the trail, an account without a row to lock',
      {
        schema: /keys_raise is there, but not/,
        permissions: /may use keys/,
        audit: /^Entry 2 .* missing, and 1/,
        journal: /^1 accounts have no row/,
      },
      'ALTER TABLE keys DISABLE TRIGGER keys_raise',
      'GRANT SELECT ON keys TO PUBLIC',
      'DELETE FROM audit WHERE number = 2',
      "DELETE FROM running_days WHERE account_ref = (SELECT ref FROM accounts WHERE name = 'idle')",
    ],
    [
      'a trigger that is gone, a schema that every role may use, a trail without its beginning, numbers that were given before',
      { schema: /accounts_raise is missing/, permissions: /may use the schema/, audit: /begin/, journal: /numbers that the sequence/ },
      'DROP TRIGGER accounts_raise ON accounts',
      'GRANT USAGE ON SCHEMA keyctl TO PUBLIC',
      'DELETE FROM audit WHERE number = 1',
      "SELECT setval('debit_numbers', 1)",
    ],
    [
      'an index that is gone, lists of a key that are none',
      { schema: /index debits_by_number is missing/, journal: /^1 keys have lists/ },
      'DROP INDEX debits_by_number',
      `UPDATE keys SET services = '{}' WHERE name = 'with-ids'`,
    ],
    [
      'a rule that was never checked, a rate limit that is no object',
      { schema: /constraint later is there, but not/, journal: /^1 accounts have rate limits/ },
      'ALTER TABLE services ADD CONSTRAINT later CHECK (cost < 1000) NOT VALID',
      "UPDATE running_days SET arrivals = '[]' WHERE account_ref = 1",
    ],
    [
      'books of today, a grant, a request id of another price',
      { debits: /acme on 2026-11-24/, usage: /acme on 2026-11-24/, grants: /default on 2026-11-24/, request_ids: /./ },
      'UPDATE running_days SET spent = spent + 100 WHERE account_ref = 2',
      'UPDATE running_days SET granted = granted - 1 WHERE account_ref = 1',
      "UPDATE request_ids SET cost = 1 WHERE request_id = 'one'",
    ],
    [
      'books of a closed day, what counts towards a cap',
      { debits: /600 credits spent.*700/, usage: /acme on 2026-11-22/, closed_days: /2026-11-22/, caps: /./ },
      `UPDATE past_days SET spent = spent - 100 WHERE ${ofClosed(2)}`,
      `UPDATE cap_spending SET spent = spent - 1 WHERE day = ${String(TODAY)}`,
    ],
    ['a lost debit', { debits: /2026-11-22/, usage: /2026-11-22/ }, `DELETE FROM debits WHERE ${FIRST_DEBIT}`],
    [
      'a debit of another price, a lost adjustment',
      { debits: /2026-11-22/, adjustments: /acme on 2026-11-22/ },
      `UPDATE debits SET cost = cost + 1 WHERE ${FIRST_DEBIT}`,
      `DELETE FROM adjustments WHERE ${ofClosed(2)}`,
    ],
    [
      'a refund that changed nothing, usage of another hour, the sums of a closed day',
      { debits: /2026-11-22/, usage: /acme on 2026-11-22/, closed_days: /2026-11-22/ },
      `UPDATE debits SET refunded_at = 1 WHERE ${FIRST_DEBIT}`,
      `UPDATE usage_hours SET hour = hour + 1 WHERE hour / 24 = ${String(CLOSED)} AND account_ref = 2`,
      `UPDATE closed_days SET spent = spent + 1 WHERE day = ${String(CLOSED)}`,
    ],
  ])('%s', async (_, told, ...statements) => {
    await tamper(...statements);
    const diagnosis = await diagnose(url, clock);
    const { durability, ...wrong } = wrongIn(diagnosis);
    expect(durability).toBe('warning');
    expect(wrong).toEqual(Object.fromEntries(Object.keys(told).map((id) => [id, 'error'])));
    for (const [id, words] of Object.entries(told)) {
      const errors = diagnosis.findings.filter((finding) => finding.id === id && finding.severity === 'error');
      expect(errors.map(({ message }) => message)).toContainEqual(expect.stringMatching(words));
      for (const { hint } of errors) expect(hint).toEqual(expect.any(String));
    }
  });

  test("somebody's trigger is a warning", async () => {
    await tamper('CREATE TRIGGER spy AFTER INSERT ON keys FOR EACH STATEMENT EXECUTE FUNCTION raise_generation()');
    expect(wrongIn(await diagnose(url, clock))).toEqual({ ...ALONE, schema: 'warning' });
  });
});

test('of several hosts one that cannot be reached is a warning; a server of two names is one', async () => {
  const port = new URL(url).port;
  const among = (host: string): string => url.replace('@', `@${host},`);
  expect(wrongIn(await diagnose(among(`localhost:${port}`), clock, { quick: true }))).toEqual(ALONE);
  const diagnosis = await diagnose(among(`127.0.0.1:${String(await freePort())}`), clock, { quick: true });
  expect(wrongIn(diagnosis)).toEqual({ ...ALONE, store: 'warning' });
  expect(messagesOf(diagnosis, 'store').join(' ')).toMatch(/127\.0\.0\.1:\d+ cannot be reached: there is no failover/);
});

describe('a place that is no store of this release', () => {
  test('an empty database, none at all, and one of a release to come', async () => {
    const empty = await temporaryDatabase();
    expect(wrongIn(await diagnose(empty.url, clock))).toEqual({ store: 'error' });
    await empty.cleanUp();
    expect(wrongIn(await diagnose(empty.url, clock))).toEqual({ store: 'error' });
    await tamper('UPDATE schema_versions SET usable_since = 900');
    expect(wrongIn(await diagnose(url, clock))).toEqual({ schema: 'error' });
  });
});

describe('a server that may forget what it has acknowledged', () => {
  let server: OneServer;
  const then: TestClock = { now: NOON };

  beforeAll(async () => {
    server = await OneServer.make();
    server.set('fsync = off', 'full_page_writes = off');
    await server.run();
    await runSql(server.url('postgres'), `CREATE DATABASE ${DATABASE}`);
    const { store } = await openPostgresStore({
      ...{ url: server.url(DATABASE), mode: 'create', clock: () => then.now, randomBytes, busyTimeoutMs: 2_000, env: {} },
    });
    await store.close();
  });

  afterAll(() => server.stop());

  /** What it says of a server with these settings, which it takes over a moment after it was told to. */
  const tells = async (settings: readonly string[], messages: readonly unknown[]): Promise<void> => {
    await runSql(server.url(DATABASE), ...settings.map((setting) => `ALTER SYSTEM SET ${setting}`), 'SELECT pg_reload_conf()');
    await eventually(async () => {
      expect(messagesOf(await diagnose(server.url(DATABASE), then), 'durability')).toEqual(messages);
    });
  };

  test('is an error, with the settings that do that, until they are mended and a standby has to confirm', async () => {
    await tells([], [expect.stringContaining('fsync=off and full_page_writes=off')]);
    expect(wrongIn(await diagnose(server.url(DATABASE), then))).toMatchObject({ durability: 'error' });
    await tells(['fsync = on'], [expect.stringMatching(/^The server has full_page_writes=off:/)]);
    await tells(['full_page_writes = on'], [expect.stringContaining('synchronous_commit=on'), expect.stringContaining('No standby')]);
    await tells(["synchronous_standby_names = 'ANY 1 (a, b)'"], [expect.stringContaining('Standbys: ANY 1 (a, b).')]);
    expect(wrongIn(await diagnose(server.url(DATABASE), then))).toEqual({});
  });
});
