import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, jsonOf, type Answer, type Ask } from './http-client.ts';
import { Installation, type Customer } from './installation.ts';
import { startNginx, type RunningNginx } from './nginx.ts';
import { freePort, type Running } from './running.ts';
import { startBroken, startUpstream, type Received, type Upstream } from './upstream.ts';

// The real nginx of Debian with the files of recipes/nginx, in front of a real API and of the real `keyctl serve`.

const COUNTERPART = ['--nginx', '--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32'];
const SECONDS_PER_DAY = 86_400;

let installation: Installation;
let upstream: Upstream;
let broken: Awaited<ReturnType<typeof startBroken>>;
let serving: { readonly process: Running; readonly port: number };
let nginx: RunningNginx;
let port: number;
let trickyPort: number;

/** Sites differ. This one has a maintenance page for every failure, retries, and error pages that lead to other protected locations. */
const trickySite = (): string => `
upstream flaky {
  server 127.0.0.1:${String(broken.port)} max_fails=0;
  server 127.0.0.1:${String(upstream.port)} max_fails=0;
}
server {
  listen 127.0.0.1:${String(trickyPort)};
  access_log off;
  error_page 500 502 503 504 =200 /sorry;
  error_page 403 =200 /sorry;
  include snippets/keyctl-server.conf;
  location = /sorry { return 200 "sorry"; }
  location /open/ { proxy_pass http://127.0.0.1:1/; }
  location /retried/ { include snippets/keyctl-location.conf; proxy_pass http://flaky; }
  location /missing/ {
    include snippets/keyctl-location.conf;
    proxy_intercept_errors on;
    error_page 404 = /fallback/page;
    proxy_pass http://api;
  }
  location /elsewhere/ { include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /fallback/ { include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /dear/ { set $keyctl_service dear; include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /walled/ { deny all; include snippets/keyctl-location.conf; proxy_pass http://api; }
}
`;

beforeAll(async () => {
  installation = new Installation();
  upstream = await startUpstream();
  broken = await startBroken();
  await installation.run(['service', 'create', 'dear', '--cost', '500']);
  serving = await installation.serve(COUNTERPART);
  [port, trickyPort] = [await freePort(), await freePort()];
  nginx = await startNginx({
    folder: installation.folder,
    port,
    keyctlPort: serving.port,
    apiPort: upstream.port,
    more: trickySite(),
  });
});

afterAll(async () => {
  await nginx.process.stop();
  await serving.process.stop();
  await upstream.stop();
  await broken.stop();
  installation.remove();
});

const as = ({ secret }: Customer, more: Ask = {}): Ask => ({ ...more, headers: { 'X-API-Key': secret, ...more.headers } });

/** What the API got since then. */
function since<Value>(act: () => Promise<Value>): Promise<{ value: Value; got: readonly Received[] }> {
  const before = upstream.received.length;
  return act().then((value) => ({ value, got: upstream.received.slice(before) }));
}

function problem(answer: Answer): Readonly<Record<string, unknown>> {
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  const body = jsonOf(answer.body);
  expect(body).toMatchObject({ type: 'about:blank', status: answer.status, requestId: answer.headers['x-request-id'] });
  expect(body['title']).not.toBe('');
  expect(body['detail']).not.toBe('');
  return body;
}

function waitOf({ headers }: Answer): number {
  return Number(headers['retry-after']);
}

