import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ROUTES, type RouteName } from '../../src/http/routes.ts';
import { Contract, parseAnswer } from './openapi-contract.ts';
import { Served, createAccount, json, replaced, type Answer, type Ask, type ServedOptions } from './served.ts';

// Every answer of a real server against the document that the same server has at /openapi.json.

let served: Served;
let contract: Contract;

async function serve(options: ServedOptions = {}, headers: Record<string, string> = {}): Promise<void> {
  served = await Served.start(options);
  const answer = await served.ask('/openapi.json', { headers });
  contract = new Contract(answer.body);
}

afterEach(async () => {
  connection = 'close';
  await served.end();
});

/** Plain requests on a connection that goes on are answered by another part of the server than all the others. */
let connection: 'close' | 'keep-alive' = 'close';

async function ask(path: string, { method = 'GET', headers = {}, ...more }: Ask = {}): Promise<Answer> {
  const answer = await served.ask(path, { method, headers: { Connection: connection, ...headers }, ...more });
  return contract.check(path, method, answer);
}

function verify(apiKey: string, path = '/verify', headers: Record<string, string> = {}): Promise<Answer> {
  return ask(path, { headers: { 'X-API-Key': apiKey, ...headers } });
}

function question(body: object, headers: Record<string, string> = {}): Promise<Answer> {
  return ask('/v1/verify', { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

const refund = (id: string): Promise<Answer> => ask(`/v1/debits/${id}/refund`, { method: 'POST' });
const self = (apiKey: string): Promise<Answer> => ask('/v1/usage/self', { headers: { 'X-API-Key': apiKey } });

/** Keys for every denial that is about a key, by the code. */
async function troubles(): Promise<Record<string, string>> {
  const suspended = await createAccount(served.store, 'suspended', 1_000);
  await served.store.write((tx, now) => tx.accounts.update(suspended, { suspendedAt: now }));
  const poor = await createAccount(served.store, 'poor', 99, { requestsPerSecond: 3, burst: 4 });
  const fast = await createAccount(served.store, 'fast', 1e6, { requestsPerSecond: 1, burst: 1 });
  const secret = async (patch: Parameters<Served['key']>[0]): Promise<string> => (await served.key(patch)).apiKey;
  return {
    missing_api_key: '',
    invalid_api_key: 'made up',
    api_key_disabled: await secret({ disabledAt: 1 }),
    api_key_expired: await secret({ expiresAt: 1 }),
    account_suspended: await secret({ accountRef: suspended }),
    environment_mismatch: await secret({ environment: 'development' }),
    ip_not_allowed: await secret({ allowedIps: ['203.0.113.0/24'] }),
    service_not_allowed: await secret({ services: ['other'] }),
    insufficient_credits: await secret({ accountRef: poor }),
    request_limit_reached: await secret({ accountRef: fast }),
    ok: await secret({ dailyCap: 1_000 }),
  };
}

const VERIFY_PATHS = ['/verify', '/verify/default', '/verify/default/any/thing'];
const STRICT = { environment: 'production', requestIdHeader: 'X-Proxy-Id' } as const;
const BROKEN_STORE: ServedOptions = {
  behind: (store) => {
    let reads = 0;
    return replaced(store, {
      // The first read is the server's own, at its start.
      read: (act) => (reads++ === 0 ? store.read(act) : Promise.reject(new Error('disk'))),
      write: () => Promise.reject(new Error('disk')),
      settle: () => Promise.reject(new Error('disk')),
    });
  },
};

/** What of the document no answer was yet, for some of its paths, without the status. */
function unseen(paths: string, but: RegExp): string[] {
  const left = contract.unseen().filter((one) => one.startsWith(paths) && !but.test(one));
  return left.map((one) => one.replace(/ \d{3}\b/, ''));
}

describe.each([
  ['as it is', 'close', {}],
  ['on a connection that goes on', 'keep-alive', {}],
  ['with --nginx', 'keep-alive', { nginx: true }],
  ['with another status for spent credits', 'keep-alive', { exhaustedStatus: 429 }],
  ['with both', 'close', { nginx: true, exhaustedStatus: 418 }],
] as const)('/verify, %s', (_, way, options) => {
  beforeEach(() => {
    connection = way;
  });

  test('gives every verdict of the document, and no other', async () => {
    await serve({ ...STRICT, ...options });
    expect(await contract.faults()).toEqual([]);
    const keys = await troubles();
    await verify(keys['request_limit_reached'] ?? '');
    for (const [round, path] of VERIFY_PATHS.entries()) {
      for (const [code, apiKey] of Object.entries(keys)) expect((await verify(apiKey, path)).headers['x-keyctl-code']).toBe(code);
      const id = { 'X-Proxy-Id': `id-${String(round)}` };
      await verify(keys['ok'] ?? '', path, id);
      await verify((await served.key()).apiKey, path, id);
      // Enough for the account's five requests a second, and not for the one that is at its limit.
      served.clock.now += 400;
    }
    for (const path of ['/verify/', '/verify/no-such', '/verify/no-such/thing']) await verify(keys['ok'] ?? '', path);
    // /verify alone is of the service `default`; what the callers and the store may do wrong has tests of its own.
    expect(unseen('/verify', /(bad_request|unauthorized|forbidden|store_unavailable)$/)).toEqual(['/verify unknown_service']);
  });

  test('admits by any of its methods, and is 503 by any where the store fails', async () => {
    await serve({ ...STRICT, ...options });
    const { apiKey } = await served.key();
    for (const path of VERIFY_PATHS) {
      for (const method of ROUTES.verify.methods) {
        served.clock.now += 1_000;
        expect((await ask(path, { method, headers: { 'X-API-Key': apiKey } })).status).toBe(200);
      }
    }
    await served.end();
    await serve({ ...BROKEN_STORE, ...options });
    const { apiKey: another } = await served.key();
    for (const path of VERIFY_PATHS) {
      for (const method of ROUTES.verify.methods) {
        const answer = await ask(path, { method, headers: { 'X-API-Key': another } });
        expect(answer.headers).toMatchObject({ 'x-keyctl-code': 'store_unavailable', 'retry-after': '1' });
      }
    }
  });
});

test('/verify with --service may be of one that is not there, whatever its path', async () => {
  await serve({ service: 'gone' });
  for (const path of VERIFY_PATHS) expect((await verify('', path)).status).toBe(404);
  expect(unseen('/verify unknown_service', / {2}/)).toEqual([]);
});

describe('/v1/verify', () => {
  test('tells every verdict, a replay and a dry run in the shape of the document', async () => {
    await serve(STRICT);
    const keys = await troubles();
    await question({ apiKey: keys['request_limit_reached'] });
    for (const [code, apiKey] of Object.entries(keys)) expect(json(await question({ apiKey }))).toMatchObject({ code });
    const { ok: apiKey } = keys;
    expect(json(await question({ apiKey, service: 'no-such' }))).toMatchObject({ code: 'unknown_service' });
    for (const replayed of [false, true]) expect(json(await question({ apiKey, requestId: 'r' }))).toMatchObject({ replayed });
    expect(json(await question({ apiKey, requestId: 'r', cost: 1 }))).toMatchObject({ code: 'request_id_conflict' });
    expect(json(await question({ apiKey, dryRun: true, ip: '203.0.113.9', environment: 'prod', cost: 0 }))).toMatchObject({ code: 'ok' });
  });

  test('takes what the document describes, and nothing else', async () => {
    await serve();
    const question_ = { $ref: '#/components/schemas/Question' };
    const good = [{ apiKey: 'x' }, { apiKey: '', service: 'x', environment: 'y', cost: 1e9, ip: '::1', requestId: 'a', dryRun: true }];
    const bad = [
      {},
      { apiKey: 1 },
      { apiKey: 'x', cost: 1e9 + 1 },
      { apiKey: 'x', cost: 0.5 },
      { apiKey: 'x', requestId: 'a b' },
      { apiKey: 'x', more: 1 },
    ];
    for (const body of good) {
      contract.fits(question_, body);
      expect((await question(body)).status).toBe(200);
    }
    for (const body of bad) {
      expect(() => contract.fits(question_, body)).toThrow();
      expect((await question(body)).status).toBe(400);
    }
  });
});

describe('/v1/debits/{id}/refund', () => {
  test('answers as the document says, refunded or not', async () => {
    await serve();
    const { apiKey } = await served.key();
    const id = String((await verify(apiKey)).headers['x-keyctl-debit-id']);
    const free = String(json(await question({ apiKey, cost: 0, requestId: 'r' }))['debitId']);
    for (const one of [id, id, free]) expect((await refund(one)).status).toBe(200);
    expect((await refund('deb_1')).status).toBe(404);
    const late = String((await verify(apiKey)).headers['x-keyctl-debit-id']);
    served.clock.now += 86_400_001;
    expect((await refund(late)).status).toBe(409);
    expect(unseen('/v1/debits', /(bad_request|unauthorized|forbidden|store_unavailable)$/)).toEqual([]);
  });
});

describe('/v1/usage/self', () => {
  test('tells what the document says, or denies as it says', async () => {
    await serve();
    const keys = await troubles();
    for (const [code, apiKey] of Object.entries(keys)) {
      const answer = await self(apiKey);
      expect(answer.headers['x-keyctl-code']).toBe(answer.status === 200 ? 'ok' : code);
    }
    await ask('/v1/usage/self', { method: 'HEAD', headers: { 'X-API-Key': keys['ok'] ?? '' } });
    await ask('/v1/usage/self', { method: 'HEAD' });
    expect(unseen('/v1/usage', /(bad_request|store_unavailable)$/)).toEqual([]);
  });
});

/** A path and a method of each route. */
const ONE_OF_EACH = Object.entries(ROUTES).map(([name, { paths, methods }]) => {
  const path = (name === 'verify' ? '/verify/{service}/{rest}' : paths[0]).replace(/\{(\w+)\}/g, (_, part) =>
    part === 'id' ? 'deb_1' : 'default',
  );
  return { name: name as RouteName, path, methods };
});

describe('on every route', () => {
  test('an answer may gain fields in a later release, a question may have no others', async () => {
    await serve();
    const { schemas } = contract.document.components;
    const closed = Object.entries(schemas).filter(([, schema]) => JSON.stringify(schema).includes('"additionalProperties":false'));
    expect(closed.map(([name]) => name)).toEqual(['Question']);
  });

  test('liveness, readiness, metrics and the document itself are as it says, by GET and HEAD', async () => {
    await serve();
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json']) {
      for (const method of ['GET', 'HEAD']) expect((await ask(path, { method })).status).toBe(200);
    }
  });

  test('a caller without the token is 401', async () => {
    const token = { Authorization: 'Bearer right' };
    await serve({ token: 'right' }, token);
    expect(await contract.faults()).toEqual([]);
    for (const { name, path, methods } of ONE_OF_EACH) {
      if (name === 'health' || name === 'self') continue;
      for (const method of methods) expect((await ask(path, { method, headers: { Authorization: 'Bearer wrong' } })).status).toBe(401);
    }
    for (const path of VERIFY_PATHS) await ask(path);
    expect(unseen('/', /.*(?<!unauthorized)$/)).toEqual([]);
    expect((await ask('/metrics', { headers: token })).status).toBe(200);
  });

  test('a caller from elsewhere is 403', async () => {
    await serve();
    const { document } = contract;
    await served.end();
    served = await Served.start({ allowPeer: ['203.0.113.0/24'] });
    contract = new Contract(JSON.stringify(document));
    for (const { name, path, methods } of ONE_OF_EACH) {
      if (name === 'health' || name === 'self') continue;
      for (const method of methods) expect((await ask(path, { method })).headers['x-keyctl-code']).toBe('forbidden');
    }
    for (const path of VERIFY_PATHS) await ask(path);
    expect(unseen('/', /.*(?<!forbidden)$/)).toEqual([]);
  });

  test('a store that fails is 503', async () => {
    await serve(BROKEN_STORE);
    const { apiKey } = await served.key();
    for (const path of VERIFY_PATHS) await verify(apiKey, path);
    await question({ apiKey });
    await refund('deb_1');
    await self(apiKey);
    await ask('/readyz');
    expect(unseen('/', /.*(?<!store_unavailable)$/)).toEqual([]);
  });

  test('what is no request is 400, 431 or 408', async () => {
    await serve();
    const paths = [
      ...ONE_OF_EACH.map(({ path, methods }) => [path, methods[0]] as const),
      ...VERIFY_PATHS.map((path) => [path, 'GET'] as const),
    ];
    const statusesOf = async (rest: string): Promise<readonly number[]> => {
      const send = async (path: string, method: string) =>
        contract.check(path, method, parseAnswer(await served.rawAnswer(`${method} ${path} HTTP/1.1\r\n${rest}`)));
      return (await Promise.all(paths.map(([path, method]) => send(path, method)))).map(({ status }) => status);
    };
    expect(await statusesOf('Connection: close\r\n\r\n')).toEqual(paths.map(() => 400));
    expect(await statusesOf(`Host: x\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`)).toEqual(paths.map(() => 431));
    // Only what never comes is sent to a server that waits so little: on a busy machine all else could be late there as well.
    await served.end();
    served = await Served.start({ deps: { patience: { headersMs: 250, requestMs: 250, checkMs: 50 } } });
    expect(await statusesOf('Host: x\r\nX-API')).toEqual(paths.map(() => 408));
    expect(unseen('/', /.*(?<!bad_request)$/)).toEqual([]);
  });

  test('a wrong method or path is a problem of the same shape, and the right methods are those of the document', async () => {
    await serve();
    for (const { name, path, methods } of ONE_OF_EACH) {
      const answer = name === 'verify' ? await served.ask('/no-such-route') : await served.ask(path, { method: 'DELETE' });
      expect(answer.status).toBe(name === 'verify' ? 404 : 405);
      contract.fits({ $ref: '#/components/schemas/Problem' }, json(answer));
      if (name !== 'verify') expect(answer.headers['allow']).toBe(methods.join(', '));
      expect(answer.headers).toMatchObject({ 'x-keyctl-code': json(answer)['code'], 'x-keyctl-status': String(answer.status) });
    }
  });
});
