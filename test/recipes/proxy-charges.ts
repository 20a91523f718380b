import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IDENTITY_HEADER_NAMES } from '../verdict-header-names.ts';
import { letThrough, LIES, Replayed, denied, type Behaviour, type StartProxy } from './replayed.ts';
import { header, type Header } from './wire.ts';

/** What the recipes for proxies that are not run here promise of requests that pass, replayed byte for byte. */
export function describeCharges(name: string, start: StartProxy, behaviour: Behaviour): void {
  describe(`${name}, requests that pass`, () => {
    let replayed: Replayed;

    beforeAll(async () => {
      replayed = await Replayed.start(start, behaviour);
    });

    afterAll(() => replayed.end());

    test('a key passes, is charged once, and the API learns who asks, but not the key', async () => {
      const acme = await replayed.keyctl.holder('acme');
      const { headers } = letThrough(await replayed.send(acme, { target: '/things?x=1', headers: LIES, method: 'POST', body: 'a body' }));
      const [debit, second] = await replayed.keyctl.debits('acme');
      expect(debit).toMatchObject({ keyId: acme.key.id, service: 'default', cost: 100 });
      expect(second).toBeUndefined();
      expect(header(headers, 'x-keyctl-account')).toBe('acme');
      expect(header(headers, 'x-keyctl-key-id')).toBe(acme.key.id);
      expect(header(headers, 'x-keyctl-debit-id')).toMatch(/^deb_/);
      expect(header(headers, 'x-credits-available')).toBe('999900');
      const told = JSON.stringify(headers);
      for (const lie of ['somebody-else', 'deb_lie', 'key_lie', '99999999999', acme.apiKey]) expect(told).not.toContain(lie);
    });

    test('every header that keyctl has to say is taken from it, once', async () => {
      const full = await replayed.keyctl.holder('full');
      const { headers } = letThrough(await replayed.send(full, { headers: LIES }));
      for (const one of IDENTITY_HEADER_NAMES) {
        expect(headers.filter(([other]) => other.toLowerCase() === one.toLowerCase())).toHaveLength(1);
      }
    });

    test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])('%s is one debit', async (method) => {
      const account = `by-${method.toLowerCase()}`;
      letThrough(await replayed.send(await replayed.keyctl.holder(account), { method }));
      expect(await replayed.keyctl.debits(account)).toHaveLength(1);
    });

    const PATHS = [
      '/../cheap/x',
      '/%2e%2e/cheap',
      '//cheap',
      '/%2Fcheap',
      '/..%2f..%2fverify/cheap',
      '/?service=cheap&cost=0',
      '/;cheap',
      '/%20%00',
    ];

    test.each(PATHS.map((target, place) => [target, `path-${String(place)}`]))('%s does not choose the price', async (target, account) => {
      letThrough(await replayed.send(await replayed.keyctl.holder(account), { target }));
      expect(await replayed.keyctl.debits(account)).toMatchObject([{ service: 'default', cost: 100 }]);
    });

    test('nor does a header', async () => {
      const liar = await replayed.keyctl.holder('liar');
      const headers: readonly Header[] = [
        ['X-Forwarded-Uri', '/verify/cheap'],
        ['X-Original-Url', '/verify/cheap'],
        ['X-Envoy-Original-Path', '/verify/cheap'],
        ['X-Request-Id', 'the-same'],
      ];
      letThrough(await replayed.send(liar, { headers }));
      letThrough(await replayed.send(liar, { headers }));
      expect(await replayed.keyctl.debits('liar')).toMatchObject([{ cost: 100 }, { cost: 100 }]);
    });

    test('a path of a service of its own is charged what that costs', async () => {
      const searcher = await replayed.keyctl.holder('searcher', 1_200);
      letThrough(await replayed.send(searcher, { target: '/search/x' }));
      letThrough(await replayed.send(searcher, { target: '/search/x' }));
      denied(await replayed.send(searcher, { target: '/search/x' }), 402, 'insufficient_credits');
      expect(await replayed.keyctl.debits('searcher')).toMatchObject([{ service: 'search', cost: 500 }, { cost: 500 }]);
    });

    test('exactly as many requests pass as the balance pays for', async () => {
      const crowd = await replayed.keyctl.holder('crowd', 1_050);
      const proxies = Array.from({ length: 15 }, () => start(replayed.keyctl.port));
      const headers: readonly Header[] = [['X-API-Key', crowd.apiKey]];
      const outcomes = await Promise.all(proxies.map((one) => one.handle({ headers })));
      for (const one of proxies) one.connection.close();
      expect(outcomes.filter((outcome) => outcome.passed)).toHaveLength(10);
      expect(await replayed.keyctl.debits('crowd')).toHaveLength(10);
    });

    test('all this took one connection', () => {
      expect(replayed.proxy.connection.connections).toBe(1);
    });
  });
}