describe('a request with a key', () => {
  test('passes, is charged once, and the API learns who asks', async () => {
    const acme = await installation.customer('acme', { credits: 1_000_000 });
    const { value: answer, got } = await since(() => ask(port, as(acme, { path: '/things?x=1', method: 'POST', body: 'a body' })));
    expect(answer).toMatchObject({ status: 200, body: 'the API itself' });
    expect(answer.headers).toMatchObject({ 'x-credits-consumed': '100', 'x-credits-available': '999900' });
    expect(answer.headers['ratelimit']).toMatch(/^"daily";r=9999;t=\d+$/);
    expect(answer.headers['ratelimit-policy']).toBe('"daily";q=10000;w=86400');
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({ method: 'POST', path: '/things?x=1', body: 'a body' });
    const [debit] = await installation.debits(['--account', 'acme']);
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
    const honest = await installation.customer('honest', { credits: 1_000_000 });
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
    const { value: answer, got } = await since(() => ask(port, as(honest, { headers: lies, from: '127.0.0.7' })));
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
    const [debit] = await installation.debits(['--account', 'honest']);
    expect(debit?.['requestId']).toBe(answer.headers['x-request-id']);
    expect(debit?.['requestId']).not.toBe('mine');
  });

  test('that repeats its own X-Request-Id is charged each time', async () => {
    const repeater = await installation.customer('repeater', { credits: 1_000_000 });
    for (let time = 0; time < 3; time += 1) await ask(port, as(repeater, { headers: { 'X-Request-Id': 'the-same' } }));
    expect(await installation.debits(['--account', 'repeater'])).toHaveLength(3);
  });

  test('is charged what its service costs', async () => {
    const buyer = await installation.customer('buyer', { credits: 1_000 });
    const answers = [];
    for (let time = 0; time < 3; time += 1) answers.push(await ask(trickyPort, as(buyer, { path: '/dear/x' })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 402]);
    expect(answers[0]?.headers['x-credits-consumed']).toBe('500');
  });

  test('is known by its client, whose address is logged beside the id of the key', async () => {
    const fenced = await installation.customer('fenced', { credits: 1_000_000 });
    const inside = await installation.key('fenced', 'inside', ['--allow-ip', '127.0.0.9']);
    expect((await ask(port, as(inside, { path: '/log-me?secret=hidden', from: '127.0.0.9' }))).status).toBe(200);
    const denied = await ask(port, as(inside, { from: '127.0.0.8', headers: { 'X-Forwarded-For': '127.0.0.9' } }));
    expect(denied.status).toBe(403);
    expect(problem(denied)).toMatchObject({ code: 'ip_not_allowed' });
    const log = nginx.accessLog().split('\n');
    const line = log.find((candidate) => candidate.includes('/log-me')) ?? '';
    expect(line).toContain(`127.0.0.9 key=${inside.keyId} account=fenced`);
    expect(line).toContain('"GET /log-me HTTP/1.1" 200 ');
    expect(
      log.some((candidate) => candidate.startsWith(`127.0.0.8 key=${inside.keyId}`) && candidate.includes('code=ip_not_allowed')),
    ).toBe(true);
    expect(log.join('\n')).not.toContain('hidden');
    expect(log.join('\n')).not.toContain(fenced.secret);
  });
});

describe('a request that is denied', () => {
  test('without a key gets 401 with a challenge', async () => {
    const { value: answer, got } = await since(() => ask(port));
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('X-API-Key');
    expect(problem(answer)).toMatchObject({ code: 'missing_api_key', title: 'Unauthorized' });
    expect(got).toEqual([]);
  });

  test('with an unknown key gets 401', async () => {
    const { value: answer, got } = await since(() => ask(port, { headers: { 'X-API-Key': 'nobody' } }));
    expect(answer.status).toBe(401);
    expect(problem(answer)).toMatchObject({ code: 'invalid_api_key' });
    expect(got).toEqual([]);
  });

  test('with a disabled key gets 403 from the very next request, and passes again when it is enabled', async () => {
    const fickle = await installation.customer('fickle', { credits: 1_000_000 });
    expect((await ask(port, as(fickle))).status).toBe(200);
    for (let time = 0; time < 3; time += 1) {
      await installation.run(['disable', 'fickle/main']);
      const denied = await ask(port, as(fickle));
      expect(denied.status).toBe(403);
      expect(problem(denied)).toMatchObject({ code: 'api_key_disabled', detail: 'The API key is disabled.' });
      await installation.run(['enable', 'fickle/main']);
      expect((await ask(port, as(fickle))).status).toBe(200);
    }
    expect(await installation.debits(['--account', 'fickle'])).toHaveLength(4);
  });

  test('with a spent balance gets 402 until midnight', async () => {
    const spender = await installation.customer('spender', { credits: 350 });
    const statuses = [];
    for (let time = 0; time < 5; time += 1) statuses.push((await ask(port, as(spender))).status);
    expect(statuses).toEqual([200, 200, 200, 402, 402]);
    const { value: answer, got } = await since(() => ask(port, as(spender)));
    expect(answer.status).toBe(402);
    expect(problem(answer)).toMatchObject({ code: 'insufficient_credits', title: 'Payment Required' });
    expect(waitOf(answer)).toBeGreaterThan(0);
    expect(waitOf(answer)).toBeLessThanOrEqual(SECONDS_PER_DAY);
    expect(answer.headers).toMatchObject({ 'x-credits-available': '50', 'x-credits-consumed': '0', 'x-keyctl-limited-by': 'account' });
    expect(answer.headers['ratelimit']).toMatch(/^"daily";r=0;t=\d+$/);
    expect(got).toEqual([]);
  });

  test('with too many requests gets 429, and passes after the wait that it was told', async () => {
    const hasty = await installation.customer('hasty', { credits: 1_000_000, rate: '1/s' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(port, as(hasty))));
    const denied = answers.filter(({ status }) => status !== 200);
    expect(denied.length).toBeGreaterThan(0);
    for (const answer of denied) {
      expect(answer.status).toBe(429);
      expect(problem(answer)).toMatchObject({ code: 'request_limit_reached', title: 'Too Many Requests' });
      expect(waitOf(answer)).toBe(1);
      expect(answer.headers['ratelimit']).toContain('"rate";r=0;t=1');
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000 * Math.max(...denied.map(waitOf))));
    expect((await ask(port, as(hasty))).status).toBe(200);
    expect(await installation.debits(['--account', 'hasty'])).toHaveLength(answers.length - denied.length + 1);
  });

  test('for a service that does not exist gets 404', async () => {
    const lost = await installation.customer('lost', { credits: 1_000_000 });
    const { value: answer, got } = await since(() => ask(port, as(lost, { path: '/search/' })));
    expect(answer.status).toBe(404);
    expect(problem(answer)).toMatchObject({ code: 'unknown_service' });
    expect(got).toEqual([]);
  });

  test('by nginx itself is told so, and not as a verdict of keyctl', async () => {
    const walled = await installation.customer('walled', { credits: 1_000_000 });
    const answer = await ask(trickyPort, as(walled, { path: '/walled/' }));
    expect(answer.status).toBe(403);
    expect(problem(answer)).toMatchObject({ code: 'forbidden' });
    expect(await installation.debits(['--account', 'walled'])).toEqual([]);
  });

  test('finds no other door: the internal locations are closed to clients', async () => {
    const sneak = await installation.customer('sneak', { credits: 1_000_000 });
    for (const path of ['/_keyctl/verify', '/_keyctl/down', '/_keyctl/verify?x=1', '/x/..//_keyctl/verify']) {
      expect((await ask(port, as(sneak, { path }))).status).toBe(404);
    }
    expect(await installation.debits(['--account', 'sneak'])).toEqual([]);
  });
});

