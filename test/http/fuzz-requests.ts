import { mintApiKey } from '../../src/domain/api-key.ts';
import type { Chance } from '../chance.ts';

/** What one connection does: it writes its bytes in these pieces, and then ends its half, resets, or says nothing more. */
export interface Case {
  readonly pieces: readonly string[];
  readonly end: 'end' | 'reset' | 'silence';
}

/** A case by the grammar of HTTP, garbled or not. `alike` is a key that is valid: what is made of it never is. */
export function fuzzCase(chance: Chance, alike: string): Case {
  let bytes = Array.from({ length: 1 + chance.below(chance.once(4) ? 12 : 2) }, () => request(chance, alike)).join('');
  if (chance.once(3)) for (let times = 1 + chance.below(4); times > 0; times -= 1) bytes = garbled(chance, bytes);
  // However it was garbled, it does not hold the key that it was made like.
  bytes = bytes.replaceAll(alike, alike.slice(1));
  return { pieces: cut(chance, bytes), end: chance.one(['end', 'end', 'end', 'end', 'reset', 'silence']) };
}

const METHODS = [
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PRI',
  'get',
  'G ET',
  '',
] as const;
const TARGETS = [
  ...[
    '/verify',
    '/verify',
    '/verify',
    '/verify/default',
    '/verify/nowhere',
    '/verify/',
    '/verify//',
    '/verify/../verify',
    '/verify?x=1',
    '/verify#x',
  ],
  ...[
    '/v1/verify',
    '/v1/verify',
    '/v1/verify',
    '/v1/usage/self',
    '/v1/debits/deb_1/refund',
    '/v1/debits/%00/refund',
    '/metrics',
    '/healthz',
    '/readyz',
  ],
  ...[
    '/openapi.json',
    '*',
    '',
    '/',
    'http://localhost/verify',
    'http://x/v1/verify',
    '//verify',
    '/verify/%2e%2e',
    '/verify\\x',
    'verify',
    '/verify/\xe9',
  ],
] as const;
const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/1.2',
  'HTTP/11',
  'http/1.1',
  'HTTP/1.1 x',
  '',
] as const;
const NAMES = [
  ...[
    'Host',
    'X-API-Key',
    'X-Api-Key',
    'x_api_key',
    'X-API-Key ',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Expect',
    'Upgrade',
    'TE',
    'Trailer',
  ],
  ...[
    'X-Forwarded-For',
    'X_Forwarded_For',
    'Forwarded',
    'Via',
    'Origin',
    'X-Real-IP',
    'X-Original-URL',
    'X-HTTP-Method-Override',
    'Authorization',
    'Cookie',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'hasOwnProperty',
    'X-Proxy-Id',
    'X-Keyctl-Code',
    'Accept',
    'Content-Type',
    '',
    ':',
    ' ',
    '\0',
    'X\xe9',
  ],
] as const;

function value(chance: Chance, alike: string): string {
  return chance.one<() => string>([
    () => key(chance, alike),
    () => key(chance, alike),
    () =>
      chance.one([
        'localhost',
        '127.0.0.1',
        'x',
        '',
        'close',
        'keep-alive',
        'chunked',
        'gzip, chunked',
        'identity',
        '100-continue',
        'h2c',
        'websocket',
      ]),
    () => chance.one(['0', '1', '5', '-1', '+5', '0x5', '5, 5', '65537', '99999999999999999999', '1e3', ' 5 ', '5\t']),
    () => chance.one(['203.0.113.9', '::1', '127.0.0.1, 10.0.0.1', 'unknown', '"[::1]:99"', ',,,', 'application/json', 'text/plain']),
    () => `10.${String(chance.below(256))}.${String(chance.below(256))}.${String(chance.below(256))}`,
    () => chance.noise(chance.below(40)).replaceAll(/[\r\n]/g, ' '),
    () => 'x'.repeat(chance.below(chance.once(40) ? 20_000 : 100)),
  ])();
}

/** Keys of every kind but a valid one. */
function key(chance: Chance, alike: string): string {
  const place = chance.below(alike.length);
  return chance.one<() => string>([
    () => mintApiKey('kc', chance.one(['prod', 'dev', 'qa', 'zz']), (length) => chance.bytes(length)),
    () => `${alike.slice(0, place)}${chance.one(['0', '!', '\xe9', '', ' ', '\0', '_'])}${alike.slice(place + 1)}`,
    () => alike.slice(0, place),
    () => alike.toUpperCase(),
    () => `${alike.slice(0, -6)}AAAAAA`,
    () => chance.noise(36).replaceAll(/[\r\n]/g, ' '),
    () => "' OR 1=1 --",
  ])();
}

/** Half of them could be anybody's, but for their key: those come as far as a request can come. */
function request(chance: Chance, alike: string): string {
  return chance.once(2) ? plausible(chance, alike) : hostile(chance, alike);
}

