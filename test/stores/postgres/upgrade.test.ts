import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MIGRATIONS, SCHEMA_VERSION, type Migration } from '../../../src/stores/postgres/schema.ts';
import { upgradePostgresStore, type PostgresUpgradeOptions } from '../../../src/stores/postgres/upgrade.ts';
import type { Store } from '../../../src/domain/store.ts';
import { ACTOR, keyctl, type TemporaryStore } from '../../harness.ts';
import { failureOf } from '../../operations/account-fixture.ts';
import { runSql, temporaryDatabase } from '../../postgres/database.ts';
import { openAt, storeInPostgres } from '../../postgres/store.ts';
import { addKey, requestBy, settleOne } from '../contract.ts';

const NEXT = SCHEMA_VERSION + 1;
const KNOWN = MIGRATIONS.map(({ version }) => version);

/** A migration of a release that does not exist yet. */
function migration(sql: string, changed: Partial<Migration> = {}): Migration {
  return { version: NEXT, usableSince: SCHEMA_VERSION, sql, ...changed };
}

const HARMLESS = migration('CREATE TABLE extra (one bigint PRIMARY KEY);');

let opened: TemporaryStore;

beforeEach(async () => {
  opened = await storeInPostgres({ now: Date.parse('2026-11-22T12:00:00.000Z') });
});

afterEach(() => opened.cleanUp());

function upgrade(migrations: readonly Migration[], changed: Partial<PostgresUpgradeOptions> = {}) {
  const { path: url, clock } = opened;
  const options = { url, env: {}, clock: () => clock.now, busyTimeoutMs: 2_000, actor: ACTOR, dryRun: false, backedUp: true, ...changed };
  return upgradePostgresStore({ ...options, migrations: [...MIGRATIONS, ...migrations] });
}

async function column(statement: string): Promise<readonly unknown[]> {
  return (await runSql(opened.path, statement)).map((row) => Object.values(row)[0]);
}

const versions = (): Promise<readonly unknown[]> => column('SELECT version FROM keyctl.schema_versions ORDER BY 1');
const extraTables = (): Promise<readonly unknown[]> =>
  column("SELECT tablename FROM pg_tables WHERE schemaname = 'keyctl' AND tablename IN ('extra', 'fine') ORDER BY 1");

async function withKey(store: Store) {
  const account = await store.read((tx) => tx.accounts.byName('default'));
  if (account === null) throw new RangeError('a store without its account');
  return addKey(store, account);
}

