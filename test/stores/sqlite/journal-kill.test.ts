import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Store } from '../../../src/domain/store.ts';
import { dayOf, MS_PER_DAY } from '../../../src/domain/utc-day.ts';
import { openStore } from '../../../src/stores/open-store.ts';
import { openSqliteStore } from '../../../src/stores/sqlite/store.ts';
import { BINARY, temporaryStore } from '../../harness.ts';
import { eventually } from '../../system/running.ts';
import { addAccount, requestBy, settleOne } from '../contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const MANY = 1_000_000;

let opened: Awaited<ReturnType<typeof temporaryStore>>;

beforeEach(async () => {
  opened = await temporaryStore(new Date(NOON).toISOString());
});

afterEach(() => opened.cleanUp());

/** Charges in another process until this one sees so many debits, and kills it at whatever it is doing. */
async function killedAfter(debits: number): Promise<void> {
  const args = [BINARY, '--db', opened.path, 'charge', '--account', 'acme', '--requests', '1000000'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const closed = once(child, 'close');
  await eventually(async () => {
    expect(await opened.store.read((tx) => tx.debits.count({}, MANY))).toBeGreaterThanOrEqual(debits);
  });
  child.kill('SIGKILL');
  await closed;
}

/** Spent by the balance, requests by the usage, and debits: one number if the books are exact. */
function counted(store: Store, ref: number): Promise<readonly (number | undefined)[]> {
  return store.read(async (tx, now) => [
    (await tx.credits.balances([ref], dayOf(now))).get(ref)?.spent,
    (await tx.usage.sums({ from: 0, to: now + MS_PER_DAY, table: 'day', by: 'code' }))[0]?.requests,
    await tx.debits.count({}, MANY),
  ]);
}

test('kill -9 between a settle and its folding leaves the exact books to whoever comes next', async () => {
  await opened.store.write(async (tx) => {
    await tx.tiers.insert('endless', 1e12, 0);
    await tx.catalogue.updateService(1, { cost: 1 });
  });
  opened.clock.now = Date.now();
  const account = await addAccount(opened.store, 'acme', 'endless');
  let debits = 0;
  for (let round = 0; round < 3; round += 1) {
    await killedAfter(debits + 1_000);
    const reader = await openStore({ location: opened.path, mode: 'read', clock: Date.now, randomBytes, busyTimeoutMs: 2_000 });
    for (const store of [reader.store, opened.store]) {
      const [spent, requests, found = 0] = await counted(store, account.ref);
      expect([spent, requests]).toEqual([found, found]);
      debits = found;
    }
    await reader.store.close();
    const verdict = await settleOne(opened.store, { ...requestBy({ apiKey: '' }), subject: { kind: 'account', ref: account.ref } });
    debits += 1;
    expect(verdict.credits?.remaining).toBe(1e12 - debits);
  }
  // What was folded by now and what was not: all of it adds up once everything is.
  while ((await opened.store.write((tx) => tx.usage.fold(5_000))) > 0);
  expect(await counted(opened.store, account.ref)).toEqual([debits, debits, debits]);
});

test('a batch that did not fit on the disk is forgotten, with the rows that it left in memory', async () => {
  const account = await addAccount(opened.store, 'acme');
  const charge = (cost: number) => ({ ...requestBy({ apiKey: '' }, { cost }), subject: { kind: 'account', ref: account.ref } as const });
  await opened.store.settle([charge(100)]);
  const options = { path: opened.path, mode: 'write', clock: () => NOON, randomBytes, busyTimeoutMs: 2_000 } as const;
  const { store } = openSqliteStore({ ...options, mostPages: 1 });
  let [spent, failures] = [100, 0];
  for (let turn = 0; failures < 3; turn += 1) {
    try {
      await store.settle(Array.from({ length: 20 }, () => charge(1)));
      spent += 20;
    } catch {
      failures += 1;
    }
    expect(turn).toBeLessThan(1_000);
    const balances = await store.read((tx) => tx.credits.balances([account.ref], dayOf(NOON)));
    expect(balances.get(account.ref)?.spent).toBe(spent);
  }
  const [verdict] = await opened.store.settle([charge(1)]);
  expect(verdict?.credits?.remaining).toBe(100_000 - spent - 1);
  await store.close();
});
