import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Counterpart } from './counterpart.ts';
import { describeCharges } from './proxy-charges.ts';
import { describeDenials } from './proxy-denials.ts';
import type { Behaviour } from './replayed.ts';
import { Traefik, type Release } from './traefik.ts';
import { header, type Header } from './wire.ts';

const RECIPE = 'recipes/traefik/keyctl.yml';
const RELEASES: readonly Release[] = ['2.11.0', '3.7.12'];

for (const release of RELEASES) {
  const behaviour: Behaviour = {
    ...{ recipe: RECIPE, twoKeys: 'missing_api_key', down: 500 },
    // The old one does not know aliasHeadersStrategy.
    ...(release === '2.11.0' ? { keepsAliases: true } : {}),
  };
  describeCharges(`recipes/traefik as Traefik ${release} would do it`, (port) => new Traefik(release, port), behaviour);
  describeDenials(`recipes/traefik as Traefik ${release} would do it`, (port) => new Traefik(release, port), behaviour);
}

describe('recipes/traefik, changed', () => {
  let keyctl: Counterpart;

  beforeAll(async () => {
    keyctl = await Counterpart.start(RECIPE);
  });

  afterAll(() => keyctl.end());

  test.each(['GET', 'HEAD', 'POST', 'DELETE'])('with preserveRequestMethod %s is one debit, too', async (method) => {
    const account = `kept-${method.toLowerCase()}`;
    const { apiKey } = await keyctl.holder(account);
    const traefik = new Traefik('3.7.12', keyctl.port, { preserveRequestMethod: true });
    const headers: readonly Header[] = [['X-API-Key', apiKey]];
    for (let time = 0; time < 2; time += 1) expect(await traefik.handle({ method, headers })).toMatchObject({ passed: true });
    expect(traefik.connection.connections).toBe(1);
    traefik.connection.close();
    expect(await keyctl.debits(account)).toHaveLength(2);
  });

  test('with forwardBody a body is read and thrown away, and cannot be a second question', async () => {
    const { apiKey } = await keyctl.holder('bodied');
    const traefik = new Traefik('3.7.12', keyctl.port, { forwardBody: true, preserveRequestMethod: true });
    const headers: readonly Header[] = [['X-API-Key', apiKey]];
    const body = `GET /verify/default HTTP/1.1\r\nHost: x\r\nX-API-Key: ${apiKey}\r\n\r\n`;
    for (let time = 0; time < 3; time += 1) expect(await traefik.handle({ method: 'POST', headers, body })).toMatchObject({ passed: true });
    traefik.connection.close();
    expect(await keyctl.debits('bodied')).toHaveLength(3);
  });

  test('with all headers of the client passed on, the verdict is the same', async () => {
    const { apiKey, key } = await keyctl.holder('open', 1_000, { allowedIps: ['203.0.113.9/32'] });
    const traefik = new Traefik('2.11.0', keyctl.port, { authRequestHeaders: [] });
    const more: readonly Header[] = [
      ['X-API-Key', apiKey],
      ['Cookie', 'session=1'],
      ['Authorization', 'Bearer its-own'],
      ['X-Forwarded-For', '198.51.100.1'],
      ['Content-Length', '17'],
      ['Expect', '100-continue'],
    ];
    const outcome = await traefik.handle({ headers: more.filter(([name]) => name !== 'Expect'), from: '203.0.113.9' });
    expect(outcome.passed ? header(outcome.headers, 'x-keyctl-key-id') : outcome).toBe(key.id);
    traefik.connection.close();
    expect(await keyctl.debits('open')).toHaveLength(1);
  });

  test('a client cannot have its key taken off on the way, or it is not let through', async () => {
    const { apiKey } = await keyctl.holder('hop');
    const traefik = new Traefik('3.7.12', keyctl.port);
    const headers: readonly Header[] = [
      ['X-API-Key', apiKey],
      ['Connection', 'close, X-Api-Key'],
    ];
    expect(await traefik.handle({ headers })).toMatchObject({ passed: false, answer: { status: 401 } });
    traefik.connection.close();
    expect(await keyctl.debits('hop')).toEqual([]);
  });

  test('a store that is locked is 503 with Retry-After, and nobody passes', async () => {
    const { apiKey } = await keyctl.holder('locked');
    const traefik = new Traefik('3.7.12', keyctl.port);
    const outcome = await keyctl.locked(() => traefik.handle({ headers: [['X-API-Key', apiKey]] }));
    expect(outcome).toMatchObject({ passed: false, answer: { status: 503 } });
    if (!outcome.passed) expect(header(outcome.answer.headers, 'retry-after')).toBe('1');
    expect(await traefik.handle({ headers: [['X-API-Key', apiKey]] })).toMatchObject({ passed: true });
    traefik.connection.close();
  });
});
