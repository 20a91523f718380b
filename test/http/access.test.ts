import { statSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { problem } from '../../src/http/schemas.ts';
import { Served, json, type Answer, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

/** The three routes that only a trusted caller may use. */
function trusted(headers: Record<string, string> = {}): Promise<Answer[]> {
  return Promise.all([
    served.ask('/v1/verify', { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: '{"apiKey":""}' }),
    served.ask('/v1/debits/deb_1/refund', { method: 'POST', headers }),
    served.ask('/metrics', { headers }),
  ]);
}

const ADMITTED = [200, 404, 200];

async function statuses(answers: Promise<Answer[]>): Promise<number[]> {
  return (await answers).map((answer) => answer.status);
}

describe('on loopback without a token', () => {
  test('a local program may use every route', async () => {
    await serve();
    expect(await statuses(trusted())).toEqual(ADMITTED);
    expect((await served.ask('/readyz')).status).toBe(200);
    expect((await served.ask('/openapi.json')).status).toBe(200);
  });

  test.each([
    ['Forwarded', 'for=203.0.113.9'],
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Forwarded-Host', 'api.example'],
    ['X-Forwarded-Anything', ''],
    ['x-forwarded-proto', 'https'],
    ['Via', '1.1 proxy'],
    ['X-Real-IP', '203.0.113.9'],
    ['Origin', 'https://evil.example'],
    ['Origin', 'null'],
  ])('what came through a proxy or from a web page is refused: %s: %s', async (name, value) => {
    await serve();
    for (const answer of await trusted({ [name]: value })) {
      expect(answer.status).toBe(403);
      expect(problem.parse(json(answer))).toMatchObject({ code: 'forbidden', status: 403 });
    }
  });

  test.each(['api.example', 'localhost.example', '10.0.0.1', '127.0.0.1.example:80', '[2001:db8::1]', 'evil@127.0.0.1', '2130706433'])(
    'another host than a loopback one is refused: %s',
    async (host) => {
      await serve();
      expect(await statuses(trusted({ Host: host }))).toEqual([403, 403, 403]);
    },
  );

  test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.1.2.3:1', '[::1]:8080', '[::ffff:127.0.0.1]'])(
    'a loopback host will do: %s',
    async (host) => {
      await serve();
      expect(await statuses(trusted({ Host: host }))).toEqual(ADMITTED);
    },
  );

  test('the host of an absolute target counts as well', async () => {
    await serve();
    const head = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    expect(await served.raw(`GET http://evil.example/metrics ${head}`)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await served.raw(`GET http://127.0.0.1:80/metrics ${head}`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('every Host counts where there may be two, and HTTP/1.0 is what nginx speaks to what is behind it', async () => {
    await serve();
    const two = 'Host: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n';
    for (const version of ['1.0', '1.1']) expect(await served.raw(`GET /metrics HTTP/${version}\r\n${two}`)).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(await served.raw('GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await served.raw('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await served.raw('GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a body that is no JSON is refused, as a web page would send it', async () => {
    await serve();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const asked = { method: 'POST', headers: { 'Content-Type': type }, body: '{"apiKey":""}' };
      expect((await served.ask('/v1/verify', asked)).status).toBe(403);
      expect((await served.ask('/v1/debits/deb_1/refund', asked)).status).toBe(403);
    }
  });

  test('proxies may ask /verify, and customers for their own usage', async () => {
    await serve();
    const { apiKey } = await served.key();
    const headers = {
      'X-API-Key': apiKey,
      'X-Forwarded-For': '203.0.113.9',
      Via: '1.1 proxy',
      Host: 'api.example',
      Origin: 'https://app.example',
    };
    expect((await served.ask('/verify', { headers })).status).toBe(200);
    expect((await served.ask('/v1/usage/self', { headers })).status).toBe(200);
    expect((await served.ask('/healthz', { headers })).status).toBe(200);
    expect((await served.ask('/readyz', { headers })).status).toBe(200);
  });
});

describe('on a Unix socket', () => {
  test('the peer is local, and the file has the mode that was asked for', async () => {
    await serve({ onSocket: true });
    expect(await statuses(trusted())).toEqual(ADMITTED);
    expect(await statuses(trusted({ Via: '1.1 proxy' }))).toEqual([403, 403, 403]);
    const { target } = served;
    expect('path' in target && statSync(target.path).mode & 0o777).toBe(0o600);
  });
});

describe('with a token', () => {
  const TOKEN = 'q3-token.of/operators+~=';
  const paths = ['/verify', '/readyz', '/openapi.json', '/metrics', '/no/such/route'];

  test('every route but the two open ones asks for it', async () => {
    await serve({ token: TOKEN });
    served.secret(TOKEN);
    const { apiKey } = await served.key();
    for (const path of paths) {
      const answer = await served.verify(apiKey, path);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="keyctl"');
      expect(problem.parse(json(answer))).toMatchObject({ code: 'unauthorized' });
    }
    expect(await statuses(trusted())).toEqual([401, 401, 401]);
    expect((await served.ask('/healthz')).status).toBe(200);
    expect((await served.verify(apiKey, '/v1/usage/self')).status).toBe(200);
    expect(await served.debits()).toHaveLength(0);
  });

  test('who has it may use them all, from any host and through any proxy', async () => {
    await serve({ token: TOKEN });
    const { apiKey } = await served.key();
    const headers = { Authorization: `Bearer ${TOKEN}`, Host: 'keyctl.internal', 'X-Forwarded-For': '203.0.113.9', Via: '1.1 proxy' };
    expect(await statuses(trusted(headers))).toEqual(ADMITTED);
    expect((await served.verify(apiKey, '/verify', headers)).status).toBe(200);
    expect((await served.verify(apiKey, '/verify', { Authorization: `bearer   ${TOKEN}` })).status).toBe(200);
  });

  test.each([
    '',
    'Bearer',
    'Bearer ',
    'Bearer x',
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer "${TOKEN}"`,
  ])('anything else is refused: %s', async (authorization) => {
    await serve({ token: TOKEN });
    expect(await statuses(trusted({ Authorization: authorization }))).toEqual([401, 401, 401]);
  });

  test('one that comes twice is refused', async () => {
    await serve({ token: TOKEN });
    const header = `Authorization: Bearer ${TOKEN}\r\n`;
    expect(await served.raw(`GET /metrics HTTP/1.1\r\nHost: x\r\n${header}${header}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('with allowed peers', () => {
  test('others are refused on every route but the two open ones', async () => {
    await serve({ allowPeer: ['203.0.113.0/24'] });
    const { apiKey } = await served.key();
    expect(await statuses(trusted())).toEqual([403, 403, 403]);
    expect((await served.verify(apiKey)).status).toBe(403);
    expect((await served.verify(apiKey, '/verify', { 'X-Forwarded-For': '203.0.113.9' })).status).toBe(403);
    expect((await served.ask('/healthz')).status).toBe(200);
    expect((await served.verify(apiKey, '/v1/usage/self')).status).toBe(200);
    expect(await served.debits()).toHaveLength(0);
  });

  test('the allowed ones pass; beside a token they need that too', async () => {
    await serve({ allowPeer: ['127.0.0.0/8'], token: 'a-token' });
    const { apiKey } = await served.key();
    expect((await served.verify(apiKey)).status).toBe(401);
    expect((await served.verify(apiKey, '/verify', { Authorization: 'Bearer a-token' })).status).toBe(200);
  });

  test('let the server listen off loopback, where callers need no loopback host', async () => {
    await serve({ host: '0.0.0.0', allowPeer: ['127.0.0.1'] });
    const port = new URL(served.server.address).port;
    expect(served.server.address).toBe(`http://0.0.0.0:${port}`);
    expect(await statuses(trusted({ Host: 'keyctl.internal' }))).toEqual(ADMITTED);
  });
});
