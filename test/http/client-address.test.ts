import { afterEach, describe, expect, test } from '@jest/globals';
import { Served, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

/** The address that the server took for the client's: the one that denials are counted with. */
async function seen(headers: readonly string[] = []): Promise<string | null> {
  const head = ['GET /verify HTTP/1.1', 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n');
  expect(await served.raw(head)).toMatch(/^HTTP\/1\.1 401 /);
  await served.second();
  const [denial] = await served.store.read((tx) => tx.usage.denials({}, 1));
  return denial?.ip ?? null;
}

const PROXY = { trustProxy: ['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48'] };

describe("the client's address", () => {
  test('is the peer, whatever a peer that is not trusted says', async () => {
    await serve();
    expect(await seen()).toBe('127.0.0.1');
    served.clock.now += 60_000;
    expect(await seen(['X-Forwarded-For: 203.0.113.9', 'Forwarded: for=203.0.113.9', 'X-Real-IP: 203.0.113.9'])).toBe('127.0.0.1');
  });

  test.each([
    ['one entry', ['X-Forwarded-For: 203.0.113.9'], '203.0.113.9'],
    ['the rightmost that is not trusted', ['X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.1.2.3'], '203.0.113.9'],
    ['entries of many headers, in their order', ['X-Forwarded-For: 198.51.100.1', 'x-forwarded-for: 203.0.113.9,10.1.2.3'], '203.0.113.9'],
    ['IPv6', ['X-Forwarded-For: 2001:DB8::7, 2001:db8:1::5'], '2001:db8::7'],
    ['IPv4 in IPv6', ['X-Forwarded-For: ::ffff:203.0.113.9'], '203.0.113.9'],
    ['with a port', ['X-Forwarded-For: 203.0.113.9:51334'], '203.0.113.9'],
    ['IPv6 with a port', ['X-Forwarded-For: [2001:db8::7]:51334'], '2001:db8::7'],
    ['all trusted: the first', ['X-Forwarded-For: 10.9.9.9, 10.1.2.3'], '10.9.9.9'],
    ['a word instead of an address is unknown', ['X-Forwarded-For: 203.0.113.9, unknown'], null],
    ['an empty entry is unknown', ['X-Forwarded-For: 203.0.113.9,'], null],
    ['no header is unknown', [], null],
    ['underscores are another header', ['X_Forwarded_For: 203.0.113.9', 'X-Forwarded_For: 203.0.113.9'], null],
    ['other headers are not read', ['Forwarded: for=203.0.113.9', 'X-Real-IP: 203.0.113.9', 'True-Client-IP: 203.0.113.9'], null],
  ])('through a trusted proxy: %s', async (_, headers, expected) => {
    await serve(PROXY);
    expect(await seen(headers)).toBe(expected);
  });

  test('on a Unix socket is what the proxy says, or unknown', async () => {
    await serve({ onSocket: true, trustProxy: ['10.0.0.0/8'] });
    expect(await seen(['X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.1.2.3'])).toBe('203.0.113.9');
    served.clock.now += 60_000;
    expect(await seen()).toBeNull();
  });

  test('that is unknown is in no range, and one in the range passes', async () => {
    await serve(PROXY);
    const { apiKey } = await served.key({ allowedIps: ['203.0.113.0/24'] });
    expect((await served.verify(apiKey)).status).toBe(403);
    expect((await served.verify(apiKey, '/verify', { 'X-Forwarded-For': '203.0.113.9, 198.51.100.1' })).status).toBe(403);
    expect((await served.verify(apiKey, '/verify', { 'X-Forwarded-For': '198.51.100.1, 203.0.113.9' })).status).toBe(200);
  });
});
