/** Every request that holds a secret where a client, or a proxy, or an attacker could put one. */
export function requestsWith(secret: string, token: string, turn: number): readonly string[] {
  const get = (target: string, ...headers: readonly string[]): string =>
    ['GET ' + target + ' HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${token}`, 'Connection: close', ...headers, '', ''].join(
      '\r\n',
    );
  const post = (target: string, body: string, type = 'application/json'): string =>
    get(target, `Content-Type: ${type}`, `Content-Length: ${String(Buffer.byteLength(body))}`).replace('GET', 'POST') + body;
  const key = `X-API-Key: ${secret}`;
  const question = (more: object): string => post('/v1/verify', JSON.stringify({ apiKey: secret, ...more }));
  return [
    ...[get('/verify', key), get('/verify/maps', key), get('/verify/nowhere', key), get('/v1/usage/self', key)],
    ...[get('/verify', key, 'X-Proxy-Id: same'), get('/verify/maps', key, 'X-Proxy-Id: same')],
    ...[get('/verify', key, key), get('/verify', `X-API-Key: ${secret}, ${secret}`), get('/verify', `X-API-Key: ${secret.slice(0, -1)}`)],
    ...[
      get(`/verify/${secret}`, key),
      get(`/verify?key=${secret}`),
      get(`/${secret}`),
      get(`http://${secret}/verify`),
      get(`/verify/%00${secret}`),
    ],
    ...[get('/verify', `Cookie: key=${secret}`, `User-Agent: ${secret}`, `Referer: https://x/${secret}`, `X-Forwarded-For: ${secret}`)],
    ...[
      get('/metrics', `Authorization: Bearer ${secret}`),
      get('/verify', `${secret}: ${secret}`),
      `GET /verify HTTP/1.1\r\nHost: ${secret}\r\n${secret}\r\n\r\n`,
    ],
    ...[
      question({}),
      question({ service: 'maps', environment: 'production' }),
      question({ dryRun: true }),
      question({ ip: '203.0.113.5' }),
    ],
    ...[question({ requestId: `id-${String(turn)}` }), question({ requestId: `id-${String(turn)}`, service: 'maps' })],
    ...[
      question({ service: secret }),
      question({ environment: secret }),
      question({ ip: secret }),
      question({ cost: secret }),
      question({ [secret]: 1 }),
    ],
    ...[
      post('/v1/verify', `{"apiKey":"${secret}"`),
      post('/v1/verify', JSON.stringify([secret])),
      post('/v1/verify', secret, 'text/plain'),
    ],
    ...[post(`/v1/debits/${secret}/refund`, ''), get('/v1/debits/deb_1/refund', key)],
  ];
}
