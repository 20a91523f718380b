import { describe, expect, test } from '@jest/globals';
import { DenialTally } from '../../src/domain/denial-tally.ts';
import type { Store } from '../../src/domain/store.ts';
import { anonymousVerdict } from '../../src/domain/verdict.ts';
import { flushUsage } from '../../src/operations/flush-usage.ts';
import { servedActs } from '../../src/operations/served-acts.ts';
import { temporaryStore } from '../harness.ts';
import { NOON, replaced } from './served.ts';

async function withStore(act: (store: Store, now: number) => Promise<void>): Promise<void> {
  const { store, clock, cleanUp } = await temporaryStore(NOON);
  try {
    await act(store, clock.now);
  } finally {
    await cleanUp();
  }
}

/** A tally with so many rows to store: one a service code and minute would be alike, so that each is of another minute. */
function tallyOf(rows: number, now: number): DenialTally {
  const tally = new DenialTally();
  for (let row = 0; row < rows; row += 1) tally.add(anonymousVerdict('missing_api_key', null), '203.0.113.9', now - row * 60_000);
  return tally;
}

async function storedDenials(store: Store): Promise<number> {
  const denials = await store.read((tx) => tx.usage.denials({}, 100_000));
  return denials.reduce((sum, { count }) => sum + count, 0);
}

describe('flushing usage', () => {
  test('stores denials in chunks and empties the tally', async () => {
    await withStore(async (store, now) => {
      const sizes: number[] = [];
      const watched = replaced(store, {
        write: (act) =>
          store.write((tx, at) => {
            const addDenials: typeof tx.usage.addDenials = async (denials) => {
              sizes.push(denials.length);
              await tx.usage.addDenials(denials);
            };
            const usage = { ...tx.usage, addDenials, foldOn: (rows: number) => tx.usage.foldOn(rows) };
            return act({ ...tx, usage: usage }, at);
          }),
      });
      const tally = tallyOf(2_500, now);
      expect(await flushUsage(servedActs(watched), tally, 5)).toBe(false);
      expect(sizes).toEqual([1_000, 1_000, 500]);
      expect(await storedDenials(store)).toBe(2_500);
      expect(tally.take()).toEqual([]);
    });
  });

  test('puts back what the store did not take, and nothing that it took', async () => {
    await withStore(async (store, now) => {
      let writes = 0;
      const failing = replaced(store, {
        write: (act) => {
          writes += 1;
          return writes === 2 ? Promise.reject(new Error('disk')) : store.write(act);
        },
      });
      const tally = tallyOf(2_500, now);
      await expect(flushUsage(servedActs(failing), tally, 5)).rejects.toThrow('disk');
      expect(await storedDenials(store)).toBe(1_000);
      await flushUsage(servedActs(store), tally, 5);
      expect(await storedDenials(store)).toBe(2_500);
    });
  });

  test('folds in as many transactions as it may, and says whether some are left', async () => {
    await withStore(async (store) => {
      const names = Array.from({ length: 1_001 }, (_, index) => `busy-${String(index)}`);
      const accounts = await store.write(async (tx, now) => {
        const refs: number[] = [];
        for (const name of names) {
          const account = { id: `acct_${name}`, name, externalId: null, createdAt: now, suspendedAt: null };
          refs.push((await tx.accounts.insert(account, 'free')).ref);
        }
        return refs;
      });
      const request = {
        service: 'default',
        environment: null,
        cost: 1,
        ip: null,
        requestId: null,
        requestIdRule: 'json',
        dryRun: false,
        fromShell: true,
      } as const;
      await store.settle(
        accounts.flatMap((ref) => Array.from({ length: 3 }, () => ({ ...request, subject: { kind: 'account', ref } as const }))),
      );
      expect(await flushUsage(servedActs(store), new DenialTally(), 1)).toBe(true);
      expect(await flushUsage(servedActs(store), new DenialTally(), 2)).toBe(false);
      expect(await store.write((tx) => tx.usage.fold(10))).toBe(0);
      expect(await flushUsage(servedActs(store), new DenialTally(), 2)).toBe(false);
    });
  });
});
