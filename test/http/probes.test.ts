import { afterEach, describe, expect, test } from '@jest/globals';
import { ROUTES } from '../../src/http/routes.ts';
import { reset } from '../../src/operations/reset.ts';
import { ACTOR } from '../harness.ts';
import { Served, createAccount, createService, json, replaced, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

const FAILING: ServedOptions = {
  behind: (store) => {
    let reads = 0;
    return replaced(store, {
      // The first read is the server's own, at its start.
      read: (act) => {
        reads += 1;
        return reads === 1 ? store.read(act) : Promise.reject(new Error('kc_prod_something secret'));
      },
    });
  },
};

describe('liveness and readiness', () => {
  test('are ok while the store answers', async () => {
    await serve();
    for (const path of ['/healthz', '/readyz', '/healthz?x=1']) {
      const answer = await served.ask(path);
      expect(answer).toMatchObject({ status: 200, body: '{"status":"ok"}' });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  test('are logged when they begin to fail and when they work again, not each time', async () => {
    let broken = false;
    const failed = (): Promise<never> => Promise.reject(new Error('no disk'));
    await serve({ behind: (store) => replaced(store, { read: (act) => (broken ? failed() : store.read(act)) }) });
    const ask = async (): Promise<number> => (await served.ask('/readyz')).status;
    for (const down of [true, false, true]) {
      broken = down;
      for (let time = 0; time < 3; time += 1) expect(await ask()).toBe(down ? 503 : 200);
    }
    const told = served.logs.map(({ message }) => message).filter((message) => message.includes('requests'));
    expect(told).toEqual(['requests fail and are answered 503', 'requests are answered again', 'requests fail and are answered 503']);
  });

  test('differ when it does not, and what is logged of a failure is where it was, not what it said', async () => {
    await serve(FAILING);
    expect((await served.ask('/healthz')).status).toBe(200);
    const answer = await served.ask('/readyz');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(json(answer)).toMatchObject({ code: 'store_unavailable' });
    expect(JSON.stringify(served.logs)).not.toContain('something secret');
    expect(served.logs).toContainEqual(expect.objectContaining({ level: 'error', fields: expect.objectContaining({ error: 'Error' }) }));
  });
});

describe('/metrics', () => {
  /** The samples of one metric, by their labels. */
  async function samples(name: string): Promise<Record<string, number>> {
    const { body, headers } = await served.ask('/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = body.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return Object.fromEntries(
      lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  test('counts verdicts by code, service and tier, credits, batches and what waits', async () => {
    await serve({ before: (store) => createService(store, 'cheap', 7) });
    const { apiKey } = await served.key();
    await served.verify(apiKey);
    await served.verify(apiKey);
    await served.verify(apiKey, '/verify/cheap');
    await served.ask('/verify');
    await served.verify('nonsense');
    await served.verify(apiKey, '/verify/no-such-service');
    expect(await samples('keyctl_verdicts_total')).toEqual({
      '{code="ok",service="default",tier="free"}': 2,
      '{code="ok",service="cheap",tier="free"}': 1,
      '{code="missing_api_key",service="default",tier=""}': 1,
      '{code="invalid_api_key",service="default",tier=""}': 1,
      '{code="unknown_service",service="",tier=""}': 1,
      '{code="store_unavailable",service="",tier=""}': 0,
    });
    expect(await samples('keyctl_credits_spent_total')).toEqual({ '': 207 });
    expect(await samples('keyctl_batch_size_count')).toEqual({ '': 5 });
    expect(await samples('keyctl_settle_seconds_count')).toEqual({ '': 5 });
    expect(await samples('keyctl_queue_depth')).toEqual({ '': 0 });
    expect(Object.keys(await samples('nodejs_eventloop_lag_seconds'))).toHaveLength(1);
  });

  test('holds no name that a client chose, however many it tries', async () => {
    await serve();
    const { apiKey } = await served.key();
    for (let service = 0; service < 30; service += 1) await served.verify(apiKey, `/verify/made-up-${String(service)}`);
    expect(Object.keys(await samples('keyctl_verdicts_total'))).toHaveLength(2);
    expect((await served.ask('/metrics')).body).not.toContain('made-up');
  });

  test('tells apart a thousand combinations of code, service and tier, and loses no count of the others', async () => {
    const services = Array.from({ length: 1_040 }, (_, number) => `s${String(number)}`);
    await serve({
      before: async (store) => {
        for (const name of services) await createService(store, name, 1);
      },
    });
    const { apiKey } = await served.key();
    for (const name of services) await served.ask(`/verify/${name}`);
    await served.verify(apiKey);
    const verdicts = await samples('keyctl_verdicts_total');
    expect(Object.keys(verdicts)).toHaveLength(1_002);
    expect(verdicts).toMatchObject({
      '{code="missing_api_key",service="_other",tier="_other"}': 41,
      '{code="ok",service="_other",tier="_other"}': 1,
      '{code="missing_api_key",service="s0",tier=""}': 1,
    });
    expect(await samples('keyctl_credits_spent_total')).toEqual({ '': 100 });
  });

  test('says until when the days are closed, when reset ran, and whether the store can be read', async () => {
    let broken = false;
    await serve({
      behind: (store) => replaced(store, { read: (act) => (broken ? Promise.reject(new Error('disk')) : store.read(act)) }),
    });
    const values = async (): Promise<unknown[]> =>
      Promise.all(
        ['keyctl_closed_until_timestamp_seconds', 'keyctl_reset_last_run_timestamp_seconds', 'keyctl_store_up'].map(
          async (name) => (await samples(name))[''],
        ),
      );
    const seconds = (instant: string): number => Date.parse(instant) / 1_000;
    expect(await values()).toEqual([seconds('2026-11-22T00:00:00Z'), 0, 1]);
    served.clock.now = Date.parse('2026-11-24T03:00:00Z');
    expect(await values()).toEqual([seconds('2026-11-22T00:00:00Z'), 0, 1]);
    await reset(served.store, ACTOR, false);
    expect(await values()).toEqual([seconds('2026-11-24T00:00:00Z'), seconds('2026-11-24T03:00:00Z'), 1]);
    broken = true;
    expect(await values()).toEqual([seconds('2026-11-24T00:00:00Z'), seconds('2026-11-24T03:00:00Z'), 0]);
    broken = false;
    expect((await values())[2]).toBe(1);
  });

  test('knows neither keys nor accounts', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'somebody', 1_000);
    const { apiKey, key } = await served.key({ accountRef, name: 'their key' });
    await served.verify(apiKey);
    const { body } = await served.ask('/metrics');
    for (const word of [key.id, key.mask, 'their key', 'account="somebody"']) expect(body).not.toContain(word);
  });
});

describe('/openapi.json', () => {
  type Document = { openapi: string; paths: Record<string, Record<string, unknown>>; components: { schemas: Record<string, unknown> } };

  async function document(): Promise<Document> {
    return json(await served.ask('/openapi.json')) as unknown as Document;
  }

  /** Every path and method of the document, with a service, a rest and an id filled in. */
  async function operations(): Promise<{ path: string; method: string; template: string }[]> {
    const { paths } = await document();
    return Object.entries(paths).flatMap(([template, item]) =>
      Object.keys(item)
        .filter((name) => name !== 'parameters')
        .map((method) => ({
          method: method.toUpperCase(),
          template,
          path: template.replace(/\{(\w+)\}/g, (_, name) => (name === 'service' ? 'default' : 'deb_1')),
        })),
    );
  }

  test('is OpenAPI 3.1 whose references all exist', async () => {
    await serve({ header: 'X-Token' });
    const answer = await served.ask('/openapi.json');
    expect(answer.headers['content-type']).toBe('application/json');
    const { openapi, components } = await document();
    expect(openapi).toBe('3.1.0');
    const references = [...answer.body.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references)
      expect(Object.keys(components.schemas).map((name) => `#/components/schemas/${name}`)).toContain(reference);
    expect(answer.body).toContain('"name":"X-Token"');
  });

  test('lists every route, and each of them is there with that method', async () => {
    await serve();
    const listed = await operations();
    expect(listed.map(({ template, method }) => `${method} ${template}`).sort()).toEqual(
      Object.values(ROUTES)
        .flatMap(({ paths, methods }) => paths.flatMap((path) => methods.map((method) => `${method} ${path}`)))
        .sort(),
    );
    for (const { path, method } of listed) {
      const answer = await served.ask(path, { method });
      if (path.startsWith('/v1/debits/')) expect(json(answer)).toMatchObject({ code: 'not_found', detail: 'There is no such debit.' });
      else expect([200, 400, 401, 403]).toContain(answer.status);
    }
  });

  test('lists no method that a route does not take', async () => {
    await serve();
    const listed = await operations();
    for (const path of new Set(listed.map((operation) => operation.path).filter((found) => !found.startsWith('/verify')))) {
      const taken = listed.filter((operation) => operation.path === path).map(({ method }) => method);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((candidate) => !taken.includes(candidate))) {
        const answer = await served.ask(path, { method });
        expect(answer.status).toBe(405);
        expect(answer.headers['allow']).toBe(taken.join(', '));
        expect(json(answer)).toMatchObject({ code: 'method_not_allowed' });
      }
    }
  });

  test('describes what the input is held to', async () => {
    await serve();
    const { components } = await document();
    expect(components.schemas['Question']).toMatchObject({
      type: 'object',
      required: ['apiKey'],
      additionalProperties: false,
      properties: { cost: { type: 'integer', minimum: 0, maximum: 1_000_000_000 }, requestId: { pattern: '^[\\x21-\\x7e]{1,128}$' } },
    });
    const pattern = new RegExp('^[\\x21-\\x7e]{1,128}$');
    for (const requestId of ['a', '!~', 'a'.repeat(128), '', 'a b', 'a'.repeat(129), 'é']) {
      expect((await served.question({ apiKey: '', requestId })).status === 200).toBe(pattern.test(requestId));
    }
  });
});

test('what is no route is 404, by any method', async () => {
  await serve();
  for (const path of [
    '/',
    '/v1',
    '/v1/verify/',
    '/v1/debits',
    '/v1/debits/a/b/refund',
    '/healthz/',
    '/METRICS',
    '/%68ealthz',
    '//healthz',
  ]) {
    const answer = await served.ask(path, { method: 'POST', body: 'x' });
    expect(answer.status).toBe(404);
    expect(json(answer)).toMatchObject({ code: 'not_found', detail: 'There is no such route.' });
  }
});
