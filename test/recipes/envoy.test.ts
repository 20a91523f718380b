import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { jsonOf } from '../system/http-client.ts';
import { Counterpart } from './counterpart.ts';
import { Envoy } from './envoy.ts';
import { describeCharges } from './proxy-charges.ts';
import { describeDenials } from './proxy-denials.ts';
import type { Behaviour } from './replayed.ts';
import { header, type Header } from './wire.ts';

const RECIPE = 'recipes/envoy/envoy.yaml';

const BEHAVIOUR: Behaviour = { recipe: RECIPE, twoKeys: 'invalid_api_key', down: 503 };

describeCharges('recipes/envoy as Envoy would do it', (port) => new Envoy(port), BEHAVIOUR);
describeDenials('recipes/envoy as Envoy would do it', (port) => new Envoy(port), BEHAVIOUR);

describe(RECIPE, () => {
  let keyctl: Counterpart;
  let envoy: Envoy;

  beforeAll(async () => {
    keyctl = await Counterpart.start(RECIPE);
    envoy = new Envoy(keyctl.port);
  });

  afterAll(async () => {
    envoy.connection.close();
    await keyctl.end();
  });

  test('the client learns its credits from keyctl, and from nobody else', async () => {
    const { apiKey } = await keyctl.holder('told');
    const outcome = await envoy.handle({ headers: [['X-API-Key', apiKey]] });
    const toClient = outcome.passed ? outcome.toClient : [];
    expect(header(toClient, 'x-credits-consumed')).toBe('100');
    expect(header(toClient, 'ratelimit')).toMatch(/^"daily";r=9999;t=\d+$/);
    const [{ response_headers_to_remove: removed }] = envoy.manager.route_config.virtual_hosts;
    expect(toClient.map(([name]) => name).sort()).toEqual([...removed].sort());
  });

  test('an Authorization of the client, which Envoy always passes on, changes nothing', async () => {
    const { apiKey } = await keyctl.holder('authorised');
    const headers: readonly Header[] = [
      ['X-API-Key', apiKey],
      ['Authorization', 'Bearer its-own'],
      ['Content-Length', '17'],
    ];
    expect(await envoy.handle({ method: 'POST', headers })).toMatchObject({ passed: true });
    expect(await keyctl.debits('authorised')).toHaveLength(1);
  });

  test.each(['evil.example', 'a_b', '[::1]:99', '127.0.0.1:8080', 'xn--nxasmq6b'])(
    'the Host may be whatever the client says: %s',
    async (host) => {
      const { apiKey } = await keyctl.holder(`host-${host.replaceAll(/\W/g, '')}`);
      const headers: readonly Header[] = [
        ['Host', host],
        ['X-API-Key', apiKey],
      ];
      expect(await envoy.handle({ headers })).toMatchObject({ passed: true });
    },
  );

  test('a path longer than keyctl reads is refused', async () => {
    const { apiKey } = await keyctl.holder('long');
    const one = new Envoy(keyctl.port);
    const outcome = await one.handle({ target: `/${'x'.repeat(20_000)}`, headers: [['X-API-Key', apiKey]] });
    one.connection.close();
    expect(outcome).toMatchObject({ passed: false, answer: { status: 431 } });
    expect(await keyctl.debits('long')).toEqual([]);
  });

  test('a store that is locked is told as keyctl itself tells it', async () => {
    const { apiKey } = await keyctl.holder('locked');
    const headers: readonly Header[] = [['X-API-Key', apiKey]];
    const outcome = await keyctl.locked(() => envoy.handle({ headers }));
    const own = await keyctl.locked(() => fetch(`${keyctl.url}/verify`, { headers: { 'X-API-Key': apiKey } }));
    if (outcome.passed) throw new Error('it was let through');
    expect(outcome.answer.status).toBe(own.status);
    expect(jsonOf(outcome.answer.body)).toEqual(jsonOf(await own.text()));
    for (const name of ['content-type', 'retry-after', 'cache-control', 'x-keyctl-code']) {
      expect(header(outcome.answer.headers, name)).toBe(own.headers.get(name));
    }
    expect(await envoy.handle({ headers })).toMatchObject({ passed: true });
  });

  test('the two filters differ in the service and in nothing else, and fail closed', () => {
    const [first, second] = envoy.filters;
    const { path_prefix: one, ...http } = first?.typed_config.http_service ?? { path_prefix: '' };
    const { path_prefix: other, ...otherHttp } = second?.typed_config.http_service ?? { path_prefix: '' };
    expect([one, other]).toEqual(['/verify/default', '/verify/search']);
    expect({ ...second?.typed_config, http_service: otherHttp }).toEqual({ ...first?.typed_config, http_service: http });
    expect(first?.typed_config).toMatchObject({ failure_mode_allow: false, transport_api_version: 'V3' });
  });

  test('it waits longer than keyctl takes, and lets go of connections before keyctl does', () => {
    const seconds = (text: string | undefined): number => Number(/^(\d+)s$/.exec(text ?? '')?.[1]);
    for (const { typed_config: settings } of envoy.filters) {
      const { server_uri: server } = settings.http_service;
      expect(seconds(server.timeout)).toBeGreaterThanOrEqual(2);
      const cluster = envoy.bootstrap.static_resources.clusters.find(({ name }) => name === server.cluster);
      const [options] = Object.values(cluster?.typed_extension_protocol_options ?? {});
      expect(seconds(options?.common_http_protocol_options.idle_timeout)).toBeLessThanOrEqual(60);
    }
    expect(envoy.manager).toMatchObject({ use_remote_address: true, normalize_path: true, merge_slashes: true });
  });
});
