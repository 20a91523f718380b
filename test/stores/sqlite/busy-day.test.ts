import { describe, expect, jest, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { dayOf, startOfDay } from '../../../src/domain/utc-day.ts';
import type { UsageQuery } from '../../../src/domain/store.ts';
import { temporaryStore } from '../../harness.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const DAY = dayOf(Date.parse(NOON));
const ACCOUNTS = 400;
const KEYS_EACH = 10;

/** A day on which every key of every account came in every hour. */
function busyDay(path: string): void {
  const db = new Database(path);
  const numbers = (count: number): string =>
    `(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${String(count)}) SELECT n FROM n)`;
  db.exec(`INSERT INTO usage_hours SELECT ${String(DAY * 24)} + h.n - 1, a.n, a.n * ${String(KEYS_EACH)} + k.n, 1, 2, 200, 0, 0
    FROM ${numbers(12)} h, ${numbers(ACCOUNTS)} a, ${numbers(KEYS_EACH)} k`);
  db.close();
}

describe('usage of a day on which everybody came', () => {
  test.each([
    ['hour', 12],
    ['day', 1],
    ['code', 1],
    ['account', ACCOUNTS],
    ['key', ACCOUNTS * KEYS_EACH],
    ['service', 1],
  ] as const)('by %s comes to the same sums', async (by, buckets) => {
    const { store, path, cleanUp } = await temporaryStore(NOON);
    try {
      busyDay(path);
      for (const table of by === 'hour' ? (['hour'] as const) : (['hour', 'day'] as const)) {
        const query: UsageQuery = { from: startOfDay(DAY), to: startOfDay(DAY + 1), table, by };
        const sums = await store.read((tx) => tx.usage.sums(query));
        expect(sums).toHaveLength(buckets);
        const requests = (2 * 12 * ACCOUNTS * KEYS_EACH) / buckets;
        for (const sum of sums) expect(sum).toMatchObject({ requests, credits: requests * 100, denied: {} });
      }
    } finally {
      await cleanUp();
    }
  });

  test('by hour is added up as it is read: nothing but one row for each hour is sorted', async () => {
    const { store, path, cleanUp } = await temporaryStore(NOON);
    busyDay(path);
    const prepared = jest.spyOn(Database.prototype, 'prepare');
    const db = new Database(path, { readonly: true });
    /** How many rows are sorted to be added up, and by which steps the table of hours is read. */
    const work = async (by: UsageQuery['by']): Promise<{ sorted: number; steps: readonly string[] }> => {
      prepared.mockClear();
      await store.read((tx) => tx.usage.sums({ from: startOfDay(DAY), to: startOfDay(DAY + 1), table: 'hour', by }));
      const [, parts = ''] =
        prepared.mock.calls.map(([sql]) => /FROM \((SELECT.* UNION ALL .*)\) GROUP BY 1/s.exec(sql)).find(Boolean) ?? [];
      const hours = [DAY * 24, DAY * 24 + 24, DAY * 24, DAY * 24 + 24];
      const { sorted } = db.prepare(`SELECT count(*) AS sorted FROM (${parts})`).get(...hours) as { sorted: number };
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${parts}`).all(...hours) as { detail: string }[];
      const steps = plan.map(({ detail }) => detail);
      return { sorted, steps: steps.slice(steps.indexOf('LEFT-MOST SUBQUERY') + 1, steps.indexOf('UNION ALL')) };
    };
    try {
      const steps = ['SEARCH usage_hours USING PRIMARY KEY (hour>? AND hour<?)'];
      expect(await work('hour')).toEqual({ sorted: 12, steps });
      // Services have to be sorted: the tables do not lie by them.
      expect(await work('service')).toEqual({ sorted: 12 * ACCOUNTS * KEYS_EACH, steps });
    } finally {
      prepared.mockRestore();
      db.close();
      await cleanUp();
    }
  });
});
