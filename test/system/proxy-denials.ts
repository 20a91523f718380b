import { describe, expect, test } from '@jest/globals';
import { as, problemIn, waitIn, type ProtectedApi } from './protected-api.ts';

/** What every recipe promises to a request that is denied. */
export function describeDenials(api: () => ProtectedApi): void {
  describe('a request that is denied', () => {
    test('without a key gets 401 with a challenge', async () => {
      const { value: answer, got } = await api().watch(() => api().ask());
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toContain('X-API-Key');
      expect(problemIn(answer)).toMatchObject({ code: 'missing_api_key', title: 'Unauthorized' });
      expect(got).toEqual([]);
    });

    test('with an unknown key gets 401', async () => {
      const { value: answer, got } = await api().watch(() => api().ask({ headers: { 'X-API-Key': 'nobody' } }));
      expect(answer.status).toBe(401);
      expect(problemIn(answer)).toMatchObject({ code: 'invalid_api_key' });
      expect(got).toEqual([]);
    });

    test('with a disabled key gets 403 from the very next request, and passes again when it is enabled', async () => {
      const fickle = await api().installation.customer('fickle', { credits: 1_000_000 });
      expect((await api().ask(as(fickle))).status).toBe(200);
      for (let time = 0; time < 3; time += 1) {
        await api().installation.run(['disable', 'fickle/main']);
        const denied = await api().ask(as(fickle));
        expect(denied.status).toBe(403);
        expect(problemIn(denied)).toMatchObject({ code: 'api_key_disabled', detail: 'The API key is disabled.' });
        await api().installation.run(['enable', 'fickle/main']);
        expect((await api().ask(as(fickle))).status).toBe(200);
      }
      expect(await api().installation.debits(['--account', 'fickle'])).toHaveLength(4);
    });

    test('with a spent balance gets 402 until midnight', async () => {
      const spender = await api().installation.customer('spender', { credits: 350 });
      const statuses = [];
      for (let time = 0; time < 5; time += 1) statuses.push((await api().ask(as(spender))).status);
      expect(statuses).toEqual([200, 200, 200, 402, 402]);
      const { value: answer, got } = await api().watch(() => api().ask(as(spender)));
      expect(answer.status).toBe(402);
      expect(problemIn(answer)).toMatchObject({ code: 'insufficient_credits', title: 'Payment Required' });
      expect(waitIn(answer)).toBeGreaterThan(0);
      expect(waitIn(answer)).toBeLessThanOrEqual(86_400);
      expect(answer.headers).toMatchObject({ 'x-credits-available': '50', 'x-credits-consumed': '0', 'x-keyctl-limited-by': 'account' });
      expect(answer.headers['ratelimit']).toMatch(/^"daily";r=0;t=\d+$/);
      expect(got).toEqual([]);
    });

    test('with too many requests gets 429, and passes after the wait that it was told', async () => {
      const hasty = await api().installation.customer('hasty', { credits: 1_000_000, rate: '1/s' });
      const answers = await Promise.all(Array.from({ length: 10 }, () => api().ask(as(hasty))));
      const denied = answers.filter(({ status }) => status !== 200);
      expect(denied.length).toBeGreaterThan(0);
      for (const answer of denied) {
        expect(answer.status).toBe(429);
        expect(problemIn(answer)).toMatchObject({ code: 'request_limit_reached', title: 'Too Many Requests' });
        expect(waitIn(answer)).toBe(1);
        expect(answer.headers['ratelimit']).toContain('"rate";r=0;t=1');
      }
      await new Promise((resolve) => setTimeout(resolve, 1_000 * Math.max(...denied.map(waitIn))));
      expect((await api().ask(as(hasty))).status).toBe(200);
      expect(await api().installation.debits(['--account', 'hasty'])).toHaveLength(answers.length - denied.length + 1);
    });

    test('for a service that does not exist gets 404', async () => {
      const lost = await api().installation.customer('lost', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().ask(as(lost, { path: '/search/' })));
      expect(answer.status).toBe(404);
      expect(problemIn(answer)).toMatchObject({ code: 'unknown_service' });
      expect(got).toEqual([]);
    });

    test('finds no cheaper service behind another spelling of the path', async () => {
      const speller = await api().installation.customer('speller', { credits: 1_000_000 });
      for (const path of ['/%73earch/x', '//search/x', '/search//x', '/x/../search/x', '/x/%2e%2e/search/x']) {
        const { value: answer, got } = await api().watch(() => api().ask(as(speller, { path })));
        expect([400, 404]).toContain(answer.status);
        expect(got).toEqual([]);
      }
      expect(await api().installation.debits(['--account', 'speller'])).toEqual([]);
    });

    test('by the proxy itself is not charged', async () => {
      const walled = await api().installation.customer('walled', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().askTricky(as(walled, { path: '/walled/' })));
      expect(answer.status).toBe(403);
      expect(got).toEqual([]);
      expect(await api().installation.debits(['--account', 'walled'])).toEqual([]);
    });
  });
}
