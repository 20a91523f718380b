import { afterEach, describe, expect, test } from '@jest/globals';
import { Served, createAccount, createService, json, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

const BY_PROXY = { requestIdHeader: 'X-Proxy-Request-Id' };

function withId(id: string): Record<string, string> {
  return { 'X-Proxy-Request-Id': id };
}

describe("the proxy's request id", () => {
  test('is charged once and may be repeated three times', async () => {
    await serve(BY_PROXY);
    const { apiKey } = await served.key();
    const first = await served.verify(apiKey, '/verify', withId('r1'));
    expect(first.headers).toMatchObject({ 'x-request-id': 'r1', 'x-credits-consumed': '100' });
    for (let repeat = 0; repeat < 3; repeat += 1) {
      const again = await served.verify(apiKey, '/verify', withId('r1'));
      expect(again.status).toBe(200);
      expect(again.headers).toMatchObject({ 'x-keyctl-debit-id': first.headers['x-keyctl-debit-id'], 'x-credits-consumed': '0' });
    }
    const fourth = await served.verify(apiKey, '/verify', withId('r1'));
    expect(fourth.status).toBe(409);
    expect(json(fourth)).toMatchObject({ code: 'request_id_conflict', requestId: 'r1' });
    expect(await served.debits()).toHaveLength(1);
  });

  test('is forgotten after 60 seconds', async () => {
    await serve(BY_PROXY);
    const { apiKey } = await served.key();
    await served.verify(apiKey, '/verify', withId('r1'));
    served.clock.now += 59_999;
    expect((await served.verify(apiKey, '/verify', withId('r1'))).headers['x-credits-consumed']).toBe('0');
    served.clock.now += 1;
    expect((await served.verify(apiKey, '/verify', withId('r1'))).headers['x-credits-consumed']).toBe('100');
    expect(await served.debits()).toHaveLength(2);
  });

  test('conflicts with another service, and another key of the account', async () => {
    await serve({ ...BY_PROXY, before: (store) => createService(store, 'other', 100) });
    const { apiKey } = await served.key();
    const { apiKey: sibling } = await served.key();
    await served.verify(apiKey, '/verify', withId('r1'));
    expect((await served.verify(apiKey, '/verify/other', withId('r1'))).status).toBe(409);
    expect((await served.verify(sibling, '/verify', withId('r1'))).status).toBe(409);
    expect(await served.debits()).toHaveLength(1);
  });

  test('is shared by nobody: another account may have the same', async () => {
    await serve(BY_PROXY);
    const accountRef = await createAccount(served.store, 'another', 1_000);
    const { apiKey: mine } = await served.key();
    const { apiKey: theirs } = await served.key({ accountRef });
    expect((await served.verify(mine, '/verify', withId('r1'))).headers['x-credits-consumed']).toBe('100');
    expect((await served.verify(theirs, '/verify', withId('r1'))).headers['x-credits-consumed']).toBe('100');
  });

  test('does not open a door: a repeated request of a disabled key is denied', async () => {
    await serve(BY_PROXY);
    const { apiKey, key } = await served.key();
    await served.verify(apiKey, '/verify', withId('r1'));
    await served.store.write((tx, now) => tx.keys.update(key.ref, { disabledAt: now }));
    expect((await served.verify(apiKey, '/verify', withId('r1'))).status).toBe(403);
  });

  test('is remembered for admissions only: who was denied is asked again', async () => {
    await serve(BY_PROXY);
    const accountRef = await createAccount(served.store, 'slow', 1_000, { requestsPerSecond: 1, burst: 1 });
    const { apiKey } = await served.key({ accountRef });
    await served.verify(apiKey);
    expect((await served.verify(apiKey, '/verify', withId('r1'))).status).toBe(429);
    served.clock.now += 1_000;
    expect((await served.verify(apiKey, '/verify', withId('r1'))).headers['x-credits-consumed']).toBe('100');
  });

  test('that is malformed, empty, an API key or there twice counts as none', async () => {
    await serve(BY_PROXY);
    const { apiKey } = await served.key({ accountRef: await createAccount(served.store, 'steady', 1_000) });
    for (const id of ['', 'a b', 'é', 'a'.repeat(129), apiKey]) {
      const answer = await served.verify(apiKey, '/verify', withId(id));
      expect(answer.headers).toMatchObject({ 'x-request-id': '', 'x-credits-consumed': '100' });
    }
    const twice = `GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nX-Proxy-Request-Id: a\r\nX-Proxy-Request-Id: a\r\nConnection: close\r\n\r\n`;
    expect(await served.raw(twice)).toContain('X-Request-Id: \r\n');
    const debits = await served.debits();
    expect(debits).toHaveLength(6);
    expect(JSON.stringify(debits)).not.toContain(apiKey);
  });

  test('is not read from a header that the server was not told of', async () => {
    await serve();
    const { apiKey } = await served.key();
    for (let times = 0; times < 2; times += 1) {
      const answer = await served.verify(apiKey, '/verify', { 'X-Request-Id': 'mine' });
      expect(answer.headers).toMatchObject({ 'x-request-id': '', 'x-credits-consumed': '100' });
    }
  });
});

describe('the request id of a question', () => {
  test('that is an API key, by mistake, is 400, and is kept nowhere', async () => {
    await serve();
    const { apiKey } = await served.key();
    for (const requestId of [apiKey, (await served.key()).apiKey]) {
      const answer = await served.question({ apiKey, requestId });
      expect(answer.status).toBe(400);
      expect(answer.body).not.toContain(requestId);
    }
    expect(await served.debits()).toEqual([]);
    // The form alone makes no key.
    expect((await served.question({ apiKey, requestId: `kc_prod_${'a'.repeat(36)}` })).status).toBe(200);
  });

  test('may be repeated for 24 hours, and is charged once', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'steady', 1_000);
    const { apiKey } = await served.key({ accountRef });
    const ask = async (): Promise<Record<string, unknown>> => json(await served.question({ apiKey, requestId: 'order-17' }));
    const first = await ask();
    expect(first).toMatchObject({ code: 'ok', replayed: false, requestId: 'order-17' });
    for (let repeat = 0; repeat < 5; repeat += 1) {
      expect(await ask()).toMatchObject({ code: 'ok', replayed: true, debitId: first['debitId'] });
    }
    served.clock.now += 86_400_000 - 1;
    expect(await ask()).toMatchObject({ code: 'ok', replayed: true, debitId: first['debitId'] });
    served.clock.now += 1;
    expect(await ask()).toMatchObject({ code: 'ok', replayed: false });
    expect(await served.debits()).toHaveLength(2);
  });

  test('conflicts with another price', async () => {
    await serve();
    const { apiKey } = await served.key();
    await served.question({ apiKey, requestId: 'order-17', cost: 5 });
    expect(json(await served.question({ apiKey, requestId: 'order-17', cost: 6 }))).toMatchObject({
      code: 'request_id_conflict',
      status: 409,
    });
  });

  test('sent by many callers at once is charged once', async () => {
    await serve();
    const { apiKey } = await served.key();
    const answers = await Promise.all(Array.from({ length: 20 }, () => served.question({ apiKey, requestId: 'once' })));
    expect(answers.filter((answer) => json(answer)['replayed'] === false)).toHaveLength(1);
    expect(await served.spent()).toBe(100);
  });

  test('counts its replays nowhere', async () => {
    await serve();
    const { apiKey } = await served.key();
    await served.question({ apiKey, requestId: 'once' });
    await served.question({ apiKey, requestId: 'once' });
    expect((await served.ask('/metrics')).body).toContain('keyctl_verdicts_total{code="ok",service="default",tier="free"} 1\n');
  });
});
