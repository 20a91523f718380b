import { describe, expect, test } from '@jest/globals';
import { as, problemIn, type ProtectedApi } from './protected-api.ts';
import { eventually } from './running.ts';

/** What every recipe promises to a request with a key. */
export function describeAdmission(api: () => ProtectedApi): void {
  describe('a request with a key', () => {
    test('passes, is charged once, and the API learns who asks', async () => {
      const acme = await api().installation.customer('acme', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().ask(as(acme, { path: '/things?x=1', method: 'POST', body: 'a body' })));
      expect(answer).toMatchObject({ status: 200, body: 'the API itself' });
      expect(answer.headers).toMatchObject({ 'x-credits-consumed': '100', 'x-credits-available': '999900' });
      expect(answer.headers['ratelimit']).toMatch(/^"daily";r=9999;t=\d+$/);
      expect(answer.headers['ratelimit-policy']).toBe('"daily";q=10000;w=86400');
      expect(got).toHaveLength(1);
      expect(got[0]).toMatchObject({ method: 'POST', path: '/things?x=1', body: 'a body' });
      const [debit] = await api().installation.debits(['--account', 'acme']);
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
      const honest = await api().installation.customer('honest', { credits: 1_000_000 });
      const lies = {
        'X-Request-Id': 'mine',
        'X-Keyctl-Account': 'somebody-else',
        x_keyctl_account: 'somebody-else',
        'X-Keyctl_Account': 'somebody-else',
        'X.Keyctl.Account': 'somebody-else',
        'X-Keyctl-Key-Id': 'key_lie',
        'X-Keyctl-Tier': 'platinum',
        'X-Keyctl-Debit-Id': 'deb_lie',
        'X-Credits-Available': '1',
        'X-Forwarded-For': '203.0.113.9',
        X_Forwarded_For: '203.0.113.9',
        'X.Forwarded.For': '203.0.113.9',
        'X-Forwarded-Host': 'elsewhere.example',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-User': 'root',
        'X-Real-IP': '203.0.113.9',
        Forwarded: 'for=203.0.113.9',
      };
      const { value: answer, got } = await api().watch(() => api().ask(as(honest, { headers: lies, from: '127.0.0.7' })));
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
      const [debit] = await api().installation.debits(['--account', 'honest']);
      expect(debit?.['requestId']).toBe(answer.headers['x-request-id']);
      expect(debit?.['requestId']).not.toBe('mine');
    });

    test('cannot take from the API what keyctl said, by naming it in Connection', async () => {
      const dropper = await api().installation.customer('dropper', { credits: 1_000_000 });
      const headers = { Connection: 'close, X-Keyctl-Account, X-Keyctl-Key-Id, X-Request-Id, X-Forwarded-For' };
      const { value: answer, got } = await api().watch(() => api().ask(as(dropper, { headers })));
      expect(answer.status).toBe(200);
      const [debit] = await api().installation.debits(['--account', 'dropper']);
      expect(got[0]?.headers).toMatchObject({
        'x-keyctl-account': 'dropper',
        'x-keyctl-key-id': dropper.keyId,
        'x-request-id': debit?.['requestId'],
        'x-forwarded-for': '127.0.0.1',
      });
    });

    test('opens no tunnel: the API is not asked to speak HTTP/2 on the same connection', async () => {
      const digger = await api().installation.customer('digger', { credits: 1_000_000 });
      for (const upgrade of ['h2c', ['h2c', 'websocket'], 'websocket, h2c']) {
        const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: upgrade, 'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA' };
        const { value: answer, got } = await api().watch(() => api().askTricky(as(digger, { path: '/fallback/', headers })));
        // HAProxy refuses a WebSocket without its own headers at once.
        expect(answer.status).toBe(got.length === 1 ? 200 : 400);
        for (const { headers: seen } of got) {
          expect(seen['upgrade']).toBeUndefined();
          expect(seen['connection'] ?? '').not.toMatch(/upgrade/i);
        }
      }
    });

    test('brings its body whole, however long it is', async () => {
      const writer = await api().installation.customer('writer', { credits: 1_000_000 });
      const body = 'a line of a long text\n'.repeat(40_000);
      const { value: answer, got } = await api().watch(() => api().ask(as(writer, { method: 'PUT', body })));
      expect(answer.status).toBe(200);
      expect(got.map((request) => request.body === body)).toEqual([true]);
    });

    test('that repeats its own X-Request-Id is charged each time', async () => {
      const repeater = await api().installation.customer('repeater', { credits: 1_000_000 });
      for (let time = 0; time < 3; time += 1) await api().ask(as(repeater, { headers: { 'X-Request-Id': 'the-same' } }));
      expect(await api().installation.debits(['--account', 'repeater'])).toHaveLength(3);
    });

    test('and another key beside it is one or the other, and the API is told the one that is charged', async () => {
      const one = await api().installation.customer('one', { credits: 1_000_000 });
      const two = await api().installation.customer('two', { credits: 1_000_000 });
      const { value: answer, got } = await api().watch(() => api().ask({ headers: { 'X-API-Key': [one.secret, two.secret] } }));
      const charged = (await api().installation.debits()).filter(({ key }) => key === one.keyId || key === two.keyId);
      expect(charged).toHaveLength(answer.status === 200 ? 1 : 0);
      expect(got.map(({ headers }) => headers['x-keyctl-key-id'])).toEqual(charged.map(({ key }) => key));
    });

    test('is charged what its service costs', async () => {
      const buyer = await api().installation.customer('buyer', { credits: 1_000 });
      const answers = [];
      for (let time = 0; time < 3; time += 1) answers.push(await api().askTricky(as(buyer, { path: '/dear/x' })));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 402]);
      expect(answers[0]?.headers['x-credits-consumed']).toBe('500');
    });

    test('is known by its client, whose address is logged beside the id of the key', async () => {
      await api().installation.customer('fenced', { credits: 1_000_000 });
      const inside = await api().installation.key('fenced', 'inside', ['--allow-ip', '127.0.0.9']);
      expect((await api().ask(as(inside, { path: '/log-me?secret=hidden', from: '127.0.0.9' }))).status).toBe(200);
      const denied = await api().ask(as(inside, { from: '127.0.0.8', headers: { 'X-Forwarded-For': '127.0.0.9' } }));
      expect(denied.status).toBe(403);
      expect(problemIn(denied)).toMatchObject({ code: 'ip_not_allowed' });
      // A proxy writes a line when it is done with a request: its client has the answer by then, and may be the first to look.
      const log = await eventually(() => {
        const lines = api().proxy.accessLog().split('\n');
        const passed = lines.find((line) => line.includes('/log-me')) ?? '';
        for (const part of ['127.0.0.9', `key=${inside.keyId} account=fenced`, 'code=ok', '200']) expect(passed).toContain(part);
        const refused = lines.find((line) => line.includes('127.0.0.8')) ?? '';
        for (const part of [`key=${inside.keyId} account=fenced`, 'code=ip_not_allowed', '403']) expect(refused).toContain(part);
        return lines;
      });
      expect(log.join('\n')).not.toContain('hidden');
      expect(log.join('\n')).not.toContain(inside.secret);
    });
  });

  test('a path that is free needs no key, and brings neither a key nor an identity to the API', async () => {
    const lies = {
      'X-Keyctl-Account': 'somebody-else',
      x_keyctl_account: 'somebody-else',
      'X.Keyctl.Account': 'somebody-else',
      'X-Credits-Available': '1',
    };
    const { value: answer, got } = await api().watch(() => api().ask({ path: '/health', headers: { 'X-API-Key': 'mine', ...lies } }));
    expect(answer.status).toBe(200);
    expect(got.map(({ path }) => path)).toEqual(['/health']);
    expect(Object.keys(got[0]?.headers ?? {}).filter((name) => /keyctl|credits|api-key/.test(name))).toEqual([]);
  });
}
