import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { parseDebitId } from '../../../src/domain/debit.ts';
import type { Account } from '../../../src/domain/entities.ts';
import type { Store } from '../../../src/domain/store.ts';
import { dayOf, MS_PER_DAY } from '../../../src/domain/utc-day.ts';
import { balanceOn } from '../../../src/operations/balance-on.ts';
import { giveCredit } from '../../../src/operations/give-credit.ts';
import { proveBooks } from '../../../src/operations/prove-books.ts';
import { refundDebit } from '../../../src/operations/refund-debit.ts';
import { reset } from '../../../src/operations/reset.ts';
import { setTier } from '../../../src/operations/set-tier.ts';
import { openStore } from '../../../src/stores/open-store.ts';
import { ACTOR, temporaryStore } from '../../harness.ts';
import { addAccount, requestBy, settleOne } from '../contract.ts';
import { ModelAccount } from './journal-model.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const STEPS = 400;
const SEEDS = [1, 2, 3, 4];

let opened: Awaited<ReturnType<typeof temporaryStore>>;
let stores: readonly [Store, Store, Store];

/** Three connections to one file, the last of which only reads. */
beforeEach(async () => {
  opened = await temporaryStore(new Date(NOON).toISOString());
  const options = { location: opened.path, clock: () => opened.clock.now, randomBytes, busyTimeoutMs: 2_000 };
  const other = await openStore({ ...options, mode: 'write' });
  const reader = await openStore({ ...options, mode: 'read' });
  stores = [opened.store, other.store, reader.store];
});

afterEach(async () => {
  await stores[1].close();
  await stores[2].close();
  await opened.cleanUp();
});

/** The same numbers for the same seed, whole and below `most`. */
function numbers(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

const charge = (account: Account, cost: number, fromShell = true) => ({
  ...requestBy({ apiKey: '' }, { cost, fromShell }),
  subject: { kind: 'account', ref: account.ref } as const,
});

interface Trial {
  readonly random: (most: number) => number;
  readonly accounts: readonly Account[];
  readonly model: Map<number, ModelAccount>;
  readonly debits: { number: number; at: number; ref: number; cost: number }[];
}

function modelOf({ model }: Trial, ref: number): ModelAccount {
  const account = model.get(ref);
  if (account === undefined) throw new RangeError('no such account');
  return account;
}

function any<Item>(trial: Trial, items: readonly Item[]): Item {
  const item = items[trial.random(items.length)];
  if (item === undefined) throw new RangeError('nothing to choose from');
  return item;
}

async function settleBatch(trial: Trial, store: Store): Promise<void> {
  const now = opened.clock.now;
  const wanted = Array.from({ length: 1 + trial.random(12) }, () => ({
    account: any(trial, trial.accounts),
    cost: any(trial, [100, 100, 1, 0, 7_000]),
    fromShell: trial.random(2) === 0,
  }));
  const verdicts = await store.settle(wanted.map(({ account, cost, fromShell }) => charge(account, cost, fromShell)));
  const codes = wanted.map(({ account, cost, fromShell }) => modelOf(trial, account.ref).take(cost, fromShell, now));
  expect(verdicts.map(({ code }) => code)).toEqual(codes);
  for (const [place, { debitId }] of verdicts.entries()) {
    const { account, cost } = wanted[place] ?? any(trial, wanted);
    if (debitId !== null) trial.debits.push({ number: parseDebitId(debitId) ?? 0, at: now, ref: account.ref, cost });
  }
}

async function refundAny(trial: Trial, store: Store): Promise<void> {
  const [debit] = trial.debits.splice(trial.random(trial.debits.length), 1);
  if (debit === undefined) return;
  await refundDebit(store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'r' });
  modelOf(trial, debit.ref).refund(dayOf(debit.at), debit.cost);
}

async function creditAny(trial: Trial, store: Store): Promise<void> {
  const account = any(trial, trial.accounts);
  const amount = any(trial, [500, 20_000, -50]);
  const given = await giveCredit(store, { account: account.name, amount, day: undefined, reason: 'r' }, ACTOR, randomBytes).catch(
    () => null,
  );
  if (given !== null) modelOf(trial, account.ref).adjust(dayOf(opened.clock.now), amount);
}

async function tierOfAny(trial: Trial, store: Store): Promise<void> {
  const account = any(trial, trial.accounts);
  const tier = any(trial, ['free', 'standard']);
  const { change } = await setTier(store, { account: account.name, tier, timing: 'now' }, ACTOR);
  if (change.kind !== 'none') modelOf(trial, account.ref).setTier(change.kind === 'set' ? tier : null, dayOf(opened.clock.now));
}

