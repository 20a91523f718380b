import { afterAll, beforeAll } from '@jest/globals';
import { HAPROXY } from './haproxy.ts';
import { ProtectedApi } from './protected-api.ts';
import { describeAdmission } from './proxy-admission.ts';
import { describeDenials } from './proxy-denials.ts';
import { describeProtocols } from './proxy-protocols.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open(HAPROXY);
});

afterAll(async () => {
  await api.close();
});

describeAdmission(() => api);
describeDenials(() => api);
describeProtocols(() => api);