describe('OPTIONS', () => {
  test('passes without a key, uncharged and without an identity', async () => {
    const preflight = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST' };
    const lies = {
      'X-Keyctl-Account': 'somebody-else',
      'X-HTTP-Method-Override': 'POST',
      'X-Method-Override': 'POST',
      'X-HTTP-Method': 'POST',
    };
    const { value: answer, got } = await since(() => ask(port, { method: 'OPTIONS', path: '/things', headers: { ...preflight, ...lies } }));
    expect(answer.status).toBe(200);
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({ method: 'OPTIONS', path: '/things', headers: { origin: 'https://app.example' } });
    expect(Object.keys(got[0]?.headers ?? {}).filter((name) => /keyctl|override|x-http-method/.test(name))).toEqual([]);
  });

  test('with a key is not charged either', async () => {
    const browser = await installation.customer('browser', { credits: 1_000_000 });
    expect((await ask(port, as(browser, { method: 'OPTIONS' }))).status).toBe(200);
    expect(await installation.debits(['--account', 'browser'])).toEqual([]);
  });

  test('is the only method that does: others keep their override headers and need a key', async () => {
    for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
      const { value: answer, got } = await since(() => ask(port, { method, headers: { 'X-HTTP-Method-Override': 'OPTIONS' } }));
      expect(answer.status).not.toBe(200);
      expect(got).toEqual([]);
    }
  });
});

