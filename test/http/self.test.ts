import { afterEach, describe, expect, test } from '@jest/globals';
import { self as selfSchema } from '../../src/http/schemas.ts';
import { Served, createAccount, json, replaced, type Answer, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

function ask(apiKey: string, headers: Record<string, string> = {}): Promise<Answer> {
  return served.ask('/v1/usage/self', { headers: { 'X-API-Key': apiKey, ...headers } });
}

describe('a key that asks about itself', () => {
  test('is told its tier, credits and limits, and pays nothing', async () => {
    await serve();
    const { apiKey, key } = await served.key({ name: 'prod', dailyCap: 500, expiresAt: served.clock.now + 86_400_000 });
    await served.verify(apiKey);
    const answer = await ask(apiKey);
    expect(answer.status).toBe(200);
    expect(selfSchema.parse(json(answer))).toEqual({
      account: 'default',
      keyId: key.id,
      keyName: 'prod',
      environment: 'production',
      expiresAt: '2026-11-23T12:00:00.000Z',
      tier: 'free',
      credits: { day: '2026-11-22', granted: 100_000, adjusted: 0, spent: 100, remaining: 99_900, resetsAt: '2026-11-23T00:00:00.000Z' },
      cap: { limit: 500, spent: 100, remaining: 400 },
      limits: [{ service: '*', requestsPerSecond: 5, burst: 5 }],
    });
    expect(answer.headers).toMatchObject({ 'x-keyctl-key-id': key.id, 'x-credits-available': '400', 'x-credits-consumed': '0' });
    expect(answer.headers).toMatchObject({
      'x-keyctl-limited-by': 'key',
      'ratelimit-policy': '"daily";q=5;w=86400',
      ratelimit: '"daily";r=4;t=43200',
    });
    expect(await served.debits()).toHaveLength(1);
  });

  test('that never spent anything sees the whole allowance, adjustments included', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'fresh', 1_000);
    const { apiKey } = await served.key({ accountRef });
    await served.store.write((tx, now) =>
      tx.credits.insertAdjustment({
        id: 'adj_1',
        at: now,
        accountRef,
        day: Math.floor(now / 86_400_000),
        amount: 250,
        reason: 'r',
        actor: 'a',
      }),
    );
    expect(json(await ask(apiKey))).toMatchObject({
      credits: { granted: 1_000, adjusted: 250, spent: 0, remaining: 1_250 },
      cap: null,
      limits: [],
    });
  });

  test('gets its answer from any host, through any proxy, and by HEAD', async () => {
    await serve({ token: 'a-token' });
    const { apiKey } = await served.key();
    expect((await ask(apiKey, { Host: 'api.example', 'X-Forwarded-For': '203.0.113.9', Origin: 'https://app.example' })).status).toBe(200);
    expect(await served.ask('/v1/usage/self', { method: 'HEAD', headers: { 'X-API-Key': apiKey } })).toMatchObject({
      status: 200,
      body: '',
    });
    expect((await served.ask('/v1/usage/self', { method: 'POST', headers: { 'X-API-Key': apiKey } })).status).toBe(405);
  });

  test('is denied as on /verify, and counted nowhere', async () => {
    await serve();
    const suspended = await createAccount(served.store, 'suspended', 1_000);
    await served.store.write((tx, now) => tx.accounts.update(suspended, { suspendedAt: now }));
    const expected: [string, number, string][] = [
      ['', 401, 'missing_api_key'],
      ['nonsense', 401, 'invalid_api_key'],
      [(await served.key({ deletedAt: 1 })).apiKey, 401, 'invalid_api_key'],
      [(await served.key({ disabledAt: 1 })).apiKey, 403, 'api_key_disabled'],
      [(await served.key({ expiresAt: 1 })).apiKey, 401, 'api_key_expired'],
      [(await served.key({ accountRef: suspended })).apiKey, 403, 'account_suspended'],
      [(await served.key({ allowedIps: ['203.0.113.0/24'] })).apiKey, 403, 'ip_not_allowed'],
    ];
    for (const [apiKey, status, code] of expected) {
      const answer = await ask(apiKey);
      expect(answer.status).toBe(status);
      expect(json(answer)).toMatchObject({ code, status });
      expect(answer.headers['x-keyctl-code']).toBe(code);
      expect('www-authenticate' in answer.headers).toBe(status === 401);
    }
    await served.second();
    expect(await served.store.read((tx) => tx.usage.denials({}, 10))).toEqual([]);
  });

  test('is told so although the server or the service would want another environment', async () => {
    await serve({ environment: 'production' });
    const { apiKey } = await served.key({ environment: 'development' });
    expect(json(await ask(apiKey))).toMatchObject({ environment: 'development' });
  });

  test('gets 503 when the store cannot answer', async () => {
    let broken = false;
    await serve({ behind: (store) => replaced(store, { read: (act) => (broken ? Promise.reject(new Error('disk')) : store.read(act)) }) });
    const { apiKey } = await served.key();
    broken = true;
    const answer = await ask(apiKey);
    expect(answer.status).toBe(503);
    expect(json(answer)).toMatchObject({ code: 'store_unavailable' });
    expect(answer.headers['retry-after']).toBe('1');
  });
});