async function step(trial: Trial): Promise<void> {
  const store = stores[trial.random(2) === 0 ? 0 : 1];
  switch (trial.random(16)) {
    case 0:
      return refundAny(trial, store);
    case 1:
      return creditAny(trial, store);
    case 2:
      return tierOfAny(trial, store);
    case 3:
      await store.write((tx) => tx.usage.fold(1 + trial.random(9)));
      return;
    case 4:
    case 5:
      await store.write((tx) => tx.usage.foldOn(1 + trial.random(3)));
      return;
    case 6:
      // What a failed act has read and written is forgotten with it.
      await expect(store.write((tx) => tx.usage.foldOn(2).then(() => Promise.reject(new Error('no'))))).rejects.toThrow('no');
      return;
    case 7:
      opened.clock.now += any(trial, [1, 90, 400, 3_600_000, MS_PER_DAY, -5_000, -MS_PER_DAY]);
      return;
    default:
      opened.clock.now += trial.random(120);
      return settleBatch(trial, store);
  }
}

async function check(trial: Trial, store: Store): Promise<void> {
  const day = dayOf(opened.clock.now);
  const found = await store.read(async (tx) => {
    const balances = [];
    for (const account of trial.accounts) balances.push(await balanceOn(tx, (await tx.accounts.byRef(account.ref)) ?? account, day));
    return { balances, spent: (await tx.credits.sumsOf(day)).spent };
  });
  const expected = trial.accounts.map(({ ref }) => modelOf(trial, ref).balance(day));
  expect(found).toEqual({ balances: expected, spent: expected.reduce((sum, { spent }) => sum + spent, 0) });
}

async function checkUsage(trial: Trial, store: Store): Promise<void> {
  const days = [...trial.model.values()].flatMap(({ books }) => [...books.values()]);
  const bounds = { from: 0, to: opened.clock.now + 30 * MS_PER_DAY };
  for (const table of ['hour', 'day'] as const) {
    const sums = await store.read((tx) => tx.usage.sums({ ...bounds, table, by: 'day' }));
    const byDay = new Map(sums.filter(({ credits }) => credits > 0).map(({ bucket, credits }) => [bucket, credits]));
    const expected = new Map<number, number>();
    for (const { day, spent } of days) if (spent > 0) expected.set(day, (expected.get(day) ?? 0) + spent);
    expect([...byDay]).toEqual([...expected].sort(([one], [other]) => one - other));
  }
}

/** What `doctor` proves, with the debits that are still to be folded wherever they are. */
async function checkProof(store: Store): Promise<void> {
  const { findings } = await proveBooks(store);
  expect(findings.filter(({ severity }) => severity !== 'ok')).toEqual([]);
}

describe('balances that are still in the journal', () => {
  test.each(SEEDS)('are the same to every connection, whatever happens between two batches (seed %d)', async (seed) => {
    const trial: Trial = { random: numbers(seed), accounts: [], model: new Map(), debits: [] };
    const accounts = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) accounts.push(await addAccount(stores[0], name));
    for (const { ref } of accounts) trial.model.set(ref, new ModelAccount());
    Object.assign(trial, { accounts });
    for (let turn = 0; turn < STEPS; turn += 1) {
      await step(trial);
      await check(trial, any(trial, stores));
      if (turn % 50 === 0) await checkUsage(trial, any(trial, stores));
      if (turn % 50 === 0) await checkProof(any(trial, stores));
    }
    for (const store of stores) await checkUsage(trial, store);
    opened.clock.now = Math.max(...trial.debits.map(({ at }) => at), NOON) + MS_PER_DAY;
    // Every account's spending is what its usage says, or this throws.
    expect((await reset(stores[1], ACTOR, false)).daysClosed).toBeGreaterThan(0);
    for (const store of stores) {
      await check(trial, store);
      await checkUsage(trial, store);
      await checkProof(store);
    }
  });

  test('a key that is disabled, an account that is suspended, by one connection: the next batch of the other knows', async () => {
    const account = await addAccount(stores[0], 'acme');
    expect((await settleOne(stores[0], charge(account, 1))).code).toBe('ok');
    await stores[1].write((tx, now) => tx.accounts.update(account.ref, { suspendedAt: now }));
    expect((await settleOne(stores[0], charge(account, 1))).code).toBe('account_suspended');
  });

  test('the whole allowance and no more is spent by two connections in turn, one request at a time', async () => {
    const account = await addAccount(stores[0], 'acme');
    const codes = [];
    for (let turn = 0; turn < 24; turn += 1)
      codes.push((await settleOne(turn % 3 === 0 ? stores[0] : stores[1], charge(account, 5_000))).code);
    expect(codes.filter((code) => code === 'ok')).toHaveLength(20);
    expect(codes.slice(20)).toEqual(Array.from({ length: 4 }, () => 'insufficient_credits'));
  });
});
