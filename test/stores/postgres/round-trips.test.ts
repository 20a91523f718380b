import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { describeKeys } from '../../../src/operations/describe-keys.ts';
import { reportUsage } from '../../../src/operations/report-usage.ts';
import type { TemporaryStore } from '../../harness.ts';
import { sentBy } from '../../postgres/sent.ts';
import { storeInPostgres } from '../../postgres/store.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

// A database is a network away: what is shown of many must not ask it once for each.

const PERIOD = { since: undefined, until: undefined, month: undefined, account: undefined, key: undefined, service: undefined };
const MORE = 12;

let opened: TemporaryStore;

beforeAll(async () => {
  opened = await storeInPostgres({ now: Date.parse('2026-11-22T12:00:00.000Z') });
  await addBusy(0, 2);
});

afterAll(() => opened.cleanUp());

async function addBusy(from: number, to: number): Promise<void> {
  for (let index = from; index < to; index += 1) {
    const account = await addAccount(opened.store, `account-${String(index)}`);
    const key = await addKey(opened.store, account, { name: 'prod' });
    await settleOne(opened.store, requestBy(key));
  }
}

/** How often the database is asked while an act runs. */
async function asked(act: () => Promise<unknown>): Promise<number> {
  return (await sentBy(act)).length;
}

const shown = {
  'usage --by key': async () => (await reportUsage(opened.store, { ...PERIOD, by: 'key' })).rows.length,
  'usage --by account': async () => (await reportUsage(opened.store, { ...PERIOD, by: 'account' })).rows.length,
  list: () =>
    opened.store.read(async (tx, now) => (await describeKeys(tx, await tx.keys.page({ now }, { after: 0, limit: 500 }), now)).length),
};

describe('over PostgreSQL', () => {
  test.each(Object.entries(shown))('%s asks as often for many as for few', async (_, rows) => {
    const before = await rows();
    const ofFew = await asked(rows);
    await addBusy(before, before + MORE);
    expect(await rows()).toBe(before + MORE);
    expect(await asked(rows)).toBe(ofFew);
  });

  test('a batch goes there and back twice, and once more for all of its keys that are not known yet', async () => {
    const account = await addAccount(opened.store, 'settled');
    const [known, ...unknown] = [
      await addKey(opened.store, account, { name: 'known' }),
      await addKey(opened.store, account, { name: 'new' }),
      await addKey(opened.store, account, { name: 'newer' }),
    ];
    await settleOne(opened.store, requestBy(known));
    const sent = jest.spyOn(pg.Client.prototype, 'query');
    try {
      const batch = unknown.map((key) => requestBy(key));
      await opened.store.settle(batch);
      expect(sent).toHaveBeenCalledTimes(3);
      sent.mockClear();
      await opened.store.settle(batch);
      expect(sent).toHaveBeenCalledTimes(2);
    } finally {
      sent.mockRestore();
    }
  });
});
