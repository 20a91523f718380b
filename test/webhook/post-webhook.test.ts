import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { WebhookAnswer } from '../../src/domain/webhook-post.ts';
import { postWebhook } from '../../src/webhook/post-webhook.ts';
import { freePort } from '../system/running.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A receiver on loopback; its URL. */
async function receiver(listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return `http://${host}:${String(port)}/path?query=1`;
}

function post(url: string, changed: { allowsHttp?: boolean; signal?: AbortSignal } = {}): Promise<WebhookAnswer> {
  const { allowsHttp = false, signal } = changed;
  return postWebhook({ url, allowsHttp, headers: { 'webhook-id': 'alert_1' }, body: '{"name":"Zoë"}' }, signal);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const piece of request) body += String(piece);
  return body;
}

describe('a message on its way', () => {
  test('is a POST with its headers and its body, byte by byte', async () => {
    const got: unknown[] = [];
    const url = await receiver((request, response) => {
      void bodyOf(request).then((body) => {
        const { 'webhook-id': id, 'content-type': type, 'content-length': length } = request.headers;
        got.push({ method: request.method, url: request.url, id, type, length, body });
        response.writeHead(204, { 'Retry-After': '7' }).end();
      });
    });
    expect(await post(url)).toEqual({ kind: 'answered', status: 204, retryAfter: '7', text: '' });
    expect(got).toEqual([
      { method: 'POST', url: '/path?query=1', id: 'alert_1', type: 'application/json', length: '15', body: '{"name":"Zoë"}' },
    ]);
  });

  test('is answered with a status, and how the answer begins', async () => {
    const url = await receiver((_, response) => response.writeHead(500).end('no '.repeat(10_000)));
    const answer = await post(url);
    expect(answer).toMatchObject({ kind: 'answered', status: 500, retryAfter: null });
    expect(answer).toHaveProperty('text', 'no '.repeat(10_000).slice(0, 2_000));
  });

  test('goes nowhere else, whatever a receiver says', async () => {
    let elsewhere = 0;
    const target = await receiver((_, response) => {
      elsewhere += 1;
      response.writeHead(204).end();
    });
    const url = await receiver((_, response) => response.writeHead(307, { Location: target }).end());
    expect(await post(url)).toMatchObject({ kind: 'answered', status: 307 });
    expect(elsewhere).toBe(0);
  });

  test('is answered as soon as the head of the answer is there, though its body never ends', async () => {
    const stop = new AbortController();
    const url = await receiver((_, response) => {
      response.writeHead(200).write('beginning');
      setTimeout(() => stop.abort(), 100);
    });
    expect(await post(url, { signal: stop.signal })).toMatchObject({ kind: 'answered', status: 200, text: 'beginning' });
  });

  test('is cut off by the signal where the receiver hangs', async () => {
    const stop = new AbortController();
    const url = await receiver(() => stop.abort());
    expect(await post(url, { signal: stop.signal })).toEqual({ kind: 'failed', reason: 'stopped' });
  });

  test('fails in words where nobody listens, the connection ends, or it is no HTTP', async () => {
    const port = String(await freePort());
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ kind: 'failed', reason: 'connection refused' });
    const url = await receiver((request) => request.socket.destroy());
    expect(await post(url)).toEqual({ kind: 'failed', reason: 'connection closed' });
    const rude = createTcpServer((socket) => socket.resume().end('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const { port: rudePort } = rude.address() as AddressInfo;
    expect(await post(`http://127.0.0.1:${String(rudePort)}/`)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/^failed \(HPE_/),
    });
    await new Promise((resolve) => rude.close(resolve));
  });

  test('does not speak to a receiver without TLS where the URL says https', async () => {
    const url = await receiver((_, response) => response.end());
    const answer = await post(url.replace('http:', 'https:'));
    expect(answer).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/^TLS failed/) });
  });

  test('does not go to an address that is refused, by number or by name', async () => {
    const reason = 'the name leads to an address that messages are not sent to';
    expect(await post('http://169.254.169.254/latest', { allowsHttp: true })).toEqual({ kind: 'failed', reason });
    expect(await post('http://192.0.2.1/')).toEqual({ kind: 'failed', reason });
    expect(await post('http://no-such-host.invalid/')).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/no such host|looked up/),
    });
  });

  test('finds this host by its name', async () => {
    const url = await receiver((_, response) => response.writeHead(202).end());
    expect(await post(url.replace('127.0.0.1', 'localhost'))).toMatchObject({ kind: 'answered', status: 202 });
  });
});
