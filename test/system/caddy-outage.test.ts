import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CADDY, CADDY_WITHOUT_ERRORS } from './caddy.ts';
import { as, ProtectedApi } from './protected-api.ts';
import { describeImpostor, describeOutage } from './proxy-outage.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(CADDY);
});

afterAll(async () => {
  await api.close();
});

describeOutage(() => api);
describeImpostor(() => api);

test('a site that says nothing about errors admits nobody either, and what Caddy says of them has neither key nor query', async () => {
  const silent = await ProtectedApi.open(CADDY_WITHOUT_ERRORS);
  try {
    const customer = await silent.installation.customer('unlucky', { credits: 1_000_000 });
    await silent.keyctl.stop();
    const { value: answer, got } = await silent.watch(() => silent.ask(as(customer, { path: '/noted?secret=hidden' })));
    expect(answer.status).toBe(502);
    expect(got).toEqual([]);
    await silent.proxy.process.said(/"logger":"http.log.error.*\/noted/);
    for (const log of [silent.proxy.errorLog(), silent.proxy.accessLog()]) {
      expect(log).not.toContain(customer.secret);
      expect(log).not.toContain('hidden');
    }
  } finally {
    await silent.close();
  }
});
