import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Key } from '../../../src/domain/entities.ts';
import type { Store } from '../../../src/domain/store.ts';
import type { TemporaryStore } from '../../harness.ts';
import { runReset } from '../../operations/reset-fixture.ts';
import { runSql } from '../../postgres/database.ts';
import { sentBy } from '../../postgres/sent.ts';
import { storeInPostgres } from '../../postgres/store.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

// A new store has the tables of its first three days.
const FIRST_DAY = '2026-11-26T10:00:00.000Z';
const LAST_MOMENT = Date.parse('2026-11-28T23:59:59.999Z');

let opened: TemporaryStore;
let key: Key & { readonly apiKey: string };

beforeEach(async () => {
  opened = await storeInPostgres({ now: Date.parse(FIRST_DAY) });
  key = await addKey(opened.store, await addAccount(opened.store, 'acme'));
  expect(await days()).toEqual(['26', '27', '28']);
});

afterEach(() => opened.cleanUp());

/** The days of November that have a table. */
async function days(): Promise<readonly string[]> {
  const found = await runSql(
    opened.path,
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'debits_2026_11_%' ORDER BY 1",
  );
  return found.map(({ relname }) => String(relname).slice(-2));
}

/** Charges once, and returns what was sent to the server for it. */
async function charge(store: Store = opened.store): Promise<readonly string[]> {
  const sent = await sentBy(async () => {
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
  });
  return sent.map(({ text }) => text);
}

/** Whoever finds no table looks for it, and makes it. */
const NO_TABLE_MADE = expect.not.arrayContaining([expect.stringMatching(/^(SELECT to_regclass|CREATE|ALTER)/)]);

describe('the table of a day is there before its first debit', () => {
  test.each<[what: string, act: () => Promise<unknown>]>([
    ['usage was folded', () => opened.store.writeBeside((tx) => tx.usage.fold(10))],
    ['a reset ran', () => runReset(opened.store)],
    ['an operator changed something', () => opened.store.write((tx) => tx.config.set('keep-debits', '40d'))],
  ])('where %s the day before', async (_, act) => {
    opened.clock.now = LAST_MOMENT;
    await charge();
    await act();
    expect(await days()).toContain('29');
    opened.clock.now += 1;
    const other = await opened.reopen('write');
    for (const node of [other, opened.store]) expect(await charge(node)).toEqual(NO_TABLE_MADE);
    await other.close();
    expect(await runSql(opened.path, 'SELECT count(*)::integer AS n FROM keyctl.debits_2026_11_29')).toEqual([{ n: 2 }]);
  });

  test('and where nobody did anything, it is made with it', async () => {
    opened.clock.now = LAST_MOMENT + 1;
    expect(await charge()).not.toEqual(NO_TABLE_MADE);
    expect(await days()).toContain('29');
  });
});

test('who has the debits to himself is not waited for, nobody who settles waits behind it, and it is made the next time', async () => {
  opened.clock.now = LAST_MOMENT;
  const somebody = new pg.Client({ connectionString: opened.path });
  await somebody.connect();
  try {
    // As VACUUM and ANALYZE have it: others read and write.
    await somebody.query('BEGIN');
    await somebody.query('LOCK TABLE keyctl.debits IN SHARE UPDATE EXCLUSIVE MODE');
    const other = await opened.reopen('write');
    const writing = opened.store.writeBeside((tx) => tx.usage.fold(10));
    await charge(other);
    await writing;
    await other.close();
    expect(await days()).not.toContain('29');
  } finally {
    await somebody.end();
  }
  await opened.store.writeBeside((tx) => tx.usage.fold(10));
  expect(await days()).toContain('29');
});
