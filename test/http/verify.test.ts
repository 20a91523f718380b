import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { mintApiKey } from '../../src/domain/api-key.ts';
import { VERDICT_MESSAGE, VERDICT_STATUS, type VerdictCode } from '../../src/domain/verdict.ts';
import { problem } from '../../src/http/schemas.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { Served, createAccount, createService, json, replaced, type Answer, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

const VERDICT_HEADERS = [
  'x-keyctl-code',
  'x-keyctl-status',
  'x-keyctl-account',
  'x-keyctl-key-id',
  'x-keyctl-environment',
  'x-keyctl-tier',
  'x-keyctl-limited-by',
  'x-keyctl-debit-id',
  'x-request-id',
  'x-credits-consumed',
  'x-credits-available',
];

/** Holds an answer to everything that one of this code must be, and returns it. */
function expectVerdict(answer: Answer, code: VerdictCode, status: number = VERDICT_STATUS[code]): Answer {
  expect(answer.headers['x-keyctl-code']).toBe(code);
  expect(answer.status).toBe(status);
  for (const name of VERDICT_HEADERS) expect(answer.headers).toHaveProperty(name);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.body)));
  if (code === 'ok') {
    expect(answer.headers['content-type']).toBe('application/json');
    expect(json(answer)).toEqual({ valid: true, code: 'ok' });
  } else {
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const told = problem.parse(json(answer));
    expect(told).toMatchObject({ type: 'about:blank', status, code, detail: VERDICT_MESSAGE[code] });
    expect(told.requestId).toBe(answer.headers['x-request-id'] === '' ? null : answer.headers['x-request-id']);
  }
  expect('www-authenticate' in answer.headers).toBe(status === 401);
  expect('retry-after' in answer.headers).toBe(['insufficient_credits', 'request_limit_reached', 'store_unavailable'].includes(code));
  return answer;
}

describe('an admitted request', () => {
  test('is charged once and tells what it took and what is left', async () => {
    await serve();
    const { apiKey, key } = await served.key();
    const answer = expectVerdict(await served.verify(apiKey), 'ok');
    const [debit] = await served.debits();
    expect(answer.headers).toMatchObject({
      'x-keyctl-status': '200',
      'x-keyctl-account': 'default',
      'x-keyctl-key-id': key.id,
      'x-keyctl-environment': 'production',
      'x-keyctl-tier': 'free',
      'x-keyctl-limited-by': 'account',
      'x-keyctl-debit-id': `deb_${(debit?.number ?? 0).toString(36)}`,
      'x-request-id': '',
      'x-credits-consumed': '100',
      'x-credits-available': '99900',
    });
    expect(await served.spent()).toBe(100);
  });

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE'])('may have any method: %s', async (method) => {
    await serve();
    const { apiKey } = await served.key();
    expectVerdict(await served.ask('/verify', { method, headers: { 'X-API-Key': apiKey } }), 'ok');
    expect(await served.debits()).toHaveLength(1);
  });

  test('by HEAD is one debit too, with the headers of the body and none', async () => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.ask('/verify', { method: 'HEAD', headers: { 'X-API-Key': apiKey } });
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['content-length']).toBe(String(JSON.stringify({ valid: true, code: 'ok' }).length));
    const denied = await served.ask('/verify', { method: 'HEAD' });
    expect(denied).toMatchObject({ status: 401, body: '' });
    expect(denied.headers['content-type']).toBe('application/problem+json');
    expect(await served.debits()).toHaveLength(1);
  });

  test('is charged for whatever body, query or other headers it has', async () => {
    await serve();
    const { apiKey } = await served.key();
    const headers = { 'X-API-Key': apiKey, 'X-Keyctl-Cost': '0', 'X-Service': 'free', Cost: '0' };
    const answer = await served.ask('/verify?cost=0&service=free', { method: 'POST', headers, body: '{"cost":0}' });
    expectVerdict(answer, 'ok');
    expect(answer.headers['x-credits-consumed']).toBe('100');
  });

  test('takes credits from the key that the header of --header names, and from no other', async () => {
    await serve({ header: 'X-Token' });
    const { apiKey } = await served.key();
    expectVerdict(await served.ask('/verify', { headers: { 'x-token': apiKey } }), 'ok');
    expectVerdict(await served.verify(apiKey), 'missing_api_key');
  });
});

