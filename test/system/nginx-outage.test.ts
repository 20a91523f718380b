import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer } from './http-client.ts';
import type { Customer } from './installation.ts';
import { as, problemIn, ProtectedApi, waitIn } from './protected-api.ts';

let api: ProtectedApi;

beforeAll(async () => {
  api = await ProtectedApi.open();
});

afterAll(async () => {
  await api.close();
});

describe('without an answer from keyctl', () => {
  const unavailable = (answer: Answer): void => {
    expect(answer.status).toBe(503);
    expect(problemIn(answer)).toMatchObject({ code: 'store_unavailable', title: 'Service Unavailable' });
    expect(waitIn(answer)).toBeGreaterThan(0);
  };
  let customer: Customer;

  beforeAll(async () => {
    customer = await api.installation.customer('unlucky', { credits: 1_000_000 });
  });

  test('nobody is admitted while another process holds the store', async () => {
    const { default: Database } = await import('better-sqlite3');
    const other = new Database(api.installation.db);
    try {
      other.exec('BEGIN IMMEDIATE');
      const { value: answer, got } = await api.watch(() => api.ask(as(customer)));
      unavailable(answer);
      expect(got).toEqual([]);
    } finally {
      other.close();
    }
    expect((await api.ask(as(customer))).status).toBe(200);
  });

  test('nobody is admitted while it hangs', async () => {
    api.keyctl.signal('SIGSTOP');
    try {
      const { value: answer, got } = await api.watch(() => api.ask(as(customer)));
      unavailable(answer);
      expect(got).toEqual([]);
    } finally {
      api.keyctl.signal('SIGCONT');
    }
  });

  test('nobody is admitted while it is down, not even where the site makes 200 of every failure', async () => {
    expect(await api.keyctl.stop()).toBe(0);
    const { value: answers, got } = await api.watch(() =>
      Promise.all([api.ask(as(customer)), api.askTricky(as(customer, { path: '/fallback/' })), api.ask({ path: '/without-a-key' })]),
    );
    answers.forEach(unavailable);
    expect(got).toEqual([]);
    // The site's own pages are the site's own.
    expect((await api.askTricky({ path: '/open/' })).body).toBe('sorry');
    expect((await api.ask({ method: 'OPTIONS' })).status).toBe(200);
  });

  test('and all goes on when it is back', async () => {
    await api.serveAgain();
    expect((await api.ask(as(customer))).status).toBe(200);
  });
});

test('a denial is no error to nginx', async () => {
  const log = api.nginx.errorLog();
  const unexpected = log.split('\n').filter((line) => line.includes('auth request unexpected status'));
  // Those of the tests in which keyctl could not answer: once while it hung, three times while it was down.
  expect(unexpected).toHaveLength(4);
});
