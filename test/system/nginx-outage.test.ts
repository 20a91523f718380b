import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NGINX } from './nginx.ts';
import { ProtectedApi } from './protected-api.ts';
import { describeOutage } from './proxy-outage.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(NGINX);
});

afterAll(async () => {
  await api.close();
});

describeOutage(() => api);

test('a denial is no error to nginx', () => {
  const log = api.proxy.errorLog();
  const unexpected = log.split('\n').filter((line) => line.includes('auth request unexpected status'));
  // Those of the tests in which keyctl could not answer: once while it hung, three times while it was down.
  expect(unexpected).toHaveLength(4);
});
