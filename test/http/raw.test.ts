import { afterEach, describe, expect, test } from '@jest/globals';
import { Served, gate, replaced, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

/** Whatever was sent, the server still answers. */
afterEach(async () => {
  expect((await served.ask('/healthz')).status).toBe(200);
  await served.end();
});

const CLOSE = 'Connection: close\r\n';

function head(target: string, ...headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');
}

describe('headers', () => {
  test('two API keys are none, even if they are the same, however they are spelled', async () => {
    await serve();
    const { apiKey } = await served.key();
    for (const other of ['X-API-Key', 'x-api-key', 'X-Api-KEY']) {
      const answer = await served.raw(head('/verify', `X-API-Key: ${apiKey}`, `${other}: ${apiKey}`, 'Connection: close'));
      expect(answer).toMatch(/^HTTP\/1\.1 401 [^]*X-Keyctl-Code: missing_api_key/);
    }
    expect(await served.debits()).toHaveLength(0);
  });

  test('underscores are another header', async () => {
    await serve();
    const { apiKey } = await served.key();
    expect(await served.raw(head('/verify', `X_API_Key: ${apiKey}`, 'Connection: close'))).toContain('missing_api_key');
    const both = await served.raw(head('/verify', `X_API_Key: nonsense`, `X-API-Key: ${apiKey}`, 'Connection: close'));
    expect(both).toMatch(/^HTTP\/1\.1 200 /);
  });

  test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])('named %s do nothing', async (name) => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.raw(head('/verify', `${name}: x`, `${name}: y`, `X-API-Key: ${apiKey}`, 'Connection: close'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(await served.raw(head('/metrics', `${name}: x`, 'Connection: close'))).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('of 16 KiB and more are 431', async () => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.raw(head('/verify', `X-API-Key: ${apiKey}`, `X-Long: ${'x'.repeat(17_000)}`));
    expect(answer).toMatch(/^HTTP\/1\.1 431 [^]*application\/problem\+json/);
    expect(await served.debits()).toHaveLength(0);
  });

  test('are all read, however many: what a proxy appends behind a thousand others still counts', async () => {
    await serve({ trustProxy: ['127.0.0.1'] });
    const { apiKey } = await served.key();
    const bound = await served.key({ allowedIps: ['203.0.113.9/32'] });
    const many = Array.from({ length: 1_500 }, () => 'a:');
    const close = 'Connection: close';
    const twice = await served.raw(head('/verify', `X-API-Key: ${apiKey}`, ...many, `X-API-Key: ${apiKey}`, close));
    expect(twice).toContain('X-Keyctl-Code: missing_api_key');
    const lied = ['X-Forwarded-For: 203.0.113.9', ...many, 'X-Forwarded-For: 198.51.100.7'];
    expect(await served.raw(head('/verify', `X-API-Key: ${bound.apiKey}`, ...lied, close))).toContain('X-Keyctl-Code: ip_not_allowed');
    expect(await served.debits()).toHaveLength(0);
    const local = ['GET /metrics HTTP/1.1', 'Host: localhost', ...many, 'Via: 1.1 proxy', close, '', ''].join('\r\n');
    expect(await served.raw(local)).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('that expect what nobody knows are answered like any other', async () => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.raw(head('/verify', `X-API-Key: ${apiKey}`, 'Expect: the unexpected', 'Connection: close'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*X-Keyctl-Code: ok/);
  });

  test('of another version are 400 and not charged', async () => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.raw(`GET /verify HTTP/2.0\r\nX-API-Key: ${apiKey}\r\n${CLOSE}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*X-Keyctl-Code: bad_request/);
    expect(await served.raw('GET /verify\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await served.debits()).toHaveLength(0);
  });

  test('a key of 9,000 characters, or in latin-1, is malformed', async () => {
    await serve();
    for (const apiKey of ['x'.repeat(9_000), 'kc_prod_\xe9\xff']) {
      expect(await served.raw(head('/verify', `X-API-Key: ${apiKey}`, 'Connection: close'))).toContain('X-Keyctl-Code: invalid_api_key');
    }
  });

  test('without a Host, or with two, are 400 in HTTP/1.1, and fine in HTTP/1.0', async () => {
    await serve();
    const { apiKey } = await served.key();
    const key = `X-API-Key: ${apiKey}\r\n`;
    expect(await served.raw(`GET /verify HTTP/1.1\r\n${key}${CLOSE}\r\n`)).toMatch(/^HTTP\/1\.1 400 [^]*Send exactly one Host/);
    expect(await served.raw(`GET /verify HTTP/1.1\r\nHost: a\r\nHost: b\r\n${key}${CLOSE}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await served.raw(`GET /verify HTTP/1.0\r\n${key}\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await served.debits()).toHaveLength(1);
  });
});

describe('targets', () => {
  test.each([
    ['http://x/verify', 200],
    ['http://x:80/verify/default?x', 200],
    ['HTTPS://x/verify/other/x', 404],
    ['http://x', 404],
    ['http://x?/verify', 404],
    ['http://x/y/verify', 404],
    ['http:///verify', 200],
  ])('in the absolute form: %s is %s', async (target, status) => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.raw(head(target, `X-API-Key: ${apiKey}`, 'Connection: close'));
    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${String(status)}`);
    expect(await served.debits()).toHaveLength(status === 200 ? 1 : 0);
  });

  test('in the asterisk form are no route, and CONNECT is no request', async () => {
    await serve();
    expect(await served.raw(`OPTIONS * HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
    expect(await served.raw('CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('of a service with 8,000 characters are unknown', async () => {
    await serve();
    const { apiKey } = await served.key();
    expect(await served.raw(head(`/verify/${'a'.repeat(8_000)}`, `X-API-Key: ${apiKey}`, 'Connection: close'))).toContain(
      'unknown_service',
    );
  });

  test('that ask for an upgrade are requests like any other', async () => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(head('/verify', `X-API-Key: ${apiKey}`, 'Upgrade: websocket', 'Connection: Upgrade'));
    expect(await wire.answers(1)).toEqual(['200']);
    wire.socket.destroy();
  });
});

describe('what is not HTTP', () => {
  test.each([
    ['nonsense', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a wrong version', 'GET /verify HTTP/9.9\r\n\r\n'],
    ['a header without a colon', 'GET /verify HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n'],
    ['a NUL in a header', 'GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: a\0b\r\n\r\n'],
    ['a folded header', 'GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: a\r\n b\r\n\r\n'],
    ['a space before the colon', 'GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key : a\r\n\r\n'],
    ['both lengths', 'POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['a negative length', 'POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n'],
  ])('is 400, and the connection ends: %s', async (_, bytes) => {
    await serve();
    const answer = await served.raw(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*Connection: close/);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ code: 'bad_request', status: 400 });
  });

  test('a request that is cut off is never charged', async () => {
    await serve();
    const { apiKey } = await served.key();
    for (const cut of [20, 40, 60]) {
      const wire = served.connect();
      wire.socket.end(head('/verify', `X-API-Key: ${apiKey}`).slice(0, cut));
      await wire.closed();
    }
    expect(await served.debits()).toHaveLength(0);
  });

  test('a client that resets its connection disturbs nobody', async () => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(head('/verify', `X-API-Key: ${apiKey}`));
    await wire.answers(1);
    wire.socket.resetAndDestroy();
    await wire.closed();
    expect(served.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('headers or a body that take too long are 408', async () => {
    await serve({ deps: { patience: { headersMs: 60, requestMs: 120, checkMs: 20 } } });
    expect(await served.rawAnswer('GET /verify HTTP/1.1\r\nHost: x\r\nX-API')).toMatch(/^HTTP\/1\.1 408 /);
    const slow = 'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{';
    expect(await served.rawAnswer(slow)).toMatch(/^HTTP\/1\.1 400 [^]*did not arrive whole/);
  });
});

describe('pipelined requests', () => {
  test('are answered in their order, each one charged', async () => {
    await serve();
    const { apiKey } = await served.key();
    const key = `X-API-Key: ${apiKey}`;
    const wire = served.connect();
    wire.write(
      head('/verify', key) + head('/healthz') + head('/verify/other', key) + head('/verify') + head('/verify', key, 'Connection: close'),
    );
    await wire.closed();
    expect(wire.statuses).toEqual(['200', '200', '404', '401', '200']);
    expect(await served.debits()).toHaveLength(2);
  });

  test('before broken bytes are answered first', async () => {
    const { opened, open } = gate();
    await serve({ behind: (store) => replaced(store, { settle: (requests) => opened.then(() => store.settle(requests)) }) });
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(head('/verify', `X-API-Key: ${apiKey}`) + 'nonsense\r\n\r\n');
    wire.write('more nonsense\r\n\r\n');
    expect((await served.ask('/healthz')).status).toBe(200);
    open();
    await wire.closed();
    expect(wire.statuses).toEqual(['200', '400']);
    expect(await served.debits()).toHaveLength(1);
  });

  test('after an answer that closes the connection are not charged', async () => {
    await serve();
    const { apiKey } = await served.key();
    const key = `X-API-Key: ${apiKey}`;
    const wire = served.connect();
    wire.write(head('/verify', key, 'Connection: close') + head('/verify', key) + head('/verify', key));
    await wire.closed();
    expect(wire.statuses).toEqual(['200']);
    expect(await served.debits()).toHaveLength(1);
  });
});

describe('what was pipelined after a request that ends the connection', () => {
  const large = 'x'.repeat(70_000);
  const get = (lines: string, key: string): string => `GET /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n${lines}\r\n`;
  const post = (path: string, lines: string, body: string, key: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${key}\r\nContent-Type: application/json\r\n${lines}\r\n\r\n${body}`;

  test.each([
    [
      'expects to be told to go on, with a body',
      (key: string) => post('/verify', 'Expect: 100-continue\r\nContent-Length: 1', 'x', key),
      ['200'],
    ],
    ['expects to be told to go on, without one', (key: string) => get('Expect: 100-continue\r\n', key), ['200']],
    ['expects so of a path that asks nobody', () => 'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n', ['200']],
    ['has a body that is too long', (key: string) => post('/v1/verify', 'Content-Length: 17000', 'x'.repeat(17_000), key), ['400']],
    ['has a body that is not read', (key: string) => post('/verify', 'Content-Length: 70000', large, key), ['200']],
    [
      'has a chunked body that is not read',
      (key: string) => post('/verify', 'Transfer-Encoding: chunked', `11170\r\n${large}\r\n0\r\n\r\n`, key),
      ['200'],
    ],
  ])('is neither charged nor answered where that %s', async (_, first, statuses) => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(first(apiKey) + get('', apiKey).repeat(3));
    await wire.closed();
    expect(wire.statuses).toEqual(statuses);
    const charged = first(apiKey).includes(' /verify ') ? 1 : 0;
    expect(await served.debits()).toHaveLength(charged);
  });

  test('CONNECT is 400, after the answers that are under way', async () => {
    const { opened, open } = gate();
    await serve({ behind: (store) => replaced(store, { settle: (requests) => opened.then(() => store.settle(requests)) }) });
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(get('', apiKey).repeat(2) + 'CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n' + get('', apiKey));
    expect((await served.ask('/healthz')).status).toBe(200);
    open();
    await wire.closed();
    expect(wire.statuses).toEqual(['200', '200', '400']);
    expect(await served.debits()).toHaveLength(2);
  });

  test('goes on where a body was asked for', async () => {
    await serve();
    const { apiKey } = await served.key();
    const body = JSON.stringify({ apiKey });
    const wire = served.connect();
    wire.write(
      post('/v1/verify', `Expect: 100-continue\r\nContent-Length: ${String(body.length)}`, body, apiKey) +
        get('Connection: close\r\n', apiKey),
    );
    await wire.closed();
    expect(wire.statuses).toEqual(['100', '200', '200']);
    expect(await served.debits()).toHaveLength(2);
  });
});

describe('a body on /verify', () => {
  test.each(['xchunked', 'gzip, chunked', 'identity'])('of coding %s is 400 and not charged', async (coding) => {
    await serve();
    const { apiKey } = await served.key();
    const answer = await served.raw(
      `POST /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nTransfer-Encoding: ${coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP/gm)).toHaveLength(1);
    expect(await served.debits()).toEqual([]);
  });

  test('is thrown away and the connection goes on', async () => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    const body = 'x'.repeat(60_000);
    wire.write(`POST /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nContent-Length: 60000\r\n\r\n${body}`);
    wire.write(`POST /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    wire.write(head('/verify', `X-API-Key: ${apiKey}`, 'Connection: close'));
    await wire.closed();
    expect(wire.statuses).toEqual(['200', '200', '200']);
    expect(await served.debits()).toHaveLength(3);
  });

  test('that is announced longer than 64 KiB, or only offered, ends the connection after the answer', async () => {
    await serve();
    const { apiKey } = await served.key();
    for (const lines of ['Content-Length: 65537', 'Content-Length: 5\r\nExpect: 100-continue']) {
      const answer = await served.raw(`POST /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\n${lines}\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/);
    }
    expect(await served.debits()).toHaveLength(2);
  });

  test('without an end is cut off after 64 KiB', async () => {
    await serve();
    const { apiKey } = await served.key();
    const wire = served.connect();
    wire.write(`POST /verify HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = `4000\r\n${'x'.repeat(16_384)}\r\n`;
    let sent = 0;
    while (!wire.socket.closed) {
      if (wire.socket.writable && wire.socket.writableLength === 0) {
        wire.write(chunk);
        sent += 16_384;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(wire.statuses).toEqual(['200']);
    expect(sent).toBeLessThan(20_000_000);
    expect(await served.debits()).toHaveLength(1);
  });
});

test.each([
  ['by the rules of access', 'POST /v1/verify HTTP/1.1\r\nHost: api.example'],
  ['for want of a Host', 'POST /verify HTTP/1.1'],
])('a body of a request that is refused %s is cut off after 64 KiB too', async (_, start) => {
  await serve();
  const wire = served.connect();
  wire.write(`${start}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `4000\r\n${'x'.repeat(16_384)}\r\n`;
  let sent = 0;
  while (!wire.socket.closed && sent < 50_000_000) {
    if (wire.socket.writable && wire.socket.writableLength === 0) {
      wire.write(chunk);
      sent += 16_384;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(wire.socket.closed).toBe(true);
});

test('a client that has closed its own half still gets its answer', async () => {
  const { opened, open } = gate();
  await serve({ behind: (store) => replaced(store, { settle: (requests) => opened.then(() => store.settle(requests)) }) });
  const { apiKey } = await served.key();
  const wire = served.connect();
  wire.write(head('/verify', `X-API-Key: ${apiKey}`).repeat(2));
  wire.socket.end();
  // Two round trips later the server has seen that nothing more comes.
  for (let trips = 0; trips < 2; trips += 1) await served.ask('/healthz');
  open();
  await wire.closed();
  expect(wire.statuses).toEqual(['200', '200']);
  expect(await served.debits()).toHaveLength(2);
});
