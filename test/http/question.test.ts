import { afterEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { verdict as verdictSchema, problem } from '../../src/http/schemas.ts';
import { packRequests, unpackRequests } from '../../src/settle-wire.ts';
import { Served, createAccount, createService, json, replaced, type Answer, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

function verdictOf(answer: Answer): Record<string, unknown> {
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json');
  const verdict = verdictSchema.parse(json(answer));
  expect(answer.headers).toMatchObject({ 'x-keyctl-code': verdict.code, 'x-keyctl-status': String(verdict.status) });
  return verdict;
}

describe('a well-formed question', () => {
  test('is answered 200 with the whole verdict, and charged', async () => {
    await serve();
    const { apiKey, key } = await served.key({ name: 'prod' });
    expect(verdictOf(await served.question({ apiKey }))).toEqual({
      valid: true,
      code: 'ok',
      status: 200,
      message: 'Admitted.',
      keyId: key.id,
      keyName: 'prod',
      account: 'default',
      environment: 'production',
      tier: 'free',
      service: 'default',
      cost: 100,
      credits: { limit: 100_000, remaining: 99_900, resetsAt: '2026-11-23T00:00:00.000Z', limitedBy: 'account' },
      rate: { limit: 5, burst: 5, remaining: 4, resetsAt: '2026-11-22T12:00:00.200Z' },
      retryAfter: null,
      debitId: expect.stringMatching(/^deb_[0-9a-z]+$/),
      requestId: null,
      replayed: false,
    });
    expect(await served.spent()).toBe(100);
  });

  test('about a denied key is 200 too, with the status that /verify would have had', async () => {
    await serve({ exhaustedStatus: 429 });
    const accountRef = await createAccount(served.store, 'poor', 0);
    const { apiKey: poor } = await served.key({ accountRef });
    const { apiKey: disabled } = await served.key({ disabledAt: 1 });
    expect(verdictOf(await served.question({ apiKey: '' }))).toMatchObject({ valid: false, code: 'missing_api_key', status: 401 });
    expect(verdictOf(await served.question({ apiKey: 'made up' }))).toMatchObject({ code: 'invalid_api_key', status: 401, keyId: null });
    expect(verdictOf(await served.question({ apiKey: disabled }))).toMatchObject({ code: 'api_key_disabled', status: 403 });
    expect(verdictOf(await served.question({ apiKey: poor }))).toMatchObject({
      code: 'insufficient_credits',
      status: 429,
      retryAfter: 43_200,
    });
    expect(verdictOf(await served.question({ apiKey: poor, service: 'other' }))).toMatchObject({ code: 'unknown_service', status: 404 });
    expect(verdictOf(await served.question({ apiKey: poor, service: '../default' }))).toMatchObject({ code: 'unknown_service' });
  });

  test('is never changed by --nginx', async () => {
    await serve({ nginx: true });
    expect(verdictOf(await served.question({ apiKey: '', service: 'other' }))).toMatchObject({ code: 'unknown_service', status: 404 });
  });

  test('may set the price, from nothing to 10^9', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'rich', 1e15);
    const { apiKey } = await served.key({ accountRef });
    expect(verdictOf(await served.question({ apiKey, cost: 0 }))).toMatchObject({ code: 'ok', cost: 0 });
    expect(verdictOf(await served.question({ apiKey, cost: 1e9 }))).toMatchObject({ code: 'ok', cost: 1e9 });
    expect(await served.spent('rich')).toBe(1e9);
  });

  test('names the service and the environment, by name or by code', async () => {
    await serve({
      before: async (store) => {
        await createService(store, 'cheap', 1);
        await store.write((tx) => tx.catalogue.insertEnvironment({ name: 'staging', code: 'stage' }));
      },
    });
    const { apiKey } = await served.key({ environment: 'staging' });
    expect(verdictOf(await served.question({ apiKey, service: 'cheap', environment: 'stage' }))).toMatchObject({ code: 'ok', cost: 1 });
    expect(verdictOf(await served.question({ apiKey, environment: 'staging' }))).toMatchObject({ code: 'ok' });
    for (const environment of ['production', 'prod', 'nonsense', '']) {
      expect(verdictOf(await served.question({ apiKey, environment }))).toMatchObject({ code: 'environment_mismatch', status: 403 });
    }
  });

  test("means the same to the store's own thread, and what cannot be an environment's name fails nobody else", async () => {
    const across = (store: Store): Store => replaced(store, { settle: (all) => store.settle(unpackRequests(packRequests(all))) });
    await serve({ environment: 'production', behind: across });
    const { apiKey } = await served.key();
    for (const environment of ['dev', 'nonsense', '', 'a\nb', '\n'])
      expect(verdictOf(await served.question({ apiKey, environment }))).toMatchObject({ code: 'environment_mismatch', status: 403 });
    const other = await served.key({ environment: 'development' });
    expect(verdictOf(await served.question({ apiKey: other.apiKey, environment: 'dev' }))).toMatchObject({ code: 'environment_mismatch' });
    expect(verdictOf(await served.question({ apiKey, environment: 'prod' }))).toMatchObject({ code: 'ok' });
    expect(await served.debits()).toHaveLength(1);
  });

  test('knows the code of an environment that was added while the server runs', async () => {
    await serve();
    await served.store.write((tx) => tx.catalogue.insertEnvironment({ name: 'staging', code: 'stage' }));
    const { apiKey } = await served.key({ environment: 'staging' });
    await served.second();
    expect(verdictOf(await served.question({ apiKey, environment: 'stage' }))).toMatchObject({ code: 'ok' });
  });

  test("cannot get around the server's environment", async () => {
    await serve({ environment: 'production' });
    const { apiKey } = await served.key({ environment: 'development' });
    const { apiKey: production } = await served.key();
    expect(verdictOf(await served.question({ apiKey }))).toMatchObject({ code: 'environment_mismatch' });
    expect(verdictOf(await served.question({ apiKey, environment: 'development' }))).toMatchObject({ code: 'environment_mismatch' });
    expect(verdictOf(await served.question({ apiKey: production, environment: 'dev' }))).toMatchObject({ code: 'environment_mismatch' });
    expect(verdictOf(await served.question({ apiKey: production, environment: 'prod' }))).toMatchObject({ code: 'ok' });
  });

  test('tells the address of the client, which is not the peer', async () => {
    await serve();
    const { apiKey } = await served.key({ allowedIps: ['203.0.113.0/24', '127.0.0.1/32'] });
    expect(verdictOf(await served.question({ apiKey }))).toMatchObject({ code: 'ip_not_allowed' });
    expect(verdictOf(await served.question({ apiKey, ip: '203.0.113.9' }))).toMatchObject({ code: 'ok' });
    expect(verdictOf(await served.question({ apiKey, ip: '::ffff:203.0.113.9' }))).toMatchObject({ code: 'ok' });
    expect(verdictOf(await served.question({ apiKey, ip: '198.51.100.1' }))).toMatchObject({ code: 'ip_not_allowed' });
  });

  test('that is a dry run charges nothing and counts nowhere', async () => {
    await serve();
    const { apiKey } = await served.key();
    const { apiKey: disabled } = await served.key({ disabledAt: 1 });
    expect(verdictOf(await served.question({ apiKey, dryRun: true }))).toMatchObject({ code: 'ok', debitId: null });
    expect(verdictOf(await served.question({ apiKey: disabled, dryRun: true }))).toMatchObject({ code: 'api_key_disabled' });
    expect(verdictOf(await served.question({ apiKey: 'nobody', dryRun: true }))).toMatchObject({ code: 'invalid_api_key' });
    await served.second();
    expect(await served.debits()).toHaveLength(0);
    expect(await served.store.read((tx) => tx.usage.denials({}, 10))).toEqual([]);
    expect((await served.ask('/metrics')).body).not.toMatch(/^keyctl_verdicts_total\{.* [1-9]/m);
  });

  test('that the store cannot answer is 503 as a problem, with the request id', async () => {
    await serve({ behind: (store) => replaced(store, { settle: () => Promise.reject(new Error('disk')) }) });
    const { apiKey } = await served.key();
    const answer = await served.question({ apiKey, requestId: 'abc' });
    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '1', 'x-request-id': 'abc', 'x-keyctl-code': 'store_unavailable' });
    expect(problem.parse(json(answer))).toMatchObject({ code: 'store_unavailable', requestId: 'abc' });
  });
});

