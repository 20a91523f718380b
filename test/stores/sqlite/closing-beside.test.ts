import { expect, jest, test } from '@jest/globals';
import { dayOf } from '../../../src/domain/utc-day.ts';
import { Sql } from '../../../src/stores/sqlite/sql.ts';
import { temporaryStore } from '../../harness.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const ACCOUNTS = 40;

test('a step that counts some accounts lays the debits of those over their rows, however many others have spent', async () => {
  const { store, cleanUp } = await temporaryStore(NOON);
  try {
    for (let index = 0; index < ACCOUNTS; index += 1)
      await settleOne(store, requestBy(await addKey(store, await addAccount(store, `a${String(index)}`))));
    const run = jest.spyOn(Sql.prototype, 'run');
    try {
      const laidOver = (): number => run.mock.calls.filter(([text]) => text.startsWith('INSERT INTO temp.')).length;
      const day = dayOf(Date.parse(NOON));
      const last = await store.read((tx) => tx.accounts.lastRef());
      await store.write((tx) => tx.credits.countBooks(day, { after: 0, through: last - 30 }));
      expect(laidOver()).toBe(ACCOUNTS - 30);
      run.mockClear();
      expect(await store.read((tx) => tx.credits.booksIn(day, { after: last - 30, through: last - 25 }))).toHaveLength(5);
      expect(laidOver()).toBe(5);
    } finally {
      run.mockRestore();
    }
  } finally {
    await cleanUp();
  }
});
