import { describe, expect, test } from '@jest/globals';
import { readPlainRequest } from '../../src/http/plain-request.ts';

function read(...lines: string[]): ReturnType<typeof readPlainRequest> {
  return readPlainRequest(Buffer.from([...lines, '', ''].join('\r\n'), 'latin1'), '192.0.2.1');
}

const FIRST = 'GET /verify HTTP/1.1';
const HOST = 'Host: x';

describe('a plain request', () => {
  test('is read as it came', () => {
    expect(
      read('POST /verify/a.b/%2e?c=/d HTTP/1.1', 'X-API-Key:\t kc_prod_x \t', HOST, 'x-empty:', 'X-Latin: \xe9 \xff', 'X-API-Key: y'),
    ).toEqual({
      method: 'POST',
      httpVersion: '1.1',
      target: { authority: null, path: '/verify/a.b/%2e' },
      rawHeaders: ['X-API-Key', 'kc_prod_x', 'Host', 'x', 'x-empty', '', 'X-Latin', '\xe9 \xff', 'X-API-Key', 'y'],
      peerIp: '192.0.2.1',
    });
  });

  test.each(['Connection: keep-alive', 'connection: Keep-Alive', 'Content-Length: 0', 'Keep-Alive: timeout=5', 'Accept: */*', 'tee: x'])(
    'may say %s',
    (field) => {
      expect(read(FIRST, HOST, field)).not.toBeNull();
    },
  );

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('may be %s', (method) => {
    expect(read(`${method} /verify HTTP/1.1`, HOST)?.method).toBe(method);
  });
});

describe("what is left to Node's parser", () => {
  test.each([
    ['another version', ['GET /verify HTTP/1.0', HOST]],
    ['another route', ['GET /metrics HTTP/1.1', HOST]],
    ['the absolute form', ['GET http://x/verify HTTP/1.1', HOST]],
    ['another method', ['TRACE /verify HTTP/1.1', HOST]],
    ['a method in lower case', ['get /verify HTTP/1.1', HOST]],
    ['two spaces', ['GET  /verify HTTP/1.1', HOST]],
    ['a tab', ['GET\t/verify HTTP/1.1', HOST]],
    ['a space in the target', ['GET /verify /x HTTP/1.1', HOST]],
    ['a fragment', ['GET /verify#x HTTP/1.1', HOST]],
    ['a byte beyond ASCII in the target', ['GET /verify/\xe9 HTTP/1.1', HOST]],
    ['no Host', [FIRST, 'X-API-Key: x']],
    ['two Hosts', [FIRST, HOST, HOST]],
    ['no fields', [FIRST]],
    ['a folded field', [FIRST, HOST, 'X-API-Key: x', ' y']],
    ['a space before the colon', [FIRST, HOST, 'X-API-Key : x']],
    ['a field without a colon', [FIRST, HOST, 'X-API-Key']],
    ['a field without a name', [FIRST, HOST, ': x']],
    ['a control in a value', [FIRST, HOST, 'X-API-Key: \x01']],
    ['a zero byte in a value', [FIRST, HOST, 'X-API-Key: a\0b']],
    ['a bare line feed in a value', [FIRST, HOST, 'X-API-Key: a\nTransfer-Encoding: chunked']],
    ['a bare carriage return in a value', [FIRST, HOST, 'X-API-Key: a\rb']],
    ['a body', [FIRST, HOST, 'Content-Length: 1']],
    ['a length that is no number', [FIRST, HOST, 'Content-Length: 0x0']],
    ['a length with a sign', [FIRST, HOST, 'Content-Length: +0']],
    ['a length with a tab behind it', [FIRST, HOST, 'Content-Length: 0\t']],
    ['a length with a blank and a tab behind it', [FIRST, HOST, 'Content-Length: 0 \t']],
    ['two lengths', [FIRST, HOST, 'Content-Length: 0', 'content-length: 0']],
    ['chunks', [FIRST, HOST, 'Transfer-Encoding: chunked']],
    ['any transfer coding', [FIRST, HOST, 'transfer-encoding: identity']],
    ['the wish to close', [FIRST, HOST, 'Connection: close']],
    ['several options of the connection', [FIRST, HOST, 'Connection: keep-alive, close']],
    ['the connection of a proxy of old', [FIRST, HOST, 'Proxy-Connection: keep-alive']],
    ['an upgrade', [FIRST, HOST, 'Upgrade: h2c']],
    ['an expectation', [FIRST, HOST, 'Expect: 100-continue']],
    ['a trailer', [FIRST, HOST, 'Trailer: x']],
    ['8 KiB', [FIRST, HOST, `X: ${'x'.repeat(8_192)}`]],
  ])('%s', (_, lines) => {
    expect(read(...lines)).toBeNull();
  });

  test('less or more than one request', () => {
    const whole = `${FIRST}\r\n${HOST}\r\n\r\n`;
    expect(readPlainRequest(Buffer.from(whole), null)).not.toBeNull();
    for (let length = 0; length < whole.length; length += 1) expect(readPlainRequest(Buffer.from(whole.slice(0, length)), null)).toBeNull();
    for (const more of ['x', '\r\n', whole]) expect(readPlainRequest(Buffer.from(whole + more), null)).toBeNull();
  });

  test('lines that end otherwise', () => {
    expect(readPlainRequest(Buffer.from(`${FIRST}\n${HOST}\n\n`), null)).toBeNull();
    expect(readPlainRequest(Buffer.from(`${FIRST}\r\n${HOST}\n\r\n`), null)).toBeNull();
  });
});
