import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { temporaryStaging } from '../../../src/stores/sqlite/temporary-staging.ts';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { diagnose, messagesOf } from '../../operations/doctor-fixture.ts';
import { runSql, temporaryDatabase } from '../../postgres/database.ts';

let url: string;
let name: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => {
  ({ url, name, cleanUp } = await temporaryDatabase());
});
afterEach(() => cleanUp());

const NOW = Date.parse('2026-11-28T10:00:00Z');

function open(mode: 'read' | 'write' | 'create') {
  return openPostgresStore({
    url,
    mode,
    clock: () => NOW,
    randomBytes,
    busyTimeoutMs: 2_000,
    env: {},
    staging: async () => temporaryStaging(),
  });
}

test('an empty database is a missing store, until one is created in it', async () => {
  await expect(open('write')).rejects.toMatchObject({ code: 'store_missing' });
  const { store, created } = await open('create');
  expect(created).toBe(true);
  await store.close();
  const again = await open('create');
  expect(again.created).toBe(false);
  await again.store.close();
});

test('two that create a store at once make one', async () => {
  const opened = await Promise.all([open('create'), open('create')]);
  expect(opened.map(({ created }) => created).sort()).toEqual([false, true]);
  for (const { store } of opened) await store.close();
  expect(await runSql(url, 'SELECT name FROM keyctl.accounts')).toEqual([{ name: 'default' }]);
});

test.each(['off', 'local'])(
  'a database whose commits need not be safe (synchronous_commit = %s) does not have it so for keyctl',
  async (setting) => {
    await (await open('create')).store.close();
    await runSql(url, `ALTER DATABASE ${name} SET synchronous_commit = ${setting}`);
    const diagnosis = await diagnose(url, { now: NOW }, { quick: true });
    expect(messagesOf(diagnosis, 'durability')[0]).toContain('synchronous_commit=on');
  },
);
