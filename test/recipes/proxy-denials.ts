import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../system/running.ts';
import { denied, letThrough, LIES, Replayed, type Behaviour, type StartProxy } from './replayed.ts';
import { header, type Header } from './wire.ts';

/** What they promise of requests that do not pass, or that keyctl is not asked about. */
export function describeDenials(name: string, start: StartProxy, behaviour: Behaviour): void {
  describe(`${name}, requests that do not`, () => {
    let replayed: Replayed;

    beforeAll(async () => {
      replayed = await Replayed.start(start, behaviour);
    });

    afterAll(() => replayed.end());

    test('denials reach the client with what they say', async () => {
      const missing = denied(await replayed.proxy.handle({ headers: [['Host', 'api.example']] }), 401, 'missing_api_key');
      expect(header(missing.headers, 'www-authenticate')).toContain('header="X-API-Key"');
      const stranger: readonly Header[] = [['X-API-Key', 'nobody']];
      denied(await replayed.proxy.handle({ headers: stranger }), 401, 'invalid_api_key');
      denied(await replayed.send(await replayed.keyctl.holder('disabled', 1_000, { disabledAt: 1 })), 403, 'api_key_disabled');
      const poor = denied(await replayed.send(await replayed.keyctl.holder('poor', 99)), 402, 'insufficient_credits');
      expect(Number(header(poor.headers, 'retry-after'))).toBeGreaterThan(0);
      expect(header(poor.headers, 'ratelimit')).toMatch(/^"daily";r=0;t=\d+$/);
      expect(header(poor.headers, 'x-credits-available')).toBe('99');
      const fast = await replayed.keyctl.holder('fast', 1_000_000, { rate: { requestsPerSecond: 1, burst: 1 } });
      const hurried = await eventually(async () => denied(await replayed.send(fast), 429, 'request_limit_reached'));
      expect(header(hurried.headers, 'retry-after')).toBe('1');
      expect(await replayed.keyctl.debits('poor')).toEqual([]);
    });

    test('two keys are none', async () => {
      const [one, two] = [await replayed.keyctl.holder('one'), await replayed.keyctl.holder('two')];
      denied(await replayed.send(one, { headers: [['X-API-Key', two.apiKey]] }), 401, behaviour.twoKeys);
      expect([...(await replayed.keyctl.debits('one')), ...(await replayed.keyctl.debits('two'))]).toEqual([]);
    });

    test('the client is known by its own address, whatever it says', async () => {
      const bound = await replayed.keyctl.holder('bound', 1_000, { allowedIps: ['203.0.113.9/32', '2001:db8::9/128'] });
      letThrough(await replayed.send(bound, { from: '203.0.113.9', headers: [['X-Forwarded-For', '198.51.100.1']] }));
      letThrough(await replayed.send(bound, { from: '2001:db8::9' }));
      const lies: readonly Header[] = [
        ['X-Forwarded-For', '203.0.113.9'],
        ['X_Forwarded_For', '203.0.113.9'],
        ['X-Real-Ip', '203.0.113.9'],
        ['Forwarded', 'for=203.0.113.9'],
      ];
      denied(await replayed.send(bound, { from: '198.51.100.1', headers: lies }), 403, 'ip_not_allowed');
    });

    test('OPTIONS and what is free pass without a question, uncharged and without an identity', async () => {
      const browser = await replayed.keyctl.holder('browser');
      const more: readonly Header[] = [
        ...LIES,
        ['X-HTTP-Method-Override', 'POST'],
        ['X-Method-Override', 'POST'],
        ['X-HTTP-Method', 'POST'],
      ];
      for (const request of [{ method: 'OPTIONS', target: '/search/x' }, { target: '/health' }]) {
        const { headers } = letThrough(await replayed.send(browser, { ...request, headers: more }));
        const known = headers.map(([one]) => one).filter((one) => /keyctl|credits|api.key|override|x-http-method/i.test(one));
        expect(known.filter((one) => behaviour.keepsAliases === undefined || /^[a-z0-9-]*$/i.test(one))).toEqual([]);
      }
      expect(await replayed.keyctl.debits('browser')).toEqual([]);
      denied(await replayed.proxy.handle({ target: '/health/x', headers: more }), 401, 'missing_api_key');
    });

    test('without an answer nobody passes', async () => {
      const waiting = await replayed.keyctl.holder('waiting');
      await replayed.keyctl.down();
      for (const outcome of [await replayed.send(waiting), await replayed.proxy.handle({})]) {
        expect(outcome).toMatchObject({ passed: false, answer: { status: behaviour.down } });
      }
      expect(await replayed.keyctl.debits('waiting')).toEqual([]);
    });
  });
}