describe('a question that is not well formed', () => {
  const bad: [string, unknown][] = [
    ['no object', []],
    ['null', null],
    ['a text', 'kc_prod'],
    ['no apiKey', {}],
    ['a null apiKey', { apiKey: null }],
    ['a number as apiKey', { apiKey: 1 }],
    ['an unknown field', { apiKey: 'x', userId: 'admin' }],
    ['a negative cost', { apiKey: 'x', cost: -1 }],
    ['a fraction as cost', { apiKey: 'x', cost: 0.5 }],
    ['a cost above 10^9', { apiKey: 'x', cost: 1_000_000_001 }],
    ['a text as cost', { apiKey: 'x', cost: '0' }],
    ['a name as ip', { apiKey: 'x', ip: 'localhost' }],
    ['an empty request id', { apiKey: 'x', requestId: '' }],
    ['a request id with a space', { apiKey: 'x', requestId: 'a b' }],
    ['a request id of 129 characters', { apiKey: 'x', requestId: 'a'.repeat(129) }],
    ['a text as dryRun', { apiKey: 'x', dryRun: 'false' }],
  ];

  test.each(bad)('is 400: %s', async (_, body) => {
    await serve();
    const answer = await served.question(body);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(problem.parse(json(answer))).toMatchObject({ code: 'bad_request', status: 400 });
  });

  test('is 400: something that JSON.parse takes for a prototype', async () => {
    await serve();
    const headers = { 'Content-Type': 'application/json' };
    const answer = await served.ask('/v1/verify', { method: 'POST', headers, body: '{"apiKey":"x","__proto__":{"cost":0}}' });
    expect(answer.status).toBe(400);
  });

  test('is not repeated, whatever it holds', async () => {
    await serve();
    const { apiKey } = await served.key();
    const headers = { 'Content-Type': 'application/json' };
    const bodies = [
      `{"${apiKey}":1}`,
      `{"apiKey":{"${apiKey}":1}}`,
      apiKey,
      `{"apiKey":"${apiKey}","ip":"${apiKey}"}`,
      `{"apiKey":"${apiKey}"`,
    ];
    for (const body of bodies) {
      const answer = await served.ask('/v1/verify', { method: 'POST', headers, body });
      expect(answer.status).toBe(400);
      expect(answer.body).not.toContain(apiKey.slice(0, 12));
    }
  });

  test('is 400: longer than 16 KiB, told or not', async () => {
    await serve();
    const long = JSON.stringify({ apiKey: 'x'.repeat(16_384) });
    expect((await served.question({ apiKey: 'x'.repeat(16_384) })).status).toBe(400);
    const chunks = `${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`;
    const head = 'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await served.raw(head + chunks)).toMatch(/^HTTP\/1\.1 400 [^]*longer than 16384 bytes/);
  });

  test('is 400: not UTF-8, cut in the middle, or chunked wrongly', async () => {
    await serve();
    const head = 'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    expect(await served.raw(`${head}Connection: close\r\nContent-Length: 14\r\n\r\n{"apiKey":"\xff"}`)).toMatch(
      /^HTTP\/1\.1 400 [^]*not JSON in UTF-8/,
    );
    expect(await served.raw(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"api\r\nzz\r\n`)).toMatch(
      /^HTTP\/1\.1 400 [^]*did not arrive whole/,
    );
    const wire = served.connect();
    wire.write(`${head}Content-Length: 100\r\n\r\n{"apiKey":`);
    wire.socket.end();
    expect(await wire.closed()).toMatch(/^HTTP\/1\.1 400 [^]*did not arrive whole/);
    expect(await served.debits()).toHaveLength(0);
  });

  test('is refused without the content type of JSON', async () => {
    await serve({ token: 'a-token' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', '']) {
      const headers = { Authorization: 'Bearer a-token', 'Content-Type': type };
      expect((await served.ask('/v1/verify', { method: 'POST', headers, body: '{"apiKey":""}' })).status).toBe(400);
    }
    const headers = { Authorization: 'Bearer a-token', 'Content-Type': 'Application/JSON; charset=utf-8' };
    expect((await served.ask('/v1/verify', { method: 'POST', headers, body: '{"apiKey":""}' })).status).toBe(200);
  });
});

test('a body that the client only offers is asked for', async () => {
  await serve();
  const { apiKey } = await served.key();
  const body = JSON.stringify({ apiKey });
  const wire = served.connect();
  wire.write('POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n');
  wire.write(`Connection: close\r\nContent-Length: ${String(body.length)}\r\n\r\n`);
  await wire.answers(1);
  wire.write(body);
  expect(await wire.closed()).toMatch(/^HTTP\/1\.1 100 [^]*HTTP\/1\.1 200 /);
});
