import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { startOfDay } from '../../src/domain/utc-day.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { explainKey, type Explanation, type ExplainKey } from '../../src/operations/explain-key.ts';
import { verifyKey } from '../../src/operations/verify-key.ts';
import { ACTOR, temporaryStore, type TestClock } from '../harness.ts';
import { DAY, HOUR, makeKey, rotate, spend, words } from './key-fixture.ts';

let store: Store;
let clock: TestClock;
let cleanUp: () => Promise<void>;
beforeEach(async () => ({ store, clock, cleanUp } = await temporaryStore('2026-11-22T10:00:00Z')));
afterEach(() => cleanUp());

const explain = (key: string, asked: Partial<ExplainKey> = {}): Promise<Explanation> =>
  explainKey(store, { reference: words(key), service: 'default', environment: null, ip: null, at: null, ...asked });

function told({ checks }: Explanation, code: string): string {
  const found = checks.find((check) => check.code === code);
  return found === undefined ? '' : `${String(found.passes)}: ${found.detail}`;
}

describe('now', () => {
  test('a key that passes is told with its numbers, and nothing is written', async () => {
    const { apiKey, key } = await makeKey(store, 'prod', { dailyCap: 500 });
    await spend(store, apiKey, 2);
    const explanation = await explain('prod');
    expect(explanation).toMatchObject({ keyId: key.id, account: 'default', service: 'default', verdict: 'ok', at: clock.now });
    expect(explanation.resetsAt).toBe(Date.parse('2026-11-23T00:00:00Z'));
    expect(told(explanation, 'insufficient_credits')).toMatch(/^true: .*99,800 left on 2026-11-22.*cap of 500, 200 are spent/);
    expect(await explain('prod')).toEqual(explanation);
  });

  test('it says what verify says', async () => {
    const { apiKey } = await makeKey(store, 'prod', { allowedIps: ['203.0.113.0/24'], services: ['default'] });
    await store.write((tx) => tx.catalogue.insertService({ name: 'blocks', cost: 7, environment: null }));
    const questions = [{}, { ip: '203.0.113.1' }, { service: 'blocks', ip: '203.0.113.1' }, { service: 'nowhere' }, { environment: 'dev' }];
    for (const asked of questions) {
      const { code } = await verifyKey(store, { ...{ service: 'default', environment: null, ip: null }, ...asked, apiKey, charge: false });
      expect((await explain('prod', asked)).verdict).toBe(code);
    }
  });

  test('the rate limit is told while it holds', async () => {
    const { apiKey } = await makeKey(store, 'prod');
    for (let request = 0; request < 5; request += 1) {
      await verifyKey(store, { apiKey, service: 'default', environment: null, ip: null, charge: true });
    }
    const explanation = await explain('prod');
    expect(explanation.verdict).toBe('request_limit_reached');
    expect(explanation.checks.at(-1)?.remedy).toContain('Wait 0.2 s');
    clock.now += 200;
    expect((await explain('prod')).verdict).toBe('ok');
  });

  test('a deleted key is told by its full id, an unknown service beside a disabled key', async () => {
    const { key } = await makeKey(store, 'gone');
    await deleteKey(store, words('gone'), ACTOR);
    expect((await explain(key.id)).verdict).toBe('invalid_api_key');
    await makeKey(store, 'prod');
    await disableKeys(store, { references: [words('prod')], reason: 'leaked', only: false }, ACTOR);
    const explanation = await explain('prod', { service: 'nowhere' });
    expect(explanation).toMatchObject({ verdict: 'unknown_service', service: null, account: 'default' });
    expect(told(explanation, 'api_key_disabled')).toMatch(/^false: .*leaked/);
  });
});

describe('at a later time', () => {
  test('of today the balance is what it is now', async () => {
    const { apiKey } = await makeKey(store, 'prod', { dailyCap: 200 });
    await spend(store, apiKey, 2);
    expect((await explain('prod', { at: clock.now + 13 * HOUR })).verdict).toBe('insufficient_credits');
  });

  test('of another day it is fresh, with the tier and the adjustments of that day', async () => {
    const { apiKey } = await makeKey(store, 'prod', { dailyCap: 200 });
    await spend(store, apiKey, 2);
    const day = startOfDay(Math.floor(clock.now / DAY) + 2) / DAY;
    await store.write(async (tx, now) => {
      const account = await tx.accounts.byName('default');
      if (account === null) throw new Error('no default account');
      await tx.accounts.setTier(account.ref, day, 'standard', now);
      await tx.credits.insertAdjustment({ id: 'adj_1', at: now, accountRef: account.ref, day, amount: 7, reason: 'test', actor: 'test' });
    });
    const next = await explain('prod', { at: (day - 1) * DAY });
    expect(next.verdict).toBe('ok');
    expect(told(next, 'insufficient_credits')).toMatch(
      /100,000 left on 2026-11-23 \(tier free: granted 100,000, adjusted 0, spent 0\).*200, 0 are/,
    );
    const after = await explain('prod', { at: day * DAY });
    expect(told(after, 'insufficient_credits')).toMatch(
      /300,007 left on 2026-11-24 \(tier standard: granted 300,000, adjusted 7, spent 0\)/,
    );
    expect(told(after, 'request_limit_reached')).toContain('standard allows 10 requests');
  });

  test('the end of a grace is seen to the millisecond', async () => {
    await makeKey(store, 'prod');
    await rotate(store, 'prod', DAY);
    expect((await explain('prod~1', { at: clock.now + DAY - 1 })).verdict).toBe('ok');
    expect((await explain('prod~1', { at: clock.now + DAY })).verdict).toBe('api_key_expired');
    expect((await explain('prod', { at: clock.now + DAY })).verdict).toBe('ok');
  });
});
