import { afterAll, beforeAll } from '@jest/globals';
import { CADDY } from './caddy.ts';
import { ProtectedApi } from './protected-api.ts';
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