describe('one request is one debit', () => {
  test('when the API has to be tried twice', async () => {
    const patient = await installation.customer('patient', { credits: 1_000_000 });
    const dropped = broken.connections();
    const { value: answers, got } = await since(async () => {
      const all = [];
      for (let time = 0; time < 4; time += 1) all.push(await ask(trickyPort, as(patient, { path: '/retried/' })));
      return all;
    });
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(broken.connections()).toBeGreaterThan(dropped);
    expect(got).toHaveLength(4);
    expect(await installation.debits(['--account', 'patient'])).toHaveLength(4);
  });

  test('when an error page leads into another protected location', async () => {
    const led = await installation.customer('led', { credits: 1_000_000 });
    const { value: answer, got } = await since(() => ask(trickyPort, as(led, { path: '/missing/page' })));
    expect(answer.status).toBe(200);
    expect(got.map(({ path }) => path)).toEqual(['/missing/page', '/fallback/page']);
    const debits = await installation.debits(['--account', 'led']);
    expect(debits).toHaveLength(1);
    expect(got.map(({ headers }) => headers['x-keyctl-debit-id'])).toEqual([debits[0]?.['id'], debits[0]?.['id']]);
  });

  test('when the API sends it to another protected location', async () => {
    const sent = await installation.customer('sent', { credits: 1_000_000 });
    const { value: answer, got } = await since(() => ask(trickyPort, as(sent, { path: '/elsewhere/fallback/page' })));
    expect(answer.status).toBe(200);
    expect(got.map(({ path }) => path)).toEqual(['/elsewhere/fallback/page', '/fallback/page']);
    expect(await installation.debits(['--account', 'sent'])).toHaveLength(1);
  });

  test('when that location is of another service it is a conflict, 409, and the first debit stands', async () => {
    const torn = await installation.customer('torn', { credits: 1_000_000 });
    const { value: answer, got } = await since(() => ask(trickyPort, as(torn, { path: '/elsewhere/dear/page' })));
    expect(answer.status).toBe(409);
    expect(problem(answer)).toMatchObject({ code: 'request_id_conflict', title: 'Conflict' });
    expect(got).toHaveLength(1);
    expect(await installation.debits(['--account', 'torn'])).toMatchObject([{ service: 'default', cost: 100 }]);
  });

  test('when many come at once: exactly as many pass as the balance pays for', async () => {
    const crowd = await installation.customer('crowd', { credits: 2_050 });
    const { value: answers, got } = await since(() => Promise.all(Array.from({ length: 60 }, () => ask(port, as(crowd)))));
    const passed = answers.filter(({ status }) => status === 200);
    expect(passed).toHaveLength(20);
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(40);
    expect(got).toHaveLength(20);
    expect(await installation.debits(['--account', 'crowd'])).toHaveLength(20);
  });

  test('and all debits of the store are those that the API saw', async () => {
    const seen = upstream.received.map(({ headers }) => headers['x-keyctl-debit-id']).filter((id) => id !== undefined);
    const kept = (await installation.debits()).map((debit) => debit['id']);
    expect(kept.length).toBeGreaterThan(0);
    expect([...kept].sort()).toEqual([...new Set(seen)].sort());
  });
});

describe('without an answer from keyctl', () => {
  const unavailable = (answer: Answer): void => {
    expect(answer.status).toBe(503);
    expect(problem(answer)).toMatchObject({ code: 'store_unavailable', title: 'Service Unavailable' });
    expect(waitOf(answer)).toBeGreaterThan(0);
  };
  let customer: Customer;

  beforeAll(async () => {
    customer = await installation.customer('unlucky', { credits: 1_000_000 });
  });

  test('nobody is admitted while another process holds the store', async () => {
    const { default: Database } = await import('better-sqlite3');
    const other = new Database(installation.db);
    try {
      other.exec('BEGIN IMMEDIATE');
      const { value: answer, got } = await since(() => ask(port, as(customer)));
      unavailable(answer);
      expect(got).toEqual([]);
    } finally {
      other.close();
    }
    expect((await ask(port, as(customer))).status).toBe(200);
  });

  test('nobody is admitted while it hangs', async () => {
    serving.process.signal('SIGSTOP');
    try {
      const { value: answer, got } = await since(() => ask(port, as(customer)));
      unavailable(answer);
      expect(got).toEqual([]);
    } finally {
      serving.process.signal('SIGCONT');
    }
  });

  test('nobody is admitted while it is down, not even where the site makes 200 of every failure', async () => {
    expect(await serving.process.stop()).toBe(0);
    const { value: answers, got } = await since(() =>
      Promise.all([ask(port, as(customer)), ask(trickyPort, as(customer, { path: '/fallback/' })), ask(port, { path: '/without-a-key' })]),
    );
    answers.forEach(unavailable);
    expect(got).toEqual([]);
    // The site's own pages are the site's own.
    expect((await ask(trickyPort, { path: '/open/' })).body).toBe('sorry');
    expect((await ask(port, { method: 'OPTIONS' })).status).toBe(200);
  });

  test('and all goes on when it is back', async () => {
    serving = await installation.serve(COUNTERPART, serving.port);
    expect((await ask(port, as(customer))).status).toBe(200);
  });
});

test('a denial is no error to nginx', async () => {
  const log = nginx.errorLog();
  const unexpected = log.split('\n').filter((line) => line.includes('auth request unexpected status'));
  // Those of the tests in which keyctl could not answer: once while it hung, three times while it was down.
  expect(unexpected).toHaveLength(4);
});

test('the usage of the day is the sum of its debits', async () => {
  const usage = jsonOf(await installation.run(['usage', '--by', 'day', '--json']));
  const debits = await installation.debits();
  const credits = debits.reduce((sum, debit) => sum + Number(debit['cost']), 0);
  expect(usage['total']).toMatchObject({ requests: debits.length, credits });
});
