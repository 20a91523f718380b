import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mintApiKey } from '../../src/domain/api-key.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { verifyKey, type VerifyKey } from '../../src/operations/verify-key.ts';
import { ACTOR, temporaryStore, type TemporaryStore, type TestClock } from '../harness.ts';
import { DAY, makeKey, spend, words } from './key-fixture.ts';

let store: Store;
let clock: TestClock;
let reopen: TemporaryStore['reopen'];
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, reopen, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

const verify = (apiKey: string, asked: Partial<VerifyKey> = {}): Promise<Verdict> =>
  verifyKey(store, { apiKey, service: 'default', environment: null, ip: null, charge: false, ...asked });

async function spent(): Promise<number> {
  const [sum] = await store.read((tx, now) => tx.usage.sums({ from: now - DAY, to: now + DAY, table: 'day', by: 'code' }));
  return sum?.credits ?? 0;
}

async function denied(): Promise<number> {
  const denials = await store.read((tx) => tx.usage.denials({}, 100));
  return denials.reduce((sum, denial) => sum + denial.count, 0);
}

describe('without --charge', () => {
  test('a key is admitted or denied as by the endpoint, and nothing is taken or counted', async () => {
    const { apiKey, key } = await makeKey(store, 'prod');
    const verdict = await verify(apiKey);
    expect(verdict).toMatchObject({ valid: true, code: 'ok', keyId: key.id, account: 'default', tier: 'free', cost: 100, debitId: null });
    expect(verdict.credits).toMatchObject({ limit: 100_000, remaining: 100_000 });
    await disableKeys(store, { references: [words('prod')], reason: null, only: false }, ACTOR);
    expect(await verify(apiKey)).toMatchObject({ valid: false, code: 'api_key_disabled', status: 403 });
    expect([await spent(), await denied()]).toEqual([0, 0]);
  });

  test('a store that is open for reading only will do', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    const reading = await reopen('read');
    try {
      const asked = { apiKey, service: 'default', environment: null, ip: null };
      expect(await verifyKey(reading, { ...asked, charge: false })).toMatchObject({ code: 'ok' });
      await expect(verifyKey(reading, { ...asked, charge: true })).rejects.toMatchObject({ code: 'store_read_only' });
    } finally {
      await reading.close();
    }
  });
});

describe('with --charge', () => {
  test('an admitted request is debited, at the tier’s rate', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    const verdict = await verify(apiKey, { charge: true });
    expect(verdict).toMatchObject({ code: 'ok', debitId: expect.stringMatching(/^deb_/), credits: { remaining: 99_900 } });
    const codes: string[] = [];
    for (let request = 0; request < 5; request += 1) codes.push((await verify(apiKey, { charge: true })).code);
    expect(codes).toEqual(['ok', 'ok', 'ok', 'ok', 'request_limit_reached']);
    expect(await spent()).toBe(500);
  });

  test('a denial counts in the statistics, with its address', async () => {
    const { apiKey, key } = await makeKey(store, 'prod', { allowedIps: ['203.0.113.0/24'] });
    expect(await verify(apiKey, { charge: true, ip: '198.51.100.9' })).toMatchObject({ code: 'ip_not_allowed' });
    const [denial] = await store.read((tx) => tx.usage.denials({}, 10));
    expect(denial).toMatchObject({ code: 'ip_not_allowed', keyId: key.id, ip: '198.51.100.9', count: 1 });
    expect(await spent()).toBe(0);
  });
});

describe('every reason to deny', () => {
  test('in the words of the endpoint', async () => {
    const { apiKey } = await makeKey(store, 'prod', { services: ['default'] });
    await store.write(async (tx) => {
      await tx.catalogue.insertService({ name: 'blocks', cost: 7, environment: null });
      await tx.catalogue.insertService({ name: 'lab', cost: 7, environment: 'qa' });
    });
    expect(await verify(apiKey, { service: 'nowhere' })).toMatchObject({ code: 'unknown_service', keyId: null });
    expect(await verify(apiKey, { service: 'NOT A NAME' })).toMatchObject({ code: 'unknown_service' });
    expect(await verify(apiKey, { service: 'blocks' })).toMatchObject({ code: 'service_not_allowed', cost: 7 });
    expect(await verify(apiKey, { service: 'lab' })).toMatchObject({ code: 'environment_mismatch' });
    expect(await verify(apiKey, { environment: 'qa' })).toMatchObject({ code: 'environment_mismatch' });
    expect(await verify(apiKey, { environment: 'prod' })).toMatchObject({ code: 'ok' });
    await expect(verify(apiKey, { environment: 'mars' })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('malformed, mistyped, unknown and deleted are one', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    const mistyped = `${apiKey.slice(0, -1)}${apiKey.endsWith('0') ? '1' : '0'}`;
    const unknown = mintApiKey('kc', 'prod', randomBytes);
    await deleteKey(store, words('prod'), ACTOR);
    for (const text of ['x', 'ü', mistyped, unknown, apiKey, 'a'.repeat(600)]) {
      expect(await verify(text)).toMatchObject({ code: 'invalid_api_key', keyId: null, account: null, credits: null });
    }
  });

  test('an address that is bound is unknown until it is given', async () => {
    const { apiKey } = await makeKey(store, 'prod', { allowedIps: ['203.0.113.0/24'] });
    expect(await verify(apiKey)).toMatchObject({ code: 'ip_not_allowed' });
    expect(await verify(apiKey, { ip: '203.0.113.9' })).toMatchObject({ code: 'ok' });
  });

  test('spent credits, a cap, an expiry, a suspension', async () => {
    const { apiKey } = await makeKey(store, 'prod', { dailyCap: 200, expiresAt: clock.now + DAY });
    await spend(store, apiKey, 2);
    expect(await verify(apiKey)).toMatchObject({ code: 'insufficient_credits', credits: { limitedBy: 'key' }, retryAfter: 50_400 });
    await store.write(async (tx, now) => tx.accounts.update((await tx.accounts.byName('default'))?.ref ?? 0, { suspendedAt: now }));
    expect(await verify(apiKey)).toMatchObject({ code: 'account_suspended' });
    clock.now += DAY;
    expect(await verify(apiKey)).toMatchObject({ code: 'api_key_expired' });
  });
});
