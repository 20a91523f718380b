import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { as, problemIn, ProtectedApi, waitIn } from './protected-api.ts';
import { eventually } from './running.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open();
});

afterAll(async () => {
  await api.close();
});

describe('a request with a key', () => {
  test('passes, is charged once, and the API learns who asks', async () => {
    const acme = await api.installation.customer('acme', { credits: 1_000_000 });
    const { value: answer, got } = await api.watch(() => api.ask(as(acme, { path: '/things?x=1', method: 'POST', body: 'a body' })));
    expect(answer).toMatchObject({ status: 200, body: 'the API itself' });
    expect(answer.headers).toMatchObject({ 'x-credits-consumed': '100', 'x-credits-available': '999900' });
    expect(answer.headers['ratelimit']).toMatch(/^"daily";r=9999;t=\d+$/);
    expect(answer.headers['ratelimit-policy']).toBe('"daily";q=10000;w=86400');
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({ method: 'POST', path: '/things?x=1', body: 'a body' });
    const [debit] = await api.installation.debits(['--account', 'acme']);
    expect(got[0]?.headers).toMatchObject({
      'x-keyctl-account': 'acme',
      'x-keyctl-key-id': acme.keyId,
      'x-keyctl-environment': 'production',
      'x-keyctl-tier': 'acme',
      'x-keyctl-debit-id': debit?.['id'],
      'x-request-id': debit?.['requestId'],
    });
  });

  test('brings neither the secret nor a name of its own to the API', async () => {
    const honest = await api.installation.customer('honest', { credits: 1_000_000 });
    const lies = {
      'X-Request-Id': 'mine',
      'X-Keyctl-Account': 'somebody-else',
      x_keyctl_account: 'somebody-else',
      'X-Keyctl-Key-Id': 'key_lie',
      'X-Keyctl-Tier': 'platinum',
      'X-Keyctl-Debit-Id': 'deb_lie',
      'X-Credits-Available': '1',
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Host': 'elsewhere.example',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-User': 'root',
      'X-Real-IP': '203.0.113.9',
      Forwarded: 'for=203.0.113.9',
    };
    const { value: answer, got } = await api.watch(() => api.ask(as(honest, { headers: lies, from: '127.0.0.7' })));
    expect(answer.status).toBe(200);
    const headers = got[0]?.headers ?? {};
    expect(headers).toMatchObject({ 'x-keyctl-account': 'honest', 'x-keyctl-key-id': honest.keyId, 'x-keyctl-tier': 'honest' });
    expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.7', 'x-real-ip': '127.0.0.7', 'x-forwarded-proto': 'http' });
    expect(headers['x-api-key']).toBeUndefined();
    expect(headers['x-credits-available']).toBe('999900');
    const told = JSON.stringify(headers);
    for (const lie of ['somebody-else', 'key_lie', 'platinum', 'deb_lie', '203.0.113.9', 'elsewhere.example', '"root"', '"mine"']) {
      expect(told).not.toContain(lie);
    }
    const [debit] = await api.installation.debits(['--account', 'honest']);
    expect(debit?.['requestId']).toBe(answer.headers['x-request-id']);
    expect(debit?.['requestId']).not.toBe('mine');
  });

  test('that repeats its own X-Request-Id is charged each time', async () => {
    const repeater = await api.installation.customer('repeater', { credits: 1_000_000 });
    for (let time = 0; time < 3; time += 1) await api.ask(as(repeater, { headers: { 'X-Request-Id': 'the-same' } }));
    expect(await api.installation.debits(['--account', 'repeater'])).toHaveLength(3);
  });

  test('and another key beside it is one or the other, and the API is told the one that is charged', async () => {
    const one = await api.installation.customer('one', { credits: 1_000_000 });
    const two = await api.installation.customer('two', { credits: 1_000_000 });
    const { value: answer, got } = await api.watch(() => api.ask({ headers: { 'X-API-Key': [one.secret, two.secret] } }));
    const charged = (await api.installation.debits()).filter(({ key }) => key === one.keyId || key === two.keyId);
    expect(charged).toHaveLength(answer.status === 200 ? 1 : 0);
    expect(got.map(({ headers }) => headers['x-keyctl-key-id'])).toEqual(charged.map(({ key }) => key));
  });

  test('is charged what its service costs', async () => {
    const buyer = await api.installation.customer('buyer', { credits: 1_000 });
    const answers = [];
    for (let time = 0; time < 3; time += 1) answers.push(await api.askTricky(as(buyer, { path: '/dear/x' })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 402]);
    expect(answers[0]?.headers['x-credits-consumed']).toBe('500');
  });

  test('is known by its client, whose address is logged beside the id of the key', async () => {
    const fenced = await api.installation.customer('fenced', { credits: 1_000_000 });
    const inside = await api.installation.key('fenced', 'inside', ['--allow-ip', '127.0.0.9']);
    expect((await api.ask(as(inside, { path: '/log-me?secret=hidden', from: '127.0.0.9' }))).status).toBe(200);
    const denied = await api.ask(as(inside, { from: '127.0.0.8', headers: { 'X-Forwarded-For': '127.0.0.9' } }));
    expect(denied.status).toBe(403);
    expect(problemIn(denied)).toMatchObject({ code: 'ip_not_allowed' });
    // nginx writes a line when it is done with a request: its client has the answer by then, and may be the first to look.
    const log = await eventually(async () => {
      const lines = api.nginx.accessLog().split('\n');
      const denial = lines.find((line) => line.startsWith(`127.0.0.8 key=${inside.keyId}`));
      expect(denial).toContain('code=ip_not_allowed');
      return lines;
    });
    const line = log.find((candidate) => candidate.includes('/log-me')) ?? '';
    expect(line).toContain(`127.0.0.9 key=${inside.keyId} account=fenced`);
    expect(line).toContain('"GET /log-me HTTP/1.1" 200 ');
    expect(log.join('\n')).not.toContain('hidden');
    expect(log.join('\n')).not.toContain(fenced.secret);
  });
});