describe('the service', () => {
  const paths: [string, string | null][] = [
    ['/verify', 'default'],
    ['/verify?x=/cheap', 'default'],
    ['/verify/default', 'default'],
    ['/verify/cheap', 'cheap'],
    ['/verify/cheap/', 'cheap'],
    ['/verify/cheap?service=default', 'cheap'],
    ['/verify/default/cheap', 'default'],
    ['/verify/default/../cheap', 'default'],
    ['/verify/default/%2e%2e/cheap/x', 'default'],
    ['/verify/default//cheap', 'default'],
    ['/verify/', null],
    ['/verify//cheap', null],
    ['/verify/../verify/cheap', null],
    ['/verify/%63heap', null],
    ['/verify/CHEAP', null],
    ['/verify/cheap%20', null],
    ['/verify/cheap;v=1', null],
    ['/verify/cheap#x', null],
    ['/verify/other', null],
    ['/verify/__proto__', null],
  ];

  test.each(paths)('is the bytes of the path: %s is %s', async (path, service) => {
    await serve({ before: (store) => createService(store, 'cheap', 1) });
    const { apiKey } = await served.key();
    const answer = await served.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain(service === null ? 'X-Keyctl-Code: unknown_service' : 'X-Keyctl-Code: ok');
    expect((await served.debits()).map((debit) => debit.service)).toEqual(service === null ? [] : [service]);
  });

  test.each(['/', '/verifyx', '//verify', '/x/verify', '/VERIFY', '/verify.html'])('is not asked for by %s', async (path) => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.verify(apiKey, path);
    expect(answer.status).toBe(404);
    expect(json(answer)).toMatchObject({ code: 'not_found' });
    expect(await served.debits()).toHaveLength(0);
  });

  test('of --service is every path under /verify', async () => {
    await serve({ service: 'cheap', before: (store) => createService(store, 'cheap', 1) });
    const { apiKey } = await served.key();
    for (const path of ['/verify', '/verify/default', '/verify/other/thing']) expectVerdict(await served.verify(apiKey, path), 'ok');
    expect((await served.debits()).map((debit) => debit.service)).toEqual(['cheap', 'cheap', 'cheap']);
  });

  test('that was made a moment ago is served at once, and one that was deleted is not', async () => {
    await serve();
    const { apiKey } = await served.key();
    expectVerdict(await served.verify(apiKey, '/verify/new'), 'unknown_service');
    await createService(served.store, 'new', 7);
    expect(expectVerdict(await served.verify(apiKey, '/verify/new'), 'ok').headers['x-credits-consumed']).toBe('7');
    await served.store.write(async (tx, now) => {
      const service = (await tx.catalogue.services()).find(({ name }) => name === 'new');
      await tx.catalogue.deleteService(service?.ref ?? 0, now);
    });
    expectVerdict(await served.verify(apiKey, '/verify/new'), 'unknown_service');
  });
});

