import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NGINX } from './nginx.ts';
import { as, problemIn, ProtectedApi } from './protected-api.ts';
import { describeAdmission } from './proxy-admission.ts';
import { describeDenials } from './proxy-denials.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(NGINX);
});

afterAll(async () => {
  await api.close();
});

describeAdmission(() => api);
describeDenials(() => api);

test('what nginx itself denies is told as that, and not as a verdict of keyctl', async () => {
  const walled = await api.installation.customer('outside', { credits: 1_000_000 });
  const answer = await api.askTricky(as(walled, { path: '/walled/' }));
  expect(answer.status).toBe(403);
  expect(problemIn(answer)).toMatchObject({ code: 'forbidden' });
});

test('there is no other door: the internal locations are closed to clients', async () => {
  const sneak = await api.installation.customer('sneak', { credits: 1_000_000 });
  for (const path of ['/_keyctl/verify', '/_keyctl/down', '/_keyctl/verify?x=1', '/x/..//_keyctl/verify']) {
    expect((await api.ask(as(sneak, { path }))).status).toBe(404);
  }
  expect(await api.installation.debits(['--account', 'sneak'])).toEqual([]);
});
