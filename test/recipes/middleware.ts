import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../system/running.ts';
import { ask, type Answer } from '../system/http-client.ts';
import { Counterpart, type Holder } from './counterpart.ts';
import { problemIn, type ProtectedApp, type StartApp } from './protected-app.ts';

/** What the recipes for frameworks of Node promise, whatever the framework is. `recipe` is the path of the file. */
export function describeMiddleware(recipe: string, startApp: StartApp): void {
  describe(recipe, () => {
    let keyctl: Counterpart;
    let app: ProtectedApp;

    beforeAll(async () => {
      keyctl = await Counterpart.start(recipe);
      await keyctl.store.write((tx) => tx.catalogue.insertService({ name: 'search', cost: 500, environment: null }));
      app = await startApp({ url: keyctl.url });
    });

    afterAll(async () => {
      await app.stop();
      await keyctl.end();
    });

    const get = (holder: Holder | null, path = '/things', headers: Record<string, string | string[]> = {}): Promise<Answer> =>
      ask(app.port, { path, headers: { ...(holder === null ? {} : { 'X-API-Key': holder.apiKey }), ...headers } });

    test('lets a key pass, charged once, with the verdict and the credits told', async () => {
      const holder = await keyctl.holder('acme');
      const answer = await get(holder);
      expect(answer).toMatchObject({ status: 200, body: 'things' });
      expect(answer.headers).toMatchObject({ 'x-credits-consumed': '100', 'x-credits-available': '999900' });
      expect(answer.headers['ratelimit']).toMatch(/^"daily";r=9999;t=\d+$/);
      expect(answer.headers['ratelimit-policy']).toBe('"daily";q=10000;w=86400');
      const debits = await keyctl.debits('acme');
      expect(debits).toMatchObject([{ keyId: holder.key.id, service: 'default', cost: 100, requestId: expect.any(String) }]);
      expect(app.seen.at(-1)?.keyctl).toMatchObject({ valid: true, code: 'ok', account: 'acme', keyId: holder.key.id });
      expect(app.seen.at(-1)?.keyctl['requestId']).toBe(debits[0]?.requestId);
    });

    test('charges each request once, whatever id the client sends, and HEAD too', async () => {
      const holder = await keyctl.holder('repeater');
      const id = { 'X-Request-Id': 'mine' };
      await Promise.all([get(holder, '/things', id), get(holder, '/things', id), get(holder, '/things', id)]);
      expect((await ask(app.port, { method: 'HEAD', path: '/things', headers: { 'X-API-Key': holder.apiKey } })).status).toBe(200);
      expect(await keyctl.debits('repeater')).toHaveLength(4);
    });

    test('charges what the service costs', async () => {
      const holder = await keyctl.holder('searcher', 1_200);
      const statuses = [];
      for (let time = 0; time < 3; time += 1) statuses.push((await get(holder, '/search')).status);
      expect(statuses).toEqual([200, 200, 402]);
      expect(await keyctl.debits('searcher')).toMatchObject([{ service: 'search', cost: 500 }, { cost: 500 }]);
    });

    test('leaves alone what is beside it', async () => {
      expect(await get(null, '/free')).toMatchObject({ status: 200, body: 'free' });
    });

    test('answers denials with their status, headers and problem, and the API never sees them', async () => {
      const poor = await keyctl.holder('poor', 99);
      const fast = await keyctl.holder('fast', 1_000_000, { rate: { requestsPerSecond: 1, burst: 1 } });
      const disabled = await keyctl.holder('disabled', 1_000, { disabledAt: 1 });
      const bound = await keyctl.holder('bound', 1_000, { allowedIps: ['203.0.113.9/32'] });
      const hurried = await eventually(async () => {
        const answer = await get(fast);
        expect(answer.status).toBe(429);
        return answer;
      });
      const before = app.seen.length;
      const missing = await get(null);
      expect(missing.status).toBe(401);
      expect(missing.headers['www-authenticate']).toBe('ApiKey realm="keyctl", header="X-API-Key"');
      expect(problemIn(missing)['code']).toBe('missing_api_key');
      expect(problemIn(await get(null, '/things', { 'X-API-Key': 'nobody' }))['code']).toBe('invalid_api_key');
      expect(problemIn(await get(null, '/things', { 'X-API-Key': [bound.apiKey, poor.apiKey] }))['code']).toBe('invalid_api_key');
      expect(problemIn(await get(disabled))).toMatchObject({ status: 403, code: 'api_key_disabled' });
      expect(problemIn(await get(bound, '/things', { 'X-Forwarded-For': '203.0.113.9' }))).toMatchObject({ code: 'ip_not_allowed' });
      const spent = await get(poor);
      expect(problemIn(spent)).toMatchObject({ status: 402, code: 'insufficient_credits' });
      expect(spent.headers).toMatchObject({ 'x-credits-consumed': '0', 'x-credits-available': '99' });
      expect(Number(spent.headers['retry-after'])).toBeGreaterThan(0);
      expect(problemIn(hurried)).toMatchObject({ status: 429, code: 'request_limit_reached' });
      expect(hurried.headers['retry-after']).toBe('1');
      expect(app.seen).toHaveLength(before);
      expect(await keyctl.debits('poor')).toEqual([]);
    });

    test('knows the address that the request came from', async () => {
      const near = await keyctl.holder('near', 1_000, { allowedIps: ['127.0.0.0/8'] });
      expect((await get(near)).status).toBe(200);
    });

    test('admits exactly as many as the balance pays for when they come at once', async () => {
      const crowd = await keyctl.holder('crowd', 1_050);
      const answers = await Promise.all(Array.from({ length: 30 }, () => get(crowd)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
      expect(answers.filter(({ status }) => status === 402)).toHaveLength(20);
      expect(await keyctl.debits('crowd')).toHaveLength(10);
    });

    test('gives the charge of a failure of its own back', async () => {
      const holder = await keyctl.holder('refunded');
      expect((await get(holder, '/broken')).status).toBe(500);
      await eventually(async () => expect(await keyctl.debits('refunded')).toMatchObject([{ refundedAt: expect.any(Number) }]));
      expect((await get(holder)).headers['x-credits-available']).toBe('999900');
      expect(await keyctl.debits('refunded')).toMatchObject([{ refundedAt: null }, { refundedAt: expect.any(Number) }]);
    });

    test('keeps the key to itself: neither the API nor a log learns it', async () => {
      const quiet = await keyctl.holder('quiet');
      await get(quiet);
      await get(quiet, '/broken');
      const told = JSON.stringify(app.seen) + app.log();
      expect(app.log()).toContain('/broken');
      expect(told).not.toContain(quiet.apiKey);
      expect(told).not.toContain('x-api-key');
    });
  });
}