describe('a denied request', () => {
  test('without a key, or with an empty one, is missing_api_key and says how to do it', async () => {
    await serve();
    const answer = expectVerdict(await served.ask('/verify'), 'missing_api_key');
    expect(answer.headers['www-authenticate']).toBe('ApiKey realm="keyctl", header="X-API-Key"');
    expectVerdict(await served.verify(''), 'missing_api_key');
  });

  test('with a malformed, mistyped, unknown or deleted key gets one and the same answer', async () => {
    await serve();
    const { apiKey: deleted } = await served.key({ deletedAt: 1 });
    const { apiKey: known } = await served.key();
    const mistyped = served.secret(known.slice(0, -1) + (known.endsWith('0') ? '1' : '0'));
    const unknown = served.secret(mintApiKey('kc', 'prod', randomBytes));
    const foreign = served.secret(mintApiKey('zz', 'prod', randomBytes));
    await expectOneAnswer([deleted, mistyped, unknown, foreign, 'hello']);
  });

  test('with a text that is no key at all gets that answer too', async () => {
    await serve();
    await expectOneAnswer(['x', 'x'.repeat(513), 'x'.repeat(9_000), "' OR 1=1 --", 'a, b']);
  });

  async function expectOneAnswer(presented: readonly string[]): Promise<void> {
    const answers = await Promise.all(presented.map((apiKey) => served.verify(apiKey)));
    for (const answer of answers) {
      expectVerdict(answer, 'invalid_api_key');
      expect(answer.body).toBe(answers[0]?.body);
      expect({ ...answer.headers, date: '' }).toEqual({ ...answers[0]?.headers, date: '' });
    }
    expect(await served.debits()).toHaveLength(0);
  }

  test('of a disabled key, from the very next request', async () => {
    await serve();
    const { apiKey, key } = await served.key();
    for (const secret of [apiKey, apiKey]) expectVerdict(await served.verify(secret), 'ok');
    await served.store.write((tx, now) => tx.keys.update(key.ref, { disabledAt: now }));
    const answer = expectVerdict(await served.verify(apiKey), 'api_key_disabled');
    expect(answer.headers).toMatchObject({ 'x-keyctl-key-id': key.id, 'x-keyctl-account': 'default', 'x-credits-consumed': '0' });
  });

  test('of an expired key, from the instant on', async () => {
    await serve();
    const { apiKey } = await served.key({ expiresAt: served.clock.now + 1 });
    expectVerdict(await served.verify(apiKey), 'ok');
    served.clock.now += 1;
    expectVerdict(await served.verify(apiKey), 'api_key_expired');
  });

  test('of a suspended account', async () => {
    await serve();
    const { apiKey, key } = await served.key();
    await served.store.write((tx, now) => tx.accounts.update(key.accountRef, { suspendedAt: now }));
    expectVerdict(await served.verify(apiKey), 'account_suspended');
  });

  test('with a key of another environment than the server or the service insists on', async () => {
    await serve({ environment: 'prod', before: (store) => createService(store, 'testing', 1, 'qa') });
    const { apiKey: production } = await served.key();
    const { apiKey: development } = await served.key({ environment: 'development' });
    expectVerdict(await served.verify(production), 'ok');
    expectVerdict(await served.verify(development), 'environment_mismatch');
    expectVerdict(await served.verify(production, '/verify/testing'), 'environment_mismatch');
  });

  test('from an address that the key may not be used from', async () => {
    await serve();
    const { apiKey: elsewhere } = await served.key({ allowedIps: ['203.0.113.0/24'] });
    const { apiKey: here } = await served.key({ allowedIps: ['127.0.0.1/32'] });
    expectVerdict(await served.verify(elsewhere), 'ip_not_allowed');
    expectVerdict(await served.verify(here), 'ok');
  });

  test('for a service that the key may not call', async () => {
    await serve();
    const { apiKey } = await served.key({ services: ['other'] });
    expectVerdict(await served.verify(apiKey), 'service_not_allowed');
  });

  test('without credits left says when they come back, and they do', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'poor', 250);
    const { apiKey } = await served.key({ accountRef });
    expectVerdict(await served.verify(apiKey), 'ok');
    expectVerdict(await served.verify(apiKey), 'ok');
    const answer = expectVerdict(await served.verify(apiKey), 'insufficient_credits');
    expect(answer.headers).toMatchObject({ 'retry-after': '43200', 'x-credits-available': '50', 'x-keyctl-limited-by': 'account' });
    expect(await served.spent('poor')).toBe(200);
    served.clock.now += 43_200_000 - 1;
    expectVerdict(await served.verify(apiKey), 'insufficient_credits');
    served.clock.now += 1;
    expectVerdict(await served.verify(apiKey), 'ok');
  });

  test("that reached the key's own cap says that it was the key", async () => {
    await serve();
    const { apiKey } = await served.key({ dailyCap: 100 });
    expectVerdict(await served.verify(apiKey), 'ok');
    expect(expectVerdict(await served.verify(apiKey), 'insufficient_credits').headers['x-keyctl-limited-by']).toBe('key');
  });

  test('over the rate limit passes after exactly as long as it was told to wait', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'fast', 1_000_000, { requestsPerSecond: 1, burst: 2 });
    const { apiKey } = await served.key({ accountRef });
    expectVerdict(await served.verify(apiKey), 'ok');
    expectVerdict(await served.verify(apiKey), 'ok');
    served.clock.now += 1;
    const answer = expectVerdict(await served.verify(apiKey), 'request_limit_reached');
    expect(answer.headers['retry-after']).toBe('1');
    served.clock.now += 1_000;
    expectVerdict(await served.verify(apiKey), 'ok');
  });
});

