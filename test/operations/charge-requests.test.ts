import { describe, expect, test } from '@jest/globals';
import { KeyctlError } from '../../src/domain/error.ts';
import type { Store } from '../../src/domain/store.ts';
import { chargeRequests, type ChargeRequests } from '../../src/operations/charge-requests.ts';
import { createService } from '../../src/operations/create-service.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { suspendAccount } from '../../src/operations/suspend-account.ts';
import { ACTOR } from '../harness.ts';
import { replaced } from '../http/served.ts';
import { addAccount, charge, failureOf, memoryStore, trail } from './account-fixture.ts';
import { makeKey, words } from './key-fixture.ts';

const NOON = '2026-11-22T12:00:00.000Z';

function chargeWith(store: Store, wanted: Partial<ChargeRequests>, progress?: (decided: number) => void) {
  return chargeRequests(store, { account: undefined, key: undefined, service: 'default', requests: 1, ...wanted }, ACTOR, progress);
}

describe('charging from the shell', () => {
  test('takes what fits, and counts what does not', async () => {
    const { store, clock } = await memoryStore(NOON);
    const seen: number[] = [];
    const report = await chargeWith(store, { requests: 1_250 }, (decided) => seen.push(decided));
    expect(report).toEqual({
      ...{ account: 'default', tier: 'free', requests: 1_250, accepted: 1_000, denied: { insufficient_credits: 250 } },
      ...{ cost: 100_000, remaining: 0, exhaustedAt: clock.now, endsAt: clock.now, dryRun: false },
    });
    expect(seen).toEqual([500, 1_000, 1_250]);
    const [denial, ...more] = await store.read((tx) => tx.usage.denials({}, 10));
    expect(more).toEqual([]);
    expect(denial).toMatchObject({ account: 'default', keyId: null, service: 'default', code: 'insufficient_credits', count: 250 });
  });

  test('a key is charged within its cap, and from any address', async () => {
    const { store } = await memoryStore(NOON);
    const { key } = await makeKey(store, 'prod', { dailyCap: 300, allowedIps: ['203.0.113.0/24'] });
    const report = await chargeWith(store, { key: words('prod'), requests: 5 });
    expect(report).toMatchObject({ account: 'default', accepted: 3, denied: { insufficient_credits: 2 }, cost: 300, remaining: 0 });
    const debits = await store.read((tx) => tx.debits.page({}, null, 10));
    expect(debits.map((debit) => debit.keyId)).toEqual([key.id, key.id, key.id]);
  });

  test('the service sets the price', async () => {
    const { store } = await memoryStore(NOON);
    await createService(store, { name: 'maps', cost: 7, environment: null }, ACTOR);
    expect(await chargeWith(store, { service: 'maps', requests: 3 })).toMatchObject({ cost: 21, remaining: 99_979 });
    expect(await failureOf(chargeWith(store, { service: 'nowhere' }))).toBe('not_found');
  });

  test('the status of key and account is obeyed', async () => {
    const { store } = await memoryStore(NOON);
    await makeKey(store, 'prod');
    await disableKeys(store, { references: [words('prod')], reason: null, only: false }, ACTOR);
    expect(await chargeWith(store, { key: words('prod') })).toMatchObject({ accepted: 0, denied: { api_key_disabled: 1 }, cost: 0 });
    await suspendAccount(store, { account: 'default', suspended: true, reason: null }, ACTOR);
    expect(await chargeWith(store, {})).toMatchObject({ denied: { account_suspended: 1 }, exhaustedAt: null });
  });

  test('a deleted key is gone, and an account has to be named among several', async () => {
    const { store } = await memoryStore(NOON);
    const { key } = await makeKey(store, 'prod');
    await deleteKey(store, words('prod'), ACTOR);
    expect(await failureOf(chargeWith(store, { key: words(key.id) }))).toBe('not_found');
    await addAccount(store, 'acme');
    expect(await failureOf(chargeWith(store, {}))).toBe('usage');
    expect(await chargeWith(store, { account: 'acme' })).toMatchObject({ account: 'acme', accepted: 1 });
  });

  test('the audit trail says who charged how much', async () => {
    const { store } = await memoryStore(NOON);
    await chargeWith(store, { requests: 2 });
    expect(await trail(store)).toContainEqual({
      ...{ action: 'account.charge', targetKind: 'account', targetName: 'default', before: null },
      after: { key: null, service: 'default', requests: 2, accepted: 2, cost: 200 },
    });
  });

  test('beside others, nothing more than the allowance is taken', async () => {
    const { store } = await memoryStore(NOON);
    const reports = await Promise.all([
      chargeWith(store, { requests: 700 }),
      charge(store, 'default', 400),
      chargeWith(store, { requests: 700 }),
    ]);
    const accepted = reports[0].accepted + reports[2].accepted + reports[1].filter((verdict) => verdict.valid).length;
    expect(accepted).toBe(1_000);
  });

  test('a store that fails after it has charged says how much stands, so that nobody charges it again', async () => {
    const { store } = await memoryStore(NOON);
    const full = (): Promise<never> => Promise.reject(new KeyctlError('store_full', 'There is no room.', { hint: 'Nothing was changed.' }));
    const told = (failing: Partial<Store>, requests: number): Promise<unknown> =>
      chargeWith(replaced(store, failing), { requests }).catch((error: unknown) => error);
    const standing = { code: 'store_full', hint: expect.stringContaining('That stands.') as unknown };
    expect(await told({ write: full }, 1)).toMatchObject({ ...standing, message: 'There is no room. 1 request was charged before.' });
    let settles = 0;
    const settle: Store['settle'] = (requests) => ((settles += 1) === 1 ? store.settle(requests) : full());
    expect(await told({ settle }, 600)).toMatchObject({ ...standing, message: 'There is no room. 500 requests were charged before.' });
    expect(await told({ settle: full }, 1)).toMatchObject({ message: 'There is no room.', hint: 'Nothing was changed.' });
    expect(await store.read((tx) => tx.debits.count({}, 1_000))).toBe(501);
  });
});