const LIKELY = [
  ...[
    'Accept: */*',
    'User-Agent: x/1.0',
    'X-Forwarded-For: 203.0.113.9',
    'x-forwarded-for: 10.0.0.1, 203.0.113.8',
    'Connection: keep-alive',
    'X-Proxy-Id: a-1',
  ],
  ...[
    'Connection: close',
    'X_API_Key: x',
    '__proto__: x',
    'Cookie: a=b',
    'Accept-Encoding: gzip',
    'Origin: https://x',
    'Via: 1.1 x',
    'TE: trailers',
  ],
] as const;
const ROUTES = [
  '/verify',
  '/verify',
  '/verify/default/x?y',
  '/verify/nowhere',
  '/v1/verify',
  '/v1/verify',
  '/v1/usage/self',
  '/v1/debits/deb_1/refund',
] as const;

function plausible(chance: Chance, alike: string): string {
  const route = chance.one(ROUTES);
  const headers = Array.from({ length: chance.below(5) }, () => chance.one(LIKELY));
  const visible = key(chance, alike).replaceAll(/[^\x21-\x7e]/g, '');
  const body =
    route === '/v1/verify'
      ? JSON.stringify({
          apiKey: visible,
          ...(chance.once(3) ? { [chance.one(FIELDS)]: chance.one(['x', 1, true, null, '203.0.113.9', {}]) } : {}),
        })
      : '';
  const method = chance.once(8) ? chance.one(['HEAD', 'PUT', 'OPTIONS']) : body === '' && !route.endsWith('refund') ? 'GET' : 'POST';
  const length = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${String(Buffer.byteLength(body))}`];
  return [`${method} ${route} HTTP/1.1`, 'Host: localhost', `X-API-Key: ${visible}`, ...headers, ...length, '', ''].join('\r\n') + body;
}

function hostile(chance: Chance, alike: string): string {
  const target = chance.once(40) ? `/verify/${'a'.repeat(chance.below(17_000))}` : chance.one(TARGETS);
  const line = `${chance.one(METHODS)} ${target} ${chance.one(VERSIONS)}`;
  const headers = Array.from({ length: chance.below(chance.once(60) ? 900 : 6) }, () => `${chance.one(NAMES)}: ${value(chance, alike)}`);
  if (!chance.once(6)) headers.push('Host: localhost');
  if (!chance.once(4)) headers.push(`X-API-Key: ${key(chance, alike)}`);
  const end = chance.once(30) ? '\n' : '\r\n';
  const { length, body } = content(chance, alike);
  return [line, ...headers, ...length, '', ''].join(end) + body;
}

const FIELDS = ['service', 'environment', 'ip', 'cost', 'requestId', 'dryRun', '__proto__', 'valid'] as const;

function content(chance: Chance, alike: string): { readonly length: readonly string[]; readonly body: string } {
  if (chance.once(2)) return { length: [], body: '' };
  const body = chance.one<() => string>([
    () =>
      JSON.stringify({
        apiKey: key(chance, alike),
        [chance.one(FIELDS)]: value(chance, alike),
      }),
    () => '['.repeat(chance.below(5_000)),
    () => `{"__proto__":{"valid":true},"apiKey":"${'\\u0000'.repeat(chance.below(9))}"}`,
    () => chance.noise(chance.below(300)),
    () => '{}',
    () => 'x'.repeat(chance.below(chance.once(20) ? 80_000 : 500)),
  ])();
  const type = 'Content-Type: application/json';
  if (chance.once(3)) {
    const size = chance.one([body.length.toString(16), body.length.toString(16), '5', '-1', 'ffffffffffffffff', '1;x=y', 'zz']);
    return {
      length: ['Transfer-Encoding: chunked', type],
      body: `${size}\r\n${body}\r\n0\r\n${chance.once(4) ? 'X-API-Key: trailer\r\n' : ''}\r\n`,
    };
  }
  const length = body.length + chance.one([0, 0, 0, 0, 1, -1, 70_000]);
  return { length: [`Content-Length: ${String(length)}`, type], body };
}

function garbled(chance: Chance, bytes: string): string {
  const [from, length] = [chance.below(bytes.length + 1), 1 + chance.below(20)];
  const [before, some, after] = [bytes.slice(0, from), bytes.slice(from, from + length), bytes.slice(from + length)];
  return chance.one<() => string>([
    () => before + after,
    () => before + some + some + after,
    () => before + chance.noise(length) + after,
    () => before + chance.noise(1) + some + after,
    () => before,
    () => before + chance.one(['\r\n', '\n', '\r', '\0', '\r\n\r\n', ':', ' ', '\t']) + some + after,
    () => before + [...some].reverse().join('') + after,
  ])();
}

function cut(chance: Chance, bytes: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < bytes.length;) {
    const length = chance.once(3) ? 1 + chance.below(200) : bytes.length;
    // Not by single bytes for ever: whoever sends that slowly is met elsewhere.
    const to = pieces.length > 20 ? bytes.length : from + length;
    pieces.push(bytes.slice(from, to));
    from = to;
  }
  return pieces;
}
