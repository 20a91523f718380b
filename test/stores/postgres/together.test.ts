import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Key } from '../../../src/domain/entities.ts';
import type { Store } from '../../../src/domain/store.ts';
import { dayOf, MS_PER_DAY } from '../../../src/domain/utc-day.ts';
import { BOOKS_LOCK } from '../../../src/stores/postgres/locks.ts';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { runSql, temporaryDatabase } from '../../postgres/database.ts';
import { eventually } from '../../system/running.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

// Two nodes and somebody else on one database, each step of theirs where the test wants it; test/e2e/nodes.test.ts has real ones under load.

type KnownKey = Key & { readonly apiKey: string };

let url: string;
let one: Store;
let other: Store;
/** A connection past keyctl, to hold what a third node would hold. */
let somebody: pg.Client;
let cleanUp: () => Promise<void>;

async function open(mode: 'create' | 'write'): Promise<Store> {
  return (await openPostgresStore({ url, mode, clock: null, randomBytes, busyTimeoutMs: 5_000, env: {} })).store;
}

beforeEach(async () => {
  const database = await temporaryDatabase();
  url = database.url;
  [one, other] = [await open('create'), await open('write')];
  somebody = new pg.Client({ connectionString: url });
  await somebody.connect();
  await somebody.query('SET search_path = keyctl');
  cleanUp = async () => {
    await somebody.end();
    for (const store of [one, other]) await store.close();
    await database.cleanUp();
  };
});

afterEach(() => cleanUp());

async function customers(count: number, credits = 1e9): Promise<readonly KnownKey[]> {
  await one.write((tx) => tx.tiers.insert('of-a-test', credits, 0));
  const made: KnownKey[] = [];
  for (let index = 0; index < count; index += 1)
    made.push(await addKey(one, await addAccount(one, `customer-${String(index)}`, 'of-a-test')));
  return made;
}

async function customer(credits?: number): Promise<KnownKey> {
  const [key] = await customers(1, credits);
  if (key === undefined) throw new RangeError('no customer');
  return key;
}

/** Resolves as soon as so many wait for a lock in this database. */
function waiting(count = 1): Promise<void> {
  return eventually(async () => {
    const rows = await somebody.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()",
    );
    if (rows.rowCount !== count) throw new Error(`${String(rows.rowCount)} wait`);
  }, 5);
}

describe('two nodes at once', () => {
  test('spend of one account exactly what it has', async () => {
    const key = await customer(30_050);
    const batches = Array.from({ length: 60 }, (_, index) =>
      (index % 2 === 0 ? one : other).settle(Array.from({ length: 8 }, () => requestBy(key))),
    );
    const verdicts = (await Promise.all(batches)).flat();
    expect(verdicts.filter(({ code }) => code === 'ok')).toHaveLength(300);
    const balances = await one.read((tx, now) => tx.credits.balances([key.accountRef], dayOf(now)));
    expect(balances.get(key.accountRef)).toMatchObject({ granted: 30_050, spent: 30_000 });
  });

  test('lock accounts in one order, whatever order their requests come in', async () => {
    const keys = await customers(12);
    const requests = keys.map((key) => requestBy(key));
    for (let round = 0; round < 5; round += 1) {
      // Who comes to a row in the middle that somebody has holds those before it, and nobody else may have one of those after it.
      await somebody.query('BEGIN');
      await somebody.query('SELECT 1 FROM running_days WHERE account_ref = $1 FOR UPDATE', [keys[6]?.accountRef]);
      const settling = [one.settle(requests), other.settle([...requests].reverse())];
      await waiting(2);
      await somebody.query('COMMIT');
      await Promise.all(settling);
    }
    // A server has told of its deadlocks when its sessions have ended.
    for (const store of [one, other]) await store.close();
    await eventually(async () => {
      const { rows } = await somebody.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'keyctl'",
      );
      expect(rows).toEqual([]);
    });
    const { rows } = await somebody.query('SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()');
    expect(rows).toEqual([{ deadlocks: 0 }]);
    [one, other] = [await open('write'), await open('write')];
  });

  test('charge a request id once', async () => {
    const key = await customer();
    for (let order = 0; order < 10; order += 1) {
      const request = requestBy(key, { requestId: `order-${String(order)}` });
      const verdicts = await Promise.all([settleOne(one, request), settleOne(other, request), settleOne(one, request)]);
      expect(verdicts.map(({ replayed }) => replayed).sort()).toEqual([false, true, true]);
    }
  });
});