describe('upgrading a store in PostgreSQL', () => {
  test('one that is new enough is left alone, with a backup or without', async () => {
    const report = {
      location: opened.store.location,
      from: SCHEMA_VERSION,
      to: SCHEMA_VERSION,
      migrations: [],
      backup: null,
      dryRun: false,
    };
    expect(await upgrade([])).toEqual(report);
    expect(await upgrade([], { backedUp: false })).toEqual(report);
  });

  test('asks for --backed-up, then goes through the migrations in their order, in one transaction, and says who did it', async () => {
    const second = migration('INSERT INTO extra VALUES (1);', { version: NEXT + 1 });
    await expect(upgrade([HARMLESS, second], { backedUp: false })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('--backed-up'),
      hint: expect.stringContaining('pg_dump'),
    });
    expect(await versions()).toEqual(KNOWN);
    expect(await upgrade([HARMLESS, second])).toMatchObject({
      from: SCHEMA_VERSION,
      to: NEXT + 1,
      migrations: [NEXT, NEXT + 1],
      backup: null,
    });
    expect(await versions()).toEqual([...KNOWN, NEXT, NEXT + 1]);
    expect(await column('SELECT one::integer FROM keyctl.extra')).toEqual([1]);
    const entries = await opened.store.read((tx) => tx.audit.since({ action: 'store.upgrade' }, 0, 10));
    expect(entries).toEqual([expect.objectContaining({ actor: ACTOR, before: { schema: SCHEMA_VERSION }, after: { schema: NEXT + 1 } })]);
  });

  test('a dry run changes nothing, needs no backup, and says what would be done', async () => {
    const report = await upgrade([HARMLESS], { dryRun: true, backedUp: false });
    expect(report).toMatchObject({ from: SCHEMA_VERSION, to: NEXT, migrations: [NEXT], dryRun: true });
    expect(await versions()).toEqual(KNOWN);
  });

  test('a migration that fails leaves the store as it was', async () => {
    const failing = migration('CREATE TABLE extra (one bigint); CREATE GIBBERISH;', { version: NEXT + 1 });
    await expect(upgrade([migration('CREATE TABLE fine (one bigint);'), failing])).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('was undone'),
    });
    expect([await versions(), await extraTables()]).toEqual([KNOWN, []]);
    expect(await upgrade([HARMLESS])).toMatchObject({ to: NEXT });
  });

  test('two at once migrate once', async () => {
    const reports = await Promise.all([upgrade([HARMLESS]), upgrade([HARMLESS])]);
    expect(reports.map(({ migrations }) => migrations.length).sort()).toEqual([0, 1]);
    expect(reports.map(({ to }) => to)).toEqual([NEXT, NEXT]);
    expect(await versions()).toEqual([...KNOWN, NEXT]);
  });

  test('nodes wait for it, and go on with what it left', async () => {
    const request = requestBy(await withKey(opened.store));
    expect(await settleOne(opened.store, request)).toMatchObject({ code: 'ok' });
    const other = await opened.reopen('write');
    const [, verdict] = await Promise.all([
      upgrade([migration('SELECT pg_sleep(0.3); CREATE TABLE extra (one bigint);')]),
      settleOne(other, request),
    ]);
    expect(verdict).toMatchObject({ code: 'ok' });
    expect(await settleOne(opened.store, request)).toMatchObject({ code: 'ok' });
    expect(await upgrade([])).toMatchObject({ from: NEXT, to: NEXT, migrations: [] });
    await other.close();
  });

  test('a node that may not use what was made of it stops with the next batch, and so does whoever comes anew', async () => {
    const request = requestBy(await withKey(opened.store));
    expect(await settleOne(opened.store, request)).toMatchObject({ code: 'ok' });
    await upgrade([migration('CREATE TABLE extra (one bigint);', { usableSince: NEXT })]);
    const { path, clock, store } = opened;
    for (const act of [store.settle([request]), store.preview([request]), store.read((tx) => tx.config.all())])
      expect(await failureOf(act)).toBe('store_newer');
    for (const mode of ['read', 'write', 'create'] as const) expect(await failureOf(openAt(path, mode, clock))).toBe('store_newer');
    expect(await failureOf(upgrade([]))).toBe('store_newer');
    expect(await column('SELECT count(*)::integer FROM keyctl.debits')).toEqual([1]);
  });

  test('a store older than the program is refused, in every way, with the command that helps', async () => {
    await runSql(opened.path, `DELETE FROM keyctl.schema_versions WHERE version > ${String(KNOWN[0])}`);
    for (const mode of ['read', 'write', 'create'] as const) {
      await expect(openAt(opened.path, mode, opened.clock)).rejects.toMatchObject({
        code: 'store_older',
        hint: expect.stringContaining('keyctl upgrade --backed-up'),
      });
    }
  });

  test('an empty database is not made into a store', async () => {
    const { url, cleanUp } = await temporaryDatabase();
    expect(await failureOf(upgrade([HARMLESS], { url }))).toBe('store_missing');
    expect(await runSql(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'keyctl'")).toEqual([]);
    await cleanUp();
  });
});

test('the schema that every release had first becomes that of this one, by the command', async () => {
  const { url, cleanUp } = await temporaryDatabase();
  const [first, ...later] = MIGRATIONS;
  // What the later migrations made is taken away again: what is left is the store of a release that had the first alone.
  const store = await openAt(url, 'create', opened.clock);
  await store.close();
  const made = later.flatMap(({ sql }) => [...sql.matchAll(/CREATE (TABLE|INDEX) (\w+)/g)]);
  await runSql(
    url,
    'SET search_path = keyctl',
    ...made.reverse().map(([, kind = '', name = '']) => `DROP ${kind} ${name}`),
    `DELETE FROM schema_versions WHERE version > ${String(first?.version)}`,
  );
  const run = (...args: string[]) => keyctl([...args, '--json'], { db: url });
  expect(await run('list')).toMatchObject({ code: 1, stderr: expect.stringContaining('keyctl upgrade --backed-up') });
  expect(await run('upgrade')).toMatchObject({ code: 2, stderr: expect.stringContaining('--backed-up') });
  const { code, stdout } = await run('upgrade', '--backed-up');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    ...{ store: store.location, from: first?.version, to: SCHEMA_VERSION, backup: null, dryRun: false },
    migrations: later.map(({ version }) => version),
  });
  const diagnosis = JSON.parse((await run('doctor')).stdout) as { findings: { id: string; severity: string }[] };
  expect(diagnosis.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  await cleanUp();
});
