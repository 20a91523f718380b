import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HAPROXY } from './haproxy.ts';
import { as, ProtectedApi } from './protected-api.ts';
import { describeCharges } from './proxy-charges.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(HAPROXY, { lossy: true });
});

afterAll(async () => {
  await api.close();
});

test('a question whose answer got lost is asked again, and charged once', async () => {
  const unheard = await api.installation.customer('unheard', { credits: 1_000_000 });
  expect((await api.ask(as(unheard))).status).toBe(200);
  for (let time = 1; time <= 3; time += 1) {
    api.relay.loseNextAnswer();
    const { value: answer, got } = await api.watch(() => api.ask(as(unheard)));
    expect(answer.status).toBe(200);
    expect(api.relay.lost()).toBe(time);
    const debits = await api.installation.debits(['--account', 'unheard']);
    expect(debits).toHaveLength(1 + time);
    expect(got.map(({ headers }) => headers['x-keyctl-debit-id'])).toEqual([debits[0]?.['id']]);
  }
});

test('questions share connections', async () => {
  const steady = await api.installation.customer('steady', { credits: 1_000_000 });
  const before = api.relay.connections();
  for (let time = 0; time < 20; time += 1) await api.ask(as(steady));
  expect(await api.installation.debits(['--account', 'steady'])).toHaveLength(20);
  expect(api.relay.connections() - before).toBeLessThan(5);
});

describeCharges(() => api);