describe('statuses that the operator chose', () => {
  test('--exhausted-status is the answer and the true status of exhausted credits, and of nothing else', async () => {
    await serve({ exhaustedStatus: 429 });
    const accountRef = await createAccount(served.store, 'poor', 0);
    const { apiKey } = await served.key({ accountRef });
    const answer = expectVerdict(await served.verify(apiKey), 'insufficient_credits', 429);
    expect(answer.headers['x-keyctl-status']).toBe('429');
    expectVerdict(await served.ask('/verify'), 'missing_api_key');
  });

  test('--nginx answers 200, 401 and 403 as they are and everything else as 403 with the true status beside it', async () => {
    await serve({ nginx: true });
    const poor = await createAccount(served.store, 'poor', 0);
    const slow = await createAccount(served.store, 'slow', 1_000, { requestsPerSecond: 1, burst: 1 });
    const { apiKey: exhausted } = await served.key({ accountRef: poor });
    const { apiKey: limited } = await served.key({ accountRef: slow });
    const { apiKey: disabled } = await served.key({ disabledAt: 1 });
    expectVerdict(await served.verify(limited), 'ok');
    expectVerdict(await served.ask('/verify'), 'missing_api_key');
    expectVerdict(await served.verify(disabled), 'api_key_disabled');
    expect(expectVerdict(await served.verify(limited), 'request_limit_reached', 403).headers['x-keyctl-status']).toBe('429');
    expect(expectVerdict(await served.verify(exhausted), 'insufficient_credits', 403).headers['x-keyctl-status']).toBe('402');
    expect(expectVerdict(await served.verify(limited, '/verify/other'), 'unknown_service', 403).headers['x-keyctl-status']).toBe('404');
  });

  test('--nginx with a store that fails is 403 with 503 beside it, and Retry-After', async () => {
    await serve({ nginx: true, behind: (store) => replaced(store, { settle: () => Promise.reject(new Error('disk')) }) });
    const { apiKey } = await served.key();
    const answer = expectVerdict(await served.verify(apiKey), 'store_unavailable', 403);
    expect(answer.headers).toMatchObject({ 'x-keyctl-status': '503', 'retry-after': '1' });
  });
});

describe('a store that cannot answer', () => {
  test('is 503 for every request, never an admission, and is logged once until it works again', async () => {
    let broken = true;
    await serve({ behind: (store) => replaced(store, { settle: (requests) => (broken ? Promise.resolve([]) : store.settle(requests)) }) });
    const { apiKey } = await served.key();
    for (let round = 0; round < 3; round += 1) {
      expect(expectVerdict(await served.verify(apiKey), 'store_unavailable').headers['retry-after']).toBe('1');
    }
    expect(served.logs.filter(({ level }) => level === 'error')).toHaveLength(1);
    broken = false;
    expectVerdict(await served.verify(apiKey), 'ok');
    expect(served.logs.filter(({ message }) => message === 'the store settles again')).toHaveLength(1);
    expect(await served.debits()).toHaveLength(1);
  });

  test('because another process holds its lock answers 503 and recovers', async () => {
    await serve();
    const { apiKey } = await served.key();
    const { store: other } = await openStore({
      location: served.path,
      mode: 'write',
      clock: () => served.clock.now,
      randomBytes,
      busyTimeoutMs: 20,
    });
    await other.write(async () => {
      expectVerdict(await served.verify(apiKey), 'store_unavailable');
    });
    await other.close();
    expectVerdict(await served.verify(apiKey), 'ok');
  });

  test('or says what no header can hold is 503 too, and the others of its batch are answered', async () => {
    await serve({
      behind: (store) =>
        replaced(store, {
          settle: async (requests) =>
            (await store.settle(requests)).map((verdict, place) => (place === 0 ? { ...verdict, account: 'a\nb' } : verdict)),
        }),
    });
    const { apiKey } = await served.key();
    const answers = await Promise.all([served.verify(apiKey), served.verify(apiKey)]);
    expect(answers.map(({ status }) => status)).toContain(503);
    expect(served.logs).toContainEqual(expect.objectContaining({ level: 'error', message: 'a request failed' }));
    expect((await served.ask('/healthz')).status).toBe(200);
  });

  test('still refuses a key that cannot exist', async () => {
    await serve({ behind: (store) => replaced(store, { settle: () => Promise.reject(new Error('disk')) }) });
    expectVerdict(await served.verify('not a key'), 'invalid_api_key');
  });
});
