import { describe, expect, test } from '@jest/globals';
import { jsonOf } from './http-client.ts';
import { as, type ProtectedApi } from './protected-api.ts';

/** What every recipe promises about charges: one for each request that the API sees, and none for any other. */
export function describeCharges(api: () => ProtectedApi): void {
  describe('OPTIONS', () => {
    test('passes without a key, uncharged and without an identity', async () => {
      const preflight = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST' };
      const lies = {
        'X-Keyctl-Account': 'somebody-else',
        'X-HTTP-Method-Override': 'POST',
        'X-Method-Override': 'POST',
        'X-HTTP-Method': 'POST',
      };
      const { value: answer, got } = await api().watch(() =>
        api().ask({ method: 'OPTIONS', path: '/things', headers: { ...preflight, ...lies } }),
      );
      expect(answer.status).toBe(200);
      expect(got).toHaveLength(1);
      expect(got[0]).toMatchObject({ method: 'OPTIONS', path: '/things', headers: { origin: 'https://app.example' } });
      expect(Object.keys(got[0]?.headers ?? {}).filter((name) => /keyctl|override|x-http-method/.test(name))).toEqual([]);
      // The API of these tests says something about credits.
      expect(answer.headers['x-credits-available']).toBeUndefined();
    });

    test('with a key is not charged either', async () => {
      const browser = await api().installation.customer('browser', { credits: 1_000_000 });
      expect((await api().ask(as(browser, { method: 'OPTIONS' }))).status).toBe(200);
      expect(await api().installation.debits(['--account', 'browser'])).toEqual([]);
    });

    test('is the only method that does: others keep their override headers and need a key', async () => {
      for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
        const { value: answer, got } = await api().watch(() => api().ask({ method, headers: { 'X-HTTP-Method-Override': 'OPTIONS' } }));
        expect(answer.status).not.toBe(200);
        expect(got).toEqual([]);
      }
    });
  });

  describe('one request is one debit', () => {
    test('when the API has to be tried twice', async () => {
      const patient = await api().installation.customer('patient', { credits: 1_000_000 });
      const dropped = api().dropped;
      const { value: answers, got } = await api().watch(async () => {
        const all = [];
        for (let time = 0; time < 4; time += 1) all.push(await api().askTricky(as(patient, { path: '/retried/' })));
        return all;
      });
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(api().dropped).toBeGreaterThan(dropped);
      expect(got).toHaveLength(4);
      expect(await api().installation.debits(['--account', 'patient'])).toHaveLength(4);
    });

    test('when many come at once: exactly as many pass as the balance pays for', async () => {
      const crowd = await api().installation.customer('crowd', { credits: 2_050 });
      const { value: answers, got } = await api().watch(() => Promise.all(Array.from({ length: 60 }, () => api().ask(as(crowd)))));
      const passed = answers.filter(({ status }) => status === 200);
      expect(passed).toHaveLength(20);
      expect(answers.filter(({ status }) => status === 402)).toHaveLength(40);
      expect(got).toHaveLength(20);
      expect(await api().installation.debits(['--account', 'crowd'])).toHaveLength(20);
    });

    test('and all debits of the store are those that the API saw', async () => {
      const seen = api()
        .upstream.received.map(({ headers }) => headers['x-keyctl-debit-id'])
        .filter((id) => id !== undefined);
      const kept = (await api().installation.debits()).map((debit) => debit['id']);
      expect(kept.length).toBeGreaterThan(0);
      expect([...kept].sort()).toEqual([...new Set(seen)].sort());
    });
  });

  test('the usage of the day is the sum of its debits', async () => {
    const usage = jsonOf(await api().installation.run(['usage', '--by', 'day', '--json']));
    const debits = await api().installation.debits();
    const credits = debits.reduce((sum, debit) => sum + Number(debit['cost']), 0);
    expect(usage['total']).toMatchObject({ requests: debits.length, credits });
  });
}
