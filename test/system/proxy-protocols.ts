import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { describe, expect, test } from '@jest/globals';
import { jsonOf } from './http-client.ts';
import { as, type ProtectedApi } from './protected-api.ts';

/** What the recipes for Caddy and HAProxy promise besides: WebSockets and HTTP/2. */
export function describeProtocols(api: () => ProtectedApi): void {
  test('a WebSocket may be opened, for the price of one request', async () => {
    const talker = await api().installation.customer('talker', { credits: 1_000_000 });
    const headers = {
      Connection: 'keep-alive, Upgrade, X-Keyctl-Account',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
    };
    const { value: answer, got } = await api().watch(() => api().ask(as(talker, { headers })));
    expect(answer.status).toBe(200);
    expect(got[0]?.headers).toMatchObject({ upgrade: 'websocket', 'x-keyctl-account': 'talker' });
    expect(got[0]?.headers['connection']).toMatch(/^upgrade$/i);
    expect(await api().installation.debits(['--account', 'talker'])).toHaveLength(1);
    expect((await api().ask({ headers })).status).toBe(401);
  });

  describe('over HTTP/2', () => {
    test('each request on the connection is charged, and is who its key says', async () => {
      const modern = await api().installation.customer('modern', { credits: 350 });
      const lies = { 'x-keyctl-account': 'somebody-else', 'x-request-id': 'mine' };
      const { value: answers, got } = await api().watch(() =>
        onOneConnection(api().port, (session) =>
          Promise.all(Array.from({ length: 6 }, () => get(session, { ':path': '/h2', 'x-api-key': modern.secret, ...lies }))),
        ),
      );
      expect(answers.map(({ headers }) => headers[':status']).sort()).toEqual([200, 200, 200, 402, 402, 402]);
      const debits = await api().installation.debits(['--account', 'modern']);
      expect(debits).toHaveLength(3);
      expect(got.map(({ headers }) => headers['x-keyctl-account'])).toEqual(['modern', 'modern', 'modern']);
      expect(got.map(({ headers }) => headers['x-request-id']).sort()).toEqual(debits.map((debit) => debit['requestId']).sort());
    });

    test('a request without a key is denied with a body', async () => {
      const { value: answer, got } = await api().watch(() => onOneConnection(api().port, (session) => get(session, { ':path': '/' })));
      expect(answer.headers).toMatchObject({ ':status': 401, 'content-type': 'application/problem+json' });
      expect(jsonOf(answer.body)).toMatchObject({ status: 401, code: 'missing_api_key' });
      expect(got).toEqual([]);
    });
  });
}

async function onOneConnection<Value>(port: number, act: (session: ClientHttp2Session) => Promise<Value>): Promise<Value> {
  const session = connect(`http://127.0.0.1:${String(port)}`);
  try {
    return await act(session);
  } finally {
    session.close();
  }
}

function get(session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<{ headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers);
    let received: IncomingHttpHeaders = {};
    let body = '';
    stream.on('response', (response) => (received = response));
    stream.on('data', (chunk) => (body += String(chunk)));
    stream.on('error', reject);
    stream.on('end', () => {
      resolve({ headers: received, body });
    });
    stream.end();
  });
}