describe('a node that waited', () => {
  test('for an operator sees what the operator has done', async () => {
    const key = await customer();
    expect(await settleOne(other, requestBy(key))).toMatchObject({ code: 'ok' });
    let verdict: ReturnType<typeof settleOne> | undefined;
    await one.write(async (tx, now) => {
      verdict = settleOne(other, requestBy(key));
      await waiting();
      await tx.keys.update(key.ref, { disabledAt: now });
    });
    expect(await verdict).toMatchObject({ code: 'api_key_disabled' });
  });

  test('for the row of an account decides at the time at which it had it', async () => {
    const key = await customer();
    await somebody.query('BEGIN');
    await somebody.query('SELECT 1 FROM running_days WHERE account_ref = $1 FOR UPDATE', [key.accountRef]);
    const settling = settleOne(one, requestBy(key));
    await waiting();
    const { rows } = await somebody.query<{ now: string }>('SELECT clock_ms() + 1 AS now, pg_sleep(0.005)');
    await somebody.query('COMMIT');
    expect(await settling).toMatchObject({ code: 'ok' });
    const [debit] = await one.read((tx) => tx.debits.page({}, null, 1));
    expect(debit?.at).toBeGreaterThanOrEqual(Number(rows[0]?.now));
  });
});

test('a debit that another node commits late is counted, although later ones were there before it', async () => {
  const [late, early] = await customers(2);
  if (late === undefined || early === undefined) throw new RangeError('no customers');
  await settleOne(one, requestBy(late));
  // What a node does that is slow: it has its number, and has not committed.
  await somebody.query('BEGIN');
  await somebody.query(`SELECT pg_advisory_xact_lock_shared(${BOOKS_LOCK})`);
  await somebody.query(`INSERT INTO debits SELECT first, now, $1, $2, 1, 100, 0, NULL, NULL, NULL FROM take_debit_numbers(1, NULL)`, [
    late.accountRef,
    late.ref,
  ]);
  await somebody.query('UPDATE running_days SET spent = spent + 100 WHERE account_ref = $1', [late.accountRef]);
  await settleOne(one, requestBy(early));
  const folding = other.writeBeside((tx) => tx.usage.fold(100));
  await Promise.race([folding, waiting()]);
  await somebody.query('COMMIT');
  await folding;
  await one.writeBeside((tx) => tx.usage.fold(100));
  const sums = await one.read((tx, now) => tx.usage.sums({ from: now - MS_PER_DAY, to: now + MS_PER_DAY, table: 'hour', by: 'account' }));
  expect(sums.map(({ requests }) => requests)).toEqual([2, 1]);
});

describe('a commit counts as done only where the server says so', () => {
  test('and not where it took the transaction back, because a statement in it had failed', async () => {
    const act = one.write(async (tx) => {
      await tx.catalogue.insertEnvironment({ name: 'staging', code: 'stag' });
      await tx.catalogue.insertEnvironment({ name: 'staging', code: 'again' }).catch(() => undefined);
    });
    await expect(act).rejects.toMatchObject({ code: 'store_busy', message: expect.stringContaining('unknown') });
    expect((await one.read((tx) => tx.catalogue.environments())).map(({ name }) => name)).not.toContain('staging');
  });

  test('and not where it warns, as it does when nobody waits for the standby any more; the same request id is charged once', async () => {
    const key = await customer();
    await runSql(
      url,
      'SET search_path = keyctl',
      `CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'canceling wait'; RETURN NULL; END $$`,
      'CREATE CONSTRAINT TRIGGER warns AFTER UPDATE ON running_days DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()',
    );
    const request = requestBy(key, { requestId: 'order-1' });
    await expect(settleOne(one, request)).rejects.toMatchObject({ code: 'store_busy', message: expect.stringContaining('unknown') });
    await runSql(url, 'DROP TRIGGER warns ON keyctl.running_days');
    expect(await settleOne(one, request)).toMatchObject({ code: 'ok', replayed: true });
  });
});
