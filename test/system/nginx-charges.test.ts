import { afterAll, beforeAll } from '@jest/globals';
import { NGINX } from './nginx.ts';
import { ProtectedApi } from './protected-api.ts';
import { describeCharges } from './proxy-charges.ts';
import { describeRedirects } from './proxy-redirects.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(NGINX);
});

afterAll(async () => {
  await api.close();
});

describeRedirects(() => api);
describeCharges(() => api);
