import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { MS_PER_DAY, parseDay } from '../../src/domain/utc-day.ts';
import { createAccount } from '../../src/operations/create-account.ts';
import { describeAccounts } from '../../src/operations/describe-accounts.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { renameAccount } from '../../src/operations/rename-account.ts';
import { suspendAccount } from '../../src/operations/suspend-account.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, jsonOf, memoryStore, trail, viewAccount } from './account-fixture.ts';

let store: Store;
let clock: TestClock;

beforeEach(async () => {
  ({ store, clock } = await memoryStore('2026-11-22T12:00:00.000Z'));
});

const suspend = (account: string, suspended = true, reason: string | null = null) =>
  suspendAccount(store, { account, suspended, reason }, ACTOR);

describe('a new account', () => {
  test('starts on free, with the day’s credits and the shape of the contract', async () => {
    const { id } = await addAccount(store, 'acme');
    expect(id).toMatch(/^acct_[a-z0-9]{20}$/);
    const json = await jsonOf(store, 'acme');
    expect(Object.keys(json)).toEqual(['id', 'name', 'externalId', 'tier', 'pendingTier', 'status', 'createdAt', 'credits']);
    expect(json).toEqual({
      ...{ id, name: 'acme', externalId: null, tier: 'free', pendingTier: null, status: 'active', createdAt: '2026-11-22T12:00:00.000Z' },
      credits: { day: '2026-11-22', granted: 100_000, adjusted: 0, spent: 0, remaining: 100_000, resetsAt: '2026-11-23T00:00:00.000Z' },
    });
  });

  test('takes a tier and an external id, and is written down', async () => {
    await createAccount(store, { name: 'acme', tier: 'startup', externalId: 'CUST-17' }, ACTOR, randomBytes);
    expect(await jsonOf(store, 'acme')).toMatchObject({ tier: 'startup', externalId: 'CUST-17', credits: { granted: 1_000_000 } });
    expect(await trail(store)).toEqual([
      {
        ...{ action: 'account.create', targetKind: 'account', targetName: 'acme', before: null },
        after: { name: 'acme', externalId: 'CUST-17', tier: 'startup', pendingTier: null, status: 'active' },
      },
    ]);
  });

  test('is refused where the name or the external id is taken, or the tier is not there; nothing is left behind', async () => {
    await createAccount(store, { name: 'acme', tier: undefined, externalId: 'CUST-17' }, ACTOR, randomBytes);
    expect(await failureOf(addAccount(store, 'acme'))).toBe('already_exists');
    expect(await failureOf(createAccount(store, { name: 'globex', tier: undefined, externalId: 'CUST-17' }, ACTOR, randomBytes))).toBe(
      'already_exists',
    );
    expect(await failureOf(addAccount(store, 'globex', 'platinum'))).toBe('not_found');
    expect(await store.read((tx) => tx.accounts.count({}))).toBe(2);
    expect(await trail(store)).toHaveLength(1);
  });
});

describe('the balance of an account', () => {
  test('is the opened one, the archived one, or the one that the day begins with', async () => {
    await addAccount(store, 'acme');
    await charge(store, 'acme', 3);
    expect((await viewAccount(store, 'acme')).credits).toMatchObject({ granted: 100_000, spent: 300 });
    clock.now += MS_PER_DAY;
    expect((await viewAccount(store, 'acme')).credits).toEqual({ day: parseDay('2026-11-23'), granted: 100_000, adjusted: 0, spent: 0 });
    await charge(store, 'acme', 1);
    clock.now -= MS_PER_DAY;
    expect((await viewAccount(store, 'acme')).credits).toMatchObject({ spent: 300 });
  });

  test('of an idle account counts what was given or taken for the day before it came', async () => {
    await addAccount(store, 'acme');
    const day = parseDay('2026-11-24') ?? 0;
    await giveCredit(store, { account: 'acme', amount: -30_000, day, reason: 'a test' }, ACTOR, randomBytes);
    expect((await viewAccount(store, 'acme')).credits.adjusted).toBe(0);
    clock.now = Date.parse('2026-11-24T00:00:00.000Z');
    expect((await viewAccount(store, 'acme')).credits).toEqual({ day, granted: 100_000, adjusted: -30_000, spent: 0 });
  });

  test('is right for many accounts at once, some idle and some not', async () => {
    for (const name of ['a', 'b', 'c']) await addAccount(store, name, name === 'b' ? 'standard' : 'free');
    await charge(store, 'b', 2);
    const views = await store.read(async (tx, now) => describeAccounts(tx, await tx.accounts.page({}, { after: 0, limit: 10 }), now));
    expect(views.map(({ name, credits }) => [name, credits.granted, credits.spent])).toEqual([
      ['default', 100_000, 0],
      ['a', 100_000, 0],
      ['b', 300_000, 200],
      ['c', 100_000, 0],
    ]);
  });
});

describe('renaming', () => {
  test('keeps the id and the books, and frees the old name', async () => {
    const { id } = await addAccount(store, 'acme');
    await charge(store, 'acme', 1);
    const { before, account } = await renameAccount(store, { account: 'acme', name: 'acme-inc' }, ACTOR);
    expect({ before, ...account }).toMatchObject({ before: 'acme', id, name: 'acme-inc', credits: { spent: 100 } });
    expect(await failureOf(viewAccount(store, 'acme'))).toBe('not_found');
    expect((await viewAccount(store, id)).name).toBe('acme-inc');
    expect((await trail(store)).at(-1)).toMatchObject({ action: 'account.rename', before: { name: 'acme' }, after: { name: 'acme-inc' } });
    await addAccount(store, 'acme');
  });

  test('to a taken name is refused, and to its own changes nothing', async () => {
    await addAccount(store, 'acme');
    expect(await failureOf(renameAccount(store, { account: 'acme', name: 'default' }, ACTOR))).toBe('already_exists');
    await renameAccount(store, { account: 'acme', name: 'acme' }, ACTOR);
    expect(await trail(store)).toHaveLength(1);
  });
});

describe('suspending', () => {
  test('denies from the next request on, until the account goes on', async () => {
    await addAccount(store, 'acme');
    const code = async () => (await charge(store, 'acme', 1))[0]?.code;
    expect(await code()).toBe('ok');
    expect(await suspend('acme', true, 'does not pay')).toMatchObject({ changed: true, account: { status: 'suspended' } });
    expect(await code()).toBe('account_suspended');
    expect(await suspend('acme', false)).toMatchObject({ changed: true, account: { status: 'active' } });
    expect(await code()).toBe('ok');
    expect((await trail(store)).map(({ action, after }) => [action, after?.['reason']])).toEqual([
      ['account.create', undefined],
      ['account.suspend', 'does not pay'],
      ['account.resume', undefined],
    ]);
  });

  test('twice is done once', async () => {
    await suspend('default');
    const since = (await store.read((tx) => tx.accounts.byName('default')))?.suspendedAt;
    clock.now += 1_000;
    expect(await suspend('default')).toMatchObject({ changed: false, account: { status: 'suspended' } });
    expect((await store.read((tx) => tx.accounts.byName('default')))?.suspendedAt).toBe(since);
    await suspend('default', false);
    expect(await suspend('default', false)).toMatchObject({ changed: false });
    expect(await trail(store)).toHaveLength(2);
    expect(await failureOf(suspend('nobody'))).toBe('not_found');
  });
});