describe('a request that is denied', () => {
  test('without a key gets 401 with a challenge', async () => {
    const { value: answer, got } = await api.watch(() => api.ask());
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('X-API-Key');
    expect(problemIn(answer)).toMatchObject({ code: 'missing_api_key', title: 'Unauthorized' });
    expect(got).toEqual([]);
  });

  test('with an unknown key gets 401', async () => {
    const { value: answer, got } = await api.watch(() => api.ask({ headers: { 'X-API-Key': 'nobody' } }));
    expect(answer.status).toBe(401);
    expect(problemIn(answer)).toMatchObject({ code: 'invalid_api_key' });
    expect(got).toEqual([]);
  });

  test('with a disabled key gets 403 from the very next request, and passes again when it is enabled', async () => {
    const fickle = await api.installation.customer('fickle', { credits: 1_000_000 });
    expect((await api.ask(as(fickle))).status).toBe(200);
    for (let time = 0; time < 3; time += 1) {
      await api.installation.run(['disable', 'fickle/main']);
      const denied = await api.ask(as(fickle));
      expect(denied.status).toBe(403);
      expect(problemIn(denied)).toMatchObject({ code: 'api_key_disabled', detail: 'The API key is disabled.' });
      await api.installation.run(['enable', 'fickle/main']);
      expect((await api.ask(as(fickle))).status).toBe(200);
    }
    expect(await api.installation.debits(['--account', 'fickle'])).toHaveLength(4);
  });

  test('with a spent balance gets 402 until midnight', async () => {
    const spender = await api.installation.customer('spender', { credits: 350 });
    const statuses = [];
    for (let time = 0; time < 5; time += 1) statuses.push((await api.ask(as(spender))).status);
    expect(statuses).toEqual([200, 200, 200, 402, 402]);
    const { value: answer, got } = await api.watch(() => api.ask(as(spender)));
    expect(answer.status).toBe(402);
    expect(problemIn(answer)).toMatchObject({ code: 'insufficient_credits', title: 'Payment Required' });
    expect(waitIn(answer)).toBeGreaterThan(0);
    expect(waitIn(answer)).toBeLessThanOrEqual(86_400);
    expect(answer.headers).toMatchObject({ 'x-credits-available': '50', 'x-credits-consumed': '0', 'x-keyctl-limited-by': 'account' });
    expect(answer.headers['ratelimit']).toMatch(/^"daily";r=0;t=\d+$/);
    expect(got).toEqual([]);
  });

  test('with too many requests gets 429, and passes after the wait that it was told', async () => {
    const hasty = await api.installation.customer('hasty', { credits: 1_000_000, rate: '1/s' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.ask(as(hasty))));
    const denied = answers.filter(({ status }) => status !== 200);
    expect(denied.length).toBeGreaterThan(0);
    for (const answer of denied) {
      expect(answer.status).toBe(429);
      expect(problemIn(answer)).toMatchObject({ code: 'request_limit_reached', title: 'Too Many Requests' });
      expect(waitIn(answer)).toBe(1);
      expect(answer.headers['ratelimit']).toContain('"rate";r=0;t=1');
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000 * Math.max(...denied.map(waitIn))));
    expect((await api.ask(as(hasty))).status).toBe(200);
    expect(await api.installation.debits(['--account', 'hasty'])).toHaveLength(answers.length - denied.length + 1);
  });

  test('for a service that does not exist gets 404', async () => {
    const lost = await api.installation.customer('lost', { credits: 1_000_000 });
    const { value: answer, got } = await api.watch(() => api.ask(as(lost, { path: '/search/' })));
    expect(answer.status).toBe(404);
    expect(problemIn(answer)).toMatchObject({ code: 'unknown_service' });
    expect(got).toEqual([]);
  });

  test('by nginx itself is told so, and not as a verdict of keyctl', async () => {
    const walled = await api.installation.customer('walled', { credits: 1_000_000 });
    const answer = await api.askTricky(as(walled, { path: '/walled/' }));
    expect(answer.status).toBe(403);
    expect(problemIn(answer)).toMatchObject({ code: 'forbidden' });
    expect(await api.installation.debits(['--account', 'walled'])).toEqual([]);
  });

  test('finds no other door: the internal locations are closed to clients', async () => {
    const sneak = await api.installation.customer('sneak', { credits: 1_000_000 });
    for (const path of ['/_keyctl/verify', '/_keyctl/down', '/_keyctl/verify?x=1', '/x/..//_keyctl/verify']) {
      expect((await api.ask(as(sneak, { path }))).status).toBe(404);
    }
    expect(await api.installation.debits(['--account', 'sneak'])).toEqual([]);
  });
});
