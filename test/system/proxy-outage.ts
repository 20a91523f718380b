import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer } from './http-client.ts';
import type { Customer } from './installation.ts';
import { as, problemIn, waitIn, type ProtectedApi } from './protected-api.ts';
import { eventually } from './running.ts';

function unavailable(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(problemIn(answer)).toMatchObject({ code: 'store_unavailable', title: 'Service Unavailable' });
  expect(waitIn(answer)).toBeGreaterThan(0);
}

/** What every recipe promises while keyctl cannot answer. It ends with a keyctl that runs again. */
export function describeOutage(api: () => ProtectedApi): void {
  describe('without an answer from keyctl', () => {
    let customer: Customer;

    beforeAll(async () => {
      customer = await api().installation.customer('unlucky', { credits: 1_000_000 });
    });

    test('nobody is admitted while another process holds the store', async () => {
      const { default: Database } = await import('better-sqlite3');
      const other = new Database(api().installation.db);
      try {
        other.exec('BEGIN IMMEDIATE');
        const { value: answer, got } = await api().watch(() => api().ask(as(customer)));
        unavailable(answer);
        expect(got).toEqual([]);
      } finally {
        other.close();
      }
      expect((await api().ask(as(customer))).status).toBe(200);
    });

    test('nobody is admitted while it hangs', async () => {
      api().keyctl.signal('SIGSTOP');
      try {
        const { value: answer, got } = await api().watch(() => api().ask(as(customer)));
        unavailable(answer);
        expect(got).toEqual([]);
      } finally {
        api().keyctl.signal('SIGCONT');
      }
    });

    test('nobody is admitted while it is down, not even where the site makes 200 of every failure', async () => {
      expect(await api().keyctl.stop()).toBe(0);
      const { value: answers, got } = await api().watch(() =>
        Promise.all([
          api().ask(as(customer)),
          api().askTricky(as(customer, { path: '/fallback/' })),
          api().ask({ path: '/without-a-key' }),
        ]),
      );
      answers.forEach(unavailable);
      expect(got).toEqual([]);
      // The site's own pages are the site's own.
      expect((await api().askTricky({ path: '/open/' })).body).toBe('sorry');
      expect((await api().ask({ method: 'OPTIONS' })).status).toBe(200);
    });

    test('and all goes on when it is back', async () => {
      await api().serveAgain();
      expect((await api().ask(as(customer))).status).toBe(200);
    });

    test('and no log has the key, whatever failed', async () => {
      // The API itself is down there, which proxies find worth a line.
      await api().askTricky(as(customer, { path: '/open/' }));
      await eventually(() => {
        expect(api().proxy.accessLog()).toContain(customer.keyId);
      });
      expect(api().proxy.accessLog()).not.toContain(customer.secret);
      expect(api().proxy.errorLog()).not.toContain(customer.secret);
    });
  });
}

/** What recipes promise that look at the verdict, and not only at the status: another program in keyctl's place admits nobody. */
export function describeImpostor(api: () => ProtectedApi): void {
  test('nobody is admitted by a program that answers in the place of keyctl', async () => {
    const misled = await api().installation.customer('misled', { credits: 1_000_000 });
    await api().keyctl.stop();
    const answers = [
      [200, {}],
      [200, { 'X-Keyctl-Code': 'okay' }],
      [403, { 'X-Keyctl-Code': 'ok' }],
      [204, { 'X-Keyctl-Code': 'ok' }],
    ] as const;
    for (const [status, headers] of answers) {
      const impostor = await api().startImpostor(status, headers);
      const { value: answer, got } = await api().watch(() => api().ask(as(misled, { path: '/?secret=hidden' })));
      await impostor.stop();
      if (status < 300) unavailable(answer);
      expect(answer.status).not.toBe(200);
      expect(got).toEqual([]);
    }
    expect(api().proxy.errorLog()).not.toContain('hidden');
    await api().serveAgain();
    expect((await api().ask(as(misled))).status).toBe(200);
  });
}
