import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HAPROXY, haproxyWith } from './haproxy.ts';
import { as, problemIn, ProtectedApi } from './protected-api.ts';
import { describeImpostor, describeOutage } from './proxy-outage.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(HAPROXY);
});

afterAll(async () => {
  await api.close();
});

describeOutage(() => api);
describeImpostor(() => api);

test.each([
  ['fails', 'error("broken")'],
  ['says nothing', 'return'],
  ['ends with a word that is no verdict', 'txn:set_var("txn.keyctl_code", "okay")'],
])('nobody is admitted by Lua that %s', async (_, body) => {
  const broken = await ProtectedApi.open(haproxyWith(`core.register_action("keyctl", { "http-req" }, function(txn) ${body} end)`));
  try {
    const customer = await broken.installation.customer('unlucky', { credits: 1_000_000 });
    const { value: answer, got } = await broken.watch(() => broken.ask(as(customer)));
    expect(answer.status).toBe(503);
    expect(problemIn(answer)).toMatchObject({ code: 'store_unavailable' });
    expect(got).toEqual([]);
  } finally {
    await broken.close();
  }
});
